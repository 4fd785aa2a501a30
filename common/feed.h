/* The reader's side of the orders feed: which page to apply, what to fetch next. Pure (design
 * section 4, "Down"). The cursor itself is stored by the caller in the same transaction as the
 * documents; this struct mirrors it. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>

struct feed {
    char id[37]; /* "" = none yet */
    int64_t cursor;
    int64_t seen;           /* highest seq heard of: > cursor means that we are behind */
    bool doubted;           /* HQ named an end that lies behind our cursor: ask it */
    bool fetching;          /* a fetch is outstanding */
    bool renewed;           /* … and the next one was asked for with after = fetch_end */
    int64_t fetch_after;    /* where the running fetch began */
    int64_t fetch_end;      /* `end` named by its pages; -1 = not known yet */
    int64_t fetch_moved_ms; /* monotonic: when it was sent or last brought something */
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
    int64_t prev, seq;
    int64_t end; /* -1 = live push, else this page answers a fetch */
    bool more;   /* HQ holds documents after `seq` */
    bool empty;  /* no documents in it */
};

/* Judges a page. Changes only what the page says about the feed (`seen`) and, when the page ends
 * it, the running fetch. */
enum feed_verdict feed_judge(struct feed *feed, const struct feed_page *page);
/* The documents through `seq` of such a page are applied, the rest of it comes later. */
void feed_advanced(struct feed *feed, int64_t seq, int64_t now_ms);
/* A page judged FEED_APPLY is applied. `now_ms` is monotonic. */
void feed_applied(struct feed *feed, const struct feed_page *page, int64_t now_ms);
/* After FEED_NEW_FEED was stored: cursor 0 of the new feed, nothing outstanding. */
void feed_reset(struct feed *feed, const char *new_id);
/* Should a fetch be sent now, and from where (*ret_after)? True when we are behind or in doubt, or
 * `poll` is due, and none is outstanding; when the outstanding one brought nothing for `resend_ms`;
 * or when half of the running one has come, so that the next is under way before it ends. The
 * caller sends it and calls feed_fetch_sent(). */
bool feed_wants_fetch(const struct feed *feed, int64_t now_ms, int64_t resend_ms, bool poll,
                      int64_t *ret_after);
void feed_fetch_sent(struct feed *feed, int64_t after, int64_t now_ms);
/* The connection broke: nothing is outstanding. */
void feed_disconnected(struct feed *feed);
