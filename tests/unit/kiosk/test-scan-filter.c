/* A code that is held still counts once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/scan-filter.h"

#include <stdio.h>

#define MS UINT64_C(1000)
#define S  (1000 * MS)

static void test_held_still_counts_once(void **state)
{
    struct scan_filter filter = {};
    uint64_t t = S;

    assert_true(scan_filter_see(&filter, "A", t));
    for (int i = 0; i < 100; i++)
        assert_false(scan_filter_see(&filter, "A", t += 66 * MS));
    /* A second of pictures that could not be read changes nothing. */
    assert_false(scan_filter_see(&filter, "A", t += SCAN_FILTER_AWAY_US - 1));
    assert_true(scan_filter_see(&filter, "A", t += SCAN_FILTER_AWAY_US));
}

static void test_two_codes_in_turn(void **state)
{
    struct scan_filter filter = {};

    assert_true(scan_filter_see(&filter, "A", 1 * S));
    assert_true(scan_filter_see(&filter, "B", 1 * S));
    assert_false(scan_filter_see(&filter, "A", 2 * S));
    assert_false(scan_filter_see(&filter, "B", 2 * S));
}

/* Two people at two cameras, or a phone with two codes: each code counts once, in whatever order
 * the pictures come; one that left counts when it is back, the other does not. */
static void test_two_codes_one_leaves_and_returns(void **state)
{
    struct scan_filter filter = {};
    uint64_t t = 10 * S;

    assert_true(scan_filter_see(&filter, "A", t));
    assert_true(scan_filter_see(&filter, "B", t + 1));
    for (int i = 0; i < 50; i++) {
        assert_false(scan_filter_see(&filter, "B", t += 66 * MS));
        assert_false(scan_filter_see(&filter, "A", t - 40 * MS)); /* a slower camera's */
    }
    for (int i = 0; i < 30; i++)
        assert_false(scan_filter_see(&filter, "B", t += 66 * MS));
    assert_true(scan_filter_see(&filter, "A", t));
    assert_false(scan_filter_see(&filter, "B", t));
    assert_false(scan_filter_see(&filter, "A", t - S));
}

/* The next customer's code counts at once, even in the picture after. */
static void test_next_code_at_once(void **state)
{
    struct scan_filter filter = {};

    assert_true(scan_filter_see(&filter, "A", S));
    assert_false(scan_filter_see(&filter, "A", S + 66 * MS));
    assert_true(scan_filter_see(&filter, "B", S + 132 * MS));
}

static void test_retry_while_it_is_still_there(void **state)
{
    struct scan_filter filter = {};

    assert_true(scan_filter_see(&filter, "A", 1000 * MS));
    scan_filter_retry(&filter, "A", 1500 * MS);
    scan_filter_retry(&filter, "never seen", 1500 * MS);
    assert_false(scan_filter_see(&filter, "A", 1400 * MS));
    assert_true(scan_filter_see(&filter, "A", 1500 * MS));
    assert_false(scan_filter_see(&filter, "A", 1600 * MS));
}

/* More texts than it remembers: the newest stay known. */
static void test_many_texts(void **state)
{
    struct scan_filter filter = {};
    char text[16];

    for (unsigned i = 0; i < 3 * SCAN_FILTER_TEXTS; i++) {
        snprintf(text, sizeof(text), "T%u", i);
        assert_true(scan_filter_see(&filter, text, S + i));
    }
    for (unsigned i = 2 * SCAN_FILTER_TEXTS; i < 3 * SCAN_FILTER_TEXTS; i++) {
        snprintf(text, sizeof(text), "T%u", i);
        assert_false(scan_filter_see(&filter, text, S + 100));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_still_counts_once),
        cmocka_unit_test(test_two_codes_in_turn),
        cmocka_unit_test(test_two_codes_one_leaves_and_returns),
        cmocka_unit_test(test_next_code_at_once),
        cmocka_unit_test(test_retry_while_it_is_still_there),
        cmocka_unit_test(test_many_texts),
    };

    return cmocka_run_group_tests_name("scan-filter", tests, NULL, NULL);
}
