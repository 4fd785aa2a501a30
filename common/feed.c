#include "common/feed.h"

#include <string.h>

static void end_fetch(struct feed *feed)
{
    feed->fetching = false;
    feed->renewed = false;
    feed->fetch_end = -1;
}

/* An answer page that brings us nothing new may still be the last of the running fetch: a live push
 * can have overtaken it. */
static void note_answer(struct feed *feed, const struct feed_page *page)
{
    bool answers_renewal = page->end > feed->fetch_end || page->empty;

    if (page->end < 0 || page->end > feed->cursor)
        return;
    if (!feed->renewed || answers_renewal)
        end_fetch(feed);
}

enum feed_verdict feed_judge(struct feed *feed, const struct feed_page *page)
{
    if (strcmp(feed->id, page->feed) != 0)
        return FEED_NEW_FEED;
    if (page->seq > feed->seen)
        feed->seen = page->seq;
    if (page->end > feed->seen)
        feed->seen = page->end;
    /* An announcement. Late, or HQ was rolled back; our cursor in a fetch lets it see which. */
    if (page->empty && page->end < 0 && page->seq < feed->cursor)
        feed->doubted = true;
    if (page->seq <= feed->cursor) {
        note_answer(feed, page);
        return page->seq == feed->cursor && page->empty && !page->more ? FEED_END : FEED_SKIP;
    }
    return page->prev > feed->cursor ? FEED_GAP : FEED_APPLY;
}

void feed_advanced(struct feed *feed, int64_t seq, int64_t now_ms)
{
    feed->cursor = seq;
    feed->fetch_moved_ms = now_ms;
}

void feed_applied(struct feed *feed, const struct feed_page *page, int64_t now_ms)
{
    feed->cursor = page->seq;
    if (page->end < 0)
        return;
    feed->fetch_moved_ms = now_ms;
    if (feed->renewed && page->end > feed->fetch_end) {
        feed->fetch_after = feed->fetch_end;
        feed->renewed = false;
    }
    if (!feed->renewed)
        feed->fetch_end = page->end;
    if (page->more && page->seq >= feed->seen)
        feed->seen = page->seq + 1;
    if (!feed->renewed && page->seq >= page->end)
        end_fetch(feed);
}

void feed_reset(struct feed *feed, const char *new_id)
{
    memset(feed, 0, sizeof(*feed));
    feed->fetch_end = -1;
    strncpy(feed->id, new_id, sizeof(feed->id) - 1);
}

bool feed_wants_fetch(const struct feed *feed, int64_t now_ms, int64_t resend_ms, bool poll,
                      int64_t *ret_after)
{
    if (!feed->fetching) {
        if (!poll && !feed->doubted && feed->seen <= feed->cursor)
            return false;
        *ret_after = feed->cursor;
        return true;
    }
    if (now_ms - feed->fetch_moved_ms >= resend_ms) {
        *ret_after = feed->cursor;
        return true;
    }
    if (feed->renewed || feed->fetch_end < 0 ||
        feed->cursor < feed->fetch_after + (feed->fetch_end - feed->fetch_after) / 2)
        return false;
    *ret_after = feed->fetch_end;
    return true;
}

void feed_fetch_sent(struct feed *feed, int64_t after, int64_t now_ms)
{
    feed->renewed =
        feed->fetching && feed->fetch_end >= 0 && after == feed->fetch_end && after > feed->cursor;
    if (!feed->renewed) {
        feed->fetch_after = after;
        feed->fetch_end = -1;
    }
    feed->fetching = true;
    feed->doubted = false;
    feed->fetch_moved_ms = now_ms;
}

void feed_disconnected(struct feed *feed)
{
    end_fetch(feed);
}
