/* The order book: what becomes of a draft, of a report from a bank, of a key or a policy in the
 * feed of a branch. Runs inside the caller's transaction (store_begin()); reads no clock. */
#pragma once

#include "hq/draft.h"
#include "hq/store.h"

enum book_outcome {
    BOOK_IMPORTED,  /* new order, its document is in the feed */
    BOOK_CHANGED,   /* higher rev in the feed */
    BOOK_UNCHANGED, /* the same as before: nothing in the feed */
    BOOK_REJECTED,  /* *ret_problem says why; nothing was written */
};
const char *book_outcome_name(enum book_outcome outcome);

/* Enters a draft. A new order gets a random handle and a pickup number that is unique in its
 * branch, kept here and in the document only as its digest under `number_key`. Returns 0 with
 * *ret_outcome, or -errno of the store (the caller rolls back). */
int book_enter(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
               const struct draft *draft, enum book_outcome *ret_outcome,
               struct draft_problem *ret_problem);

/* A pickup number that no order of the branch has; -ENOSPC when none was found. */
int book_choose_number(struct store *store, const char *branch, char ret_number[NUMBER_DIGITS + 1]);

/* Reflects an event of `bank` in the order's document, so that the other banks of the branch and a
 * replaced board learn where parcels lie (docs/protocol.md). Returns 1 when the document changed, 0
 * when there is nothing to reflect, or -errno. */
int book_evidence(struct store *store, const char *branch, const char *bank, const char *log,
                  const json_t *event);

/* Puts a document other than an order into the branch's feed unless the same is there: 1 = put, 0 =
 * was there. `document` gets rev and seq. */
int book_publish(struct store *store, const char *branch, const char *kind, const char *name,
                 json_t *document);
