/* HQ's store, hq.db in the state folder: documents in their feeds, the shop's orders, what the
 * banks reported. All SQL is in store-sql.c. Every writer below must run between store_begin() and
 * store_commit(); seq thereby becomes visible in commit order. Silent. */
#pragma once

#include "common/db.h"
#include "common/event.h"
#include "common/number.h"
#include "common/uuid.h"
#include "common/wire.h"
#include "hq/store-sql.h"

#include <jansson.h>

#define STORE_DIGEST_BYTES 32

struct store {
    struct db *db;
    sqlite3_stmt *sql[S_COUNT];
};

/* Opens FOLDER/hq.db, with `make` makes it. Returns as db_open(); -ENOENT when it is not there.
 * ":memory:" as folder is a store in memory, for tests. */
int store_open(const char *folder, bool make, struct store **ret_store, char **ret_error);
struct store *store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free);

int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

/* The feed's identity; made with the store. */
int store_feed(struct store *store, char ret_feed[UUID_LENGTH + 1]);
/* Takes a new one, because HQ's history was rolled back. */
int store_new_feed(struct store *store, char ret_feed[UUID_LENGTH + 1]);

/* The connection of `serve` to the broker, for `pickup-hq status`: one word, a sentence, since when
 * (ms UTC). Reading: 1 = known (texts owned by the caller), 0 = `serve` never ran. */
int store_set_link(struct store *store, const char *word, const char *detail, int64_t since_ms);
int store_link(struct store *store, char **ret_word, char **ret_detail, int64_t *ret_since_ms);

/* The highest seq of a branch's feed, 0 = none. */
int store_seq(struct store *store, const char *branch, int64_t *ret_seq);
/* How many documents of a branch's feed come after `after`. */
int store_count_documents(struct store *store, const char *branch, int64_t after,
                          int64_t *ret_count);
/* A document of a feed, a new reference: 1 = found, 0 = none. */
int store_document(struct store *store, const char *branch, const char *kind, const char *name,
                   json_t **ret_document);
/* Writes a document: its `rev` becomes one more than it says (1 when it says none), its `seq` the
 * branch's next. */
int store_put_document(struct store *store, const char *branch, const char *kind, const char *name,
                       json_t *document);
/* The documents with after < seq <= through in rising order, for as long as `each` returns > 0;
 * what else it returns comes out. `body` is valid during the call. */
typedef int (*store_document_fn)(void *userdata, int64_t seq, const char *body, size_t n_body);
int store_documents(struct store *store, const char *branch, int64_t after, int64_t through,
                    store_document_fn each, void *userdata);

/* What HQ keeps of an order beside its document. */
struct store_order {
    int64_t id;
    char branch[33];
    char handle[17]; /* 16 lower-case hexadecimal digits */
    char number[NUMBER_DIGITS + 1];
    int64_t source_rev; /* the shop's own revision; -1 = not given */
    uint8_t draft_digest[STORE_DIGEST_BYTES];
    char called_back[16]; /* "held" or "cancelled" by HQ itself; "" = as the shop says */
};

/* 1 = found, 0 = none. */
int store_order(struct store *store, const char *name, struct store_order *ret_order);
/* Adds it and sets order->id. */
int store_add_order(struct store *store, const char *name, struct store_order *order);
/* Stores source_rev and draft_digest of order->id. */
int store_set_order(struct store *store, const struct store_order *order);
/* Stores branch, number and called_back of order->id. */
int store_place_order(struct store *store, const struct store_order *order);
/* 1 = taken, 0 = free. */
int store_number_used(struct store *store, const char *branch, const char *number);
int store_handle_used(struct store *store, const char *handle);

/* Which order of the branch a parcel's number or barcode belongs to: 1 = found, 0 = none. */
int store_label_owner(struct store *store, const char *branch, const char *label, char **ret_order);
int store_add_label(struct store *store, const char *branch, const char *label, int64_t order_id);
int store_delete_labels(struct store *store, int64_t order_id);

/* The documents of all orders in the order of their first import, from behind `after`. */
typedef int (*store_order_fn)(void *userdata, int64_t id, const char *body);
int store_orders(struct store *store, int64_t after, store_order_fn each, void *userdata);

/* --- banks (store-bank.c) --------------------------------------------------------------------- */

/* Keeps what up/status said (an object). */
int store_bank_status(struct store *store, const char *bank, const json_t *status, int64_t now_ms);
/* Nothing is known of any connection. */
int store_all_banks_offline(struct store *store);
int store_bank_applied(struct store *store, const char *bank, const struct wire_applied *applied,
                       int64_t now_ms);

struct store_bank {
    bool online;
    char boot[33];              /* "" = never heard */
    char feed[UUID_LENGTH + 1]; /* that it follows */
    int64_t applied;            /* its cursor there, … */
    char log[UUID_LENGTH + 1];  /* … and how far its log was by then; "" = not said */
    int64_t last_event;
    json_t *status;  /* last heartbeat, may be NULL; owned */
    int64_t seen_at; /* 0 = never */
};
/* 1 = found, 0 = never heard of; store_bank_done() in both cases. */
int store_bank(struct store *store, const char *bank, struct store_bank *ret_bank);
void store_bank_done(struct store_bank *bank);

