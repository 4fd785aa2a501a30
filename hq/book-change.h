/* What HQ itself does to an order: cancel, hold, release, hand over, move. The order's document
 * says so at once; the change is pending until every bank that holds one of its parcels has applied
 * it, because until then the goods can still be collected the old way. Only then is money given
 * back, or a new code shown. Runs inside the caller's transaction. */
#pragma once

#include "hq/book.h"

enum book_change {
    CHANGE_CANCEL, /* nobody collects it any more */
    CHANGE_HOLD,   /* nobody collects it until it is released */
    CHANGE_RELEASE,
    CHANGE_HANDOVER, /* a new code and number; the old ones die */
    CHANGE_MOVE,     /* to another branch, with a new code and number */
    CHANGE_COUNT,
};
const char *book_change_name(enum book_change change);

struct book_change_request {
    const char *order;
    enum book_change change;
    const char *to_branch; /* CHANGE_MOVE */
    const char *actor, *reason;
    int64_t now_ms;
};

/* Returns 1 = done (it may be pending), 0 = nothing to do, it is so already; -ENOENT = there is no
 * such order; -EBADMSG with *ret_problem a sentence that says why not and what to do (owned by the
 * caller); else -errno of the store. */
int book_change(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                const struct book_change_request *request, char **ret_problem);

/* The banks that a pending change waits for: those with a parcel of the order that have not applied
 * `seq`, or whose events from before are not here yet. Returns a new array of names, empty when it
 * can be settled. */
int book_change_waits_for(struct store *store, const char *branch, const char *order, int64_t seq,
                          json_t **ret_banks);
/* Has a bank applied its branch's feed, the present one, up to `seq`, and is everything here that
 * it did before? 1 = yes, 0 = no. */
int book_has_applied(struct store *store, const char *bank, int64_t seq);
/* Had it, when event `n` of that log happened there? 0 also when that cannot be known. */
int book_had_applied(struct store *store, const char *bank, const char *log, int64_t n,
                     int64_t seq);
/* Is a change of the order pending that gives it a new code? 1 = yes, *ret_banks as above. */
int book_code_pending(struct store *store, const char *order, json_t **ret_banks);
/* Settles the changes of a branch for which nobody is waited for any more. */
int book_settle(struct store *store, const char *branch, int64_t now_ms);
