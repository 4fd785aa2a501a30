/* What engineers are told of the last pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/camera-stats.h"

#define S UINT64_C(1000000)

static void add(struct camera_stats *stats, uint64_t at_us, uint32_t cards, float mean)
{
    static struct decode_report report;

    report.start_us = at_us - 2000;
    report.done_us = at_us;
    report.view.cards = cards;
    report.view.measure = (struct measure){.width = 640, .height = 480, .mean = mean};
    camera_stats_add(stats, &report);
}

static void test_rate_and_means(void **state)
{
    struct camera_stats stats = {};
    struct camera_summary sum;

    camera_stats_sum(&stats, 100 * S, &sum);
    assert_int_equal(sum.pictures, 0);
    for (unsigned i = 0; i < 20; i++)
        add(&stats, 100 * S + i * S / 10, i % 2 ? 1 : 5, i % 2 ? 100 : 200);
    camera_stats_sum(&stats, 102 * S, &sum);
    assert_int_equal(sum.pictures, 20);
    assert_true(sum.rate > 9.99 && sum.rate < 10.01);
    assert_true(sum.mean > 149 && sum.mean < 151);
    assert_true(sum.decode_ms > 1.99 && sum.decode_ms < 2.01);
    assert_int_equal(sum.cards[0], 20);
    assert_int_equal(sum.cards[2], 10);
    assert_int_equal(sum.cards[1], 0);
    assert_int_equal(sum.read, 20);
}

/* A camera that was unplugged has no rate. */
static void test_old_pictures_do_not_count(void **state)
{
    struct camera_stats stats = {};
    struct camera_summary sum;

    for (unsigned i = 0; i < 3 * CAMERA_STATS_PICTURES; i++)
        add(&stats, 100 * S + i, 0, 100);
    camera_stats_sum(&stats, 101 * S, &sum);
    assert_int_equal(sum.pictures, CAMERA_STATS_PICTURES);
    camera_stats_sum(&stats, 100 * S + CAMERA_STATS_US + 2 * S, &sum);
    assert_int_equal(sum.pictures, 0);
    assert_true(sum.rate == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_and_means),
        cmocka_unit_test(test_old_pictures_do_not_count),
    };

    return cmocka_run_group_tests_name("camera-stats", tests, NULL, NULL);
}