/* One log of a bank and how far HQ has it. */
struct store_log {
    int64_t id;
    int64_t through;
    uint8_t hash[EVENT_HASH_BYTES]; /* of the event `through` */
    bool forked;                    /* two boards wrote it: nothing is acknowledged any more */
};
/* 1 = found, 0 = none. */
int store_log(struct store *store, const char *bank, const char *log, struct store_log *ret_log);
/* Begins a log at n = 0. */
int store_add_log(struct store *store, const char *bank, const char *log,
                  struct store_log *ret_log);
/* Stores log->through and log->hash. */
int store_move_log(struct store *store, const struct store_log *log);
int store_fork_log(struct store *store, const struct store_log *log);
typedef int (*store_log_fn)(void *userdata, int64_t id, const char *bank, const char *log,
                            int64_t through, bool forked);
int store_logs(struct store *store, store_log_fn each, void *userdata);

/* Stores an event. One that was written with an untrusted clock is placed by the time since boot
 * against a trusted one of the same boot: at once, or when that one comes.
 * *ret_placed_at is that time, 0 = none. */
int store_add_event(struct store *store, int64_t log_id, int64_t n, const json_t *event,
                    int64_t *ret_placed_at);
/* Events `first` to `last` of a log are gone for good. */
int store_add_gap(struct store *store, int64_t log_id, int64_t first, int64_t last);
typedef int (*store_gap_fn)(void *userdata, int64_t first, int64_t last);
int store_gaps(struct store *store, int64_t log_id, store_gap_fn each, void *userdata);
/* 1 and the hash that is stored for event `n`, or 0. */
int store_event_hash(struct store *store, int64_t log_id, int64_t n,
                     char ret_hex[EVENT_HASH_BYTES * 2 + 1]);
/* Events in the order of their arrival: of one bank (NULL = all), behind row `after`, or of one
 * order. Each event gets the members "bank" and "log", and "placed_at" (ms UTC) when HQ has
 * reckoned what the bank did not know. */
typedef int (*store_event_fn)(void *userdata, int64_t id, json_t *event);
int store_events(struct store *store, const char *bank, int64_t after, int64_t limit,
                 store_event_fn each, void *userdata);
int store_events_of_order(struct store *store, const char *order, store_event_fn each,
                          void *userdata);
/* The events of one log as they were received; `id` is n. */
int store_events_of_log(struct store *store, int64_t log_id, store_event_fn each, void *userdata);

/* Something an operator must look into; the same twice is kept once. 1 = it is new. */
int store_alarm(struct store *store, const char *bank, const char *log, int64_t n, const char *kind,
                const char *text, int64_t now_ms);
/* All alarms (bank NULL) or those of one bank as an array, a new reference. */
int store_alarms(struct store *store, const char *bank, json_t **ret_alarms);

/* --- changes (store-change.c) ----------------------------------------------------------------- */

/* What HQ itself did to an order. It is settled once every bank of `branch` that holds one of the
 * order's parcels has applied the feed up to `seq`. Texts are valid during a call. */
struct store_change {
    int64_t id;
    const char *order;
    const char *kind; /* "cancel", "hold", "release", "handover", "move" */
    const char *branch;
    int64_t seq;
    int64_t at; /* ms UTC */
    const char *actor, *reason;
    const char *outcome; /* NULL = pending; "done", "overtaken" (the goods were collected first),
                            "replaced" (by a later change) */
    int64_t settled_at;
};
int store_add_change(struct store *store, int64_t order_id, const struct store_change *change);
typedef int (*store_change_fn)(void *userdata, const struct store_change *change);
int store_changes_of_order(struct store *store, const char *order, store_change_fn each,
                           void *userdata);
int store_changes_pending(struct store *store, store_change_fn each, void *userdata);
/* Those of one branch that are pending, as a list that the caller frees, so that they can be
 * settled while they are walked. */
struct store_open_change {
    int64_t id, seq;
    char kind[16];
    char order[65];
};
int store_changes_open(struct store *store, const char *branch, struct store_open_change **ret_list,
                       size_t *ret_n);
int store_settle_change(struct store *store, int64_t id, const char *outcome, int64_t now_ms);

/* --- commands (store-bank.c) ------------------------------------------------------------------ */

int store_add_command(struct store *store, const char *id, const char *bank, int64_t deadline_ms,
                      const char *body);
/* The commands that wait to be sent and may still be. */
typedef int (*store_command_fn)(void *userdata, const char *id, const char *bank, const char *body);
int store_unsent_commands(struct store *store, int64_t now_ms, store_command_fn each,
                          void *userdata);
int store_command_sent(struct store *store, const char *id);
/* The first result counts. */
int store_command_result(struct store *store, const char *id, const char *bank, const char *result,
                         const char *reason);
/* Gives up on those whose deadline has passed unsent. */
int store_lapse_commands(struct store *store, int64_t now_ms);
/* 1 = has a result (copies owned by the caller), 0 = none yet; *ret_sent in both cases. */
int store_command(struct store *store, const char *id, bool *ret_sent, char **ret_result,
                  char **ret_reason);
