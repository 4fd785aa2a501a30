/* From one row of an import to a draft: the order's document without what HQ adds to it (handle,
 * rev, seq, code, number, placements). Pure: no store, no clock. docs/import.md is its description.
 */
#pragma once

#include "common/cleanup.h"
#include "hq/hq-config.h"

#include <jansson.h>

#define DRAFT_DIGEST_BYTES 32

/* What is wrong with a row. The strings are owned. */
struct draft_problem {
    char *member; /* its path: "branch", "parcels[1].items[0].qty" */
    char *reason; /* continues "branch …": "is missing" */
    char *remedy; /* a sentence: what to do */
};
void draft_problem_done(struct draft_problem *problem);

struct draft {
    const char *order, *branch; /* point into `document` */
    int64_t source_rev;         /* the shop's own revision; -1 = not given */
    json_t *document;           /* complete and in normal form, but for HQ's own members; owned */
    uint8_t digest[DRAFT_DIGEST_BYTES]; /* of the document: the same row, the same digest */
};

/* Reads `row`, in the form of docs/import.md; the branch must be one of `config`. Returns 0;
 * -EBADMSG with *ret_problem (draft_problem_done() frees it); -ENOMEM. */
int draft_read(const json_t *row, const struct hq_config *config, struct draft **ret_draft,
               struct draft_problem *ret_problem);
struct draft *draft_free(struct draft *draft);
DEFINE_CLEANUP(struct draft *, draft_free);
