/* The reader of the orders feed: nothing lost, nothing doubled, in whatever order pages come. */
#include "common/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FEED "0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"

static struct feed_page page(int64_t prev, int64_t seq, int64_t end)
{
    return (struct feed_page){
        .feed = FEED, .prev = prev, .seq = seq, .end = end, .empty = prev == seq};
}

static struct feed reader(int64_t cursor)
{
    struct feed feed;

    feed_reset(&feed, FEED);
    feed.cursor = feed.seen = cursor;
    return feed;
}

static void test_the_rules_in_their_order(void **state)
{
    struct feed feed = reader(10);
    struct feed_page other = page(10, 12, -1), next = page(10, 12, -1), old = page(8, 10, -1),
                     beyond = page(14, 15, -1), end = page(10, 10, 10), overlap = page(5, 12, -1);

    other.feed = "11111111-5f39-4d1c-9c57-0d3c2b9f1a10";
    assert_int_equal(feed_judge(&feed, &other), FEED_NEW_FEED);
    assert_int_equal(feed_judge(&feed, &end), FEED_END);
    assert_int_equal(feed_judge(&feed, &old), FEED_SKIP);
    assert_int_equal(feed_judge(&feed, &next), FEED_APPLY);
    assert_int_equal(feed_judge(&feed, &overlap), FEED_APPLY);
    assert_int_equal(feed_judge(&feed, &beyond), FEED_GAP);
    assert_int_equal(feed.cursor, 10);
}

static void test_a_gap_is_remembered_and_fetched(void **state)
{
    struct feed feed = reader(10);
    struct feed_page beyond = page(14, 15, -1);
    int64_t after = -1;

    assert_false(feed_wants_fetch(&feed, 0, 1000, false, &after));
    feed_judge(&feed, &beyond);
    assert_true(feed_wants_fetch(&feed, 0, 1000, false, &after));
    assert_int_equal(after, 10);
    feed_fetch_sent(&feed, after, 0);
    assert_false(feed_wants_fetch(&feed, 999, 1000, false, &after));
    assert_true(feed_wants_fetch(&feed, 1000, 1000, false, &after));
}

static void test_a_running_fetch_is_renewed_at_its_half(void **state)
{
    struct feed feed = reader(0);
    struct feed_page quarter = page(0, 25, 100), half = page(25, 50, 100);
    int64_t after = -1;

    quarter.more = half.more = true;
    feed_fetch_sent(&feed, 0, 0);
    assert_int_equal(feed_judge(&feed, &quarter), FEED_APPLY);
    feed_applied(&feed, &quarter, 1);
    assert_false(feed_wants_fetch(&feed, 1, 1000, false, &after));
    assert_int_equal(feed_judge(&feed, &half), FEED_APPLY);
    feed_applied(&feed, &half, 2);
    assert_true(feed_wants_fetch(&feed, 2, 1000, false, &after));
    assert_int_equal(after, 100);
}

/* Promise 4 as a property: pages in any order, lost or doubled, with fetches in between: the cursor
 * only ever moves to the end of a page that begins at or before it, and reaches the end. */
static void test_promise_4_any_delivery_reaches_the_end_without_a_hole(void **state)
{
    srandom(20261124);
    for (int round = 0; round < 500; round++) {
        struct feed feed = reader(0);
        int64_t top = 1 + random() % 40, now = 0;

        for (int step = 0; step < 4000 && feed.cursor < top; step++, now += 10) {
            int64_t prev = random() % top, after;
            struct feed_page next = page(prev, prev + 1 + random() % (top - prev), -1);

            if (feed_wants_fetch(&feed, now, 100, random() % 50 == 0, &after)) {
                feed_fetch_sent(&feed, after, now);
                next = page(after, after < top ? after + 1 : top, top);
                next.more = next.seq < top;
            }
            if (random() % 3 == 0)
                continue; /* lost on the way */
            if (feed_judge(&feed, &next) == FEED_APPLY) {
                assert_true(next.prev <= feed.cursor && feed.cursor < next.seq);
                feed_applied(&feed, &next, now);
                assert_int_equal(feed.cursor, next.seq);
            }
        }
        assert_int_equal(feed.cursor, top);
    }
}

static void test_an_end_behind_our_cursor_is_asked_about_once(void **state)
{
    struct feed feed = reader(10);
    struct feed_page announced = page(8, 8, -1), late = page(6, 8, -1);
    int64_t after = -1;

    late.empty = false;
    assert_int_equal(feed_judge(&feed, &late), FEED_SKIP); /* an old push is nothing new */
    assert_false(feed_wants_fetch(&feed, 0, 1000, false, &after));
    assert_int_equal(feed_judge(&feed, &announced), FEED_SKIP);
    assert_true(feed_wants_fetch(&feed, 0, 1000, false, &after));
    assert_int_equal(after, 10);
    feed_fetch_sent(&feed, after, 0);
    assert_false(feed_wants_fetch(&feed, 1, 1000, false, &after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rules_in_their_order),
        cmocka_unit_test(test_a_gap_is_remembered_and_fetched),
        cmocka_unit_test(test_a_running_fetch_is_renewed_at_its_half),
        cmocka_unit_test(test_promise_4_any_delivery_reaches_the_end_without_a_hole),
        cmocka_unit_test(test_an_end_behind_our_cursor_is_asked_about_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
