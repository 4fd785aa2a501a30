/* The reader's side of the orders feed: which page to apply, what to fetch next. Pure (design
 * section 4, "Down"). The cursor itself is stored by the caller in the same transaction as the
 * documents; this struct mirrors it. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>

struct feed {
    char id[37];            /* "" = none yet */
    int64_t cursor;
    bool fetching;          /* one fetch is outstanding */
    int64_t fetch_sent_ms;  /* monotonic; for the resend timer */
    int64_t fetch_end;      /* `end` named by the pages of this fetch; -1 = not known yet */
    bool renewed;           /* the next fetch was already asked for with after = fetch_end */
    int64_t seen;           /* highest seq seen anywhere: > cursor means that we are behind */
};

enum feed_verdict {
    FEED_APPLY,    /* apply the documents, then cursor = seq */
    FEED_SKIP,     /* already have it */
    FEED_GAP,      /* prev > cursor: dropped, remembered, to be fetched */
    FEED_END,      /* the fetch has ended; nothing to apply */
    FEED_NEW_FEED, /* another feed id: forget the cursor, fetch from 0 */
};

struct feed_page {
    const char *feed;
    int64_t prev, seq, end; /* end -1 = live push */
    bool more;
    bool empty; /* no orders in it */
};

/* Judges a page; changes nothing but `seen`, and `fetching` at FEED_END. */
enum feed_verdict feed_judge(struct feed *feed, const struct feed_page *page);
/* After the commit of a page judged FEED_APPLY. */
void feed_applied(struct feed *feed, const struct feed_page *page);
/* After FEED_NEW_FEED was stored. */
void feed_reset(struct feed *feed, const char *new_id);
/* Should a fetch be sent now? True when none is outstanding and we are behind or `poll` is due, when
 * the outstanding one was not answered for `resend_ms`, or when the running one is to be renewed.
 * *ret_after is what to ask for. The caller sends it and calls feed_fetch_sent(). */
bool feed_wants_fetch(const struct feed *feed, int64_t now_ms, int64_t resend_ms, bool poll,
                      int64_t *ret_after);
void feed_fetch_sent(struct feed *feed, int64_t after, int64_t now_ms);
/* The connection broke: nothing is outstanding. */
void feed_disconnected(struct feed *feed);
