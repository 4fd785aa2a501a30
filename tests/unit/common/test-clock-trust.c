/* Promise 8: what is believed of the clock, over every way it can go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock-trust.h"
#include "common/cleanup.h"

#include <errno.h>
#include <string.h>

#define MINUTE      INT64_C(60000)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define YEAR        (365 * DAY)
#define HOLDOVER_MS (3 * DAY)
#define NOON        INT64_C(1767268800000)
#define BOOT_US     UINT64_C(5000000) /* time since boot of the first reading */

static struct clock_reading reading(int64_t wall_ms, int64_t boot_ms, bool synchronised)
{
    return (struct clock_reading){
        .wall_ms = wall_ms,
        .boot_us = BOOT_US + (uint64_t)boot_ms * 1000,
        .synchronised = synchronised,
    };
}

static enum clock_verdict judge(struct clock_trust *trust, int64_t wall_ms, int64_t boot_ms,
                                bool synchronised)
{
    const struct clock_reading now = reading(wall_ms, boot_ms, synchronised);

    return clock_trust_judge(trust, &now, HOLDOVER_MS);
}

static struct clock_trust synchronised_at_noon(void)
{
    struct clock_trust trust = {0};

    assert_int_equal(judge(&trust, NOON, 0, true), CLOCK_SYNCHRONISED);
    assert_int_equal(trust.floor_ms, NOON);
    return trust;
}

/* One reading some time after a synchronised one: how far each clock has gone. */
struct jump {
    const char *what;
    int64_t wall_ms, boot_ms;
    bool synchronised;
    enum clock_verdict verdict;
    int64_t floor_ms; /* after it, as distance from noon */
};

static const struct jump jumps[] = {
    {"nothing happens", HOUR, HOUR, true, CLOCK_SYNCHRONISED, HOUR},
    {"the network goes", HOUR, HOUR, false, CLOCK_HOLDOVER, HOUR},
    {"a leap second", HOUR - 1000, HOUR, false, CLOCK_HOLDOVER, HOUR - 1000},
    {"the end of the holdover", HOLDOVER_MS - 1, HOLDOVER_MS - 1, false, CLOCK_HOLDOVER,
     HOLDOVER_MS - 1},
    {"after the holdover", HOLDOVER_MS, HOLDOVER_MS, false, CLOCK_RUN_OUT, 0},
    {"set back behind the end of the holdover", HOUR, HOLDOVER_MS + HOUR, false, CLOCK_RUN_OUT, 0},
    {"forward by a minute", HOUR + MINUTE, HOUR, false, CLOCK_TURNED, 0},
    {"forward by a day in the holdover", DAY + HOUR, HOUR, false, CLOCK_TURNED, 0},
    {"forward by ten years", 10 * YEAR, HOUR, false, CLOCK_TURNED, 0},
    {"back by a minute", HOUR - MINUTE, HOUR, false, CLOCK_TURNED, 0},
    {"back by a day", HOUR - DAY, HOUR, false, CLOCK_BELOW_FLOOR, 0},
    {"back by ten years", -10 * YEAR, HOUR, false, CLOCK_BELOW_FLOOR, 0},
    {"1970", -NOON, HOUR, false, CLOCK_BELOW_FLOOR, 0},
    {"before 1970", -NOON - YEAR, HOUR, false, CLOCK_BELOW_FLOOR, 0},
    {"1970, and somebody calls it synchronised", -NOON, HOUR, true, CLOCK_BELOW_FLOOR, 0},
    {"back by a day, synchronised", HOUR - DAY, HOUR, true, CLOCK_BELOW_FLOOR, 0},
    {"a synchronised step back that an NTP client makes", -2000, 1000, true, CLOCK_SYNCHRONISED, 0},
    {"suspended for two days", 2 * DAY, 2 * DAY, false, CLOCK_HOLDOVER, 2 * DAY},
    {"synchronised again after months", 90 * DAY, 90 * DAY, true, CLOCK_SYNCHRONISED, 90 * DAY},
};

static void test_promise_8_a_table_of_jumps(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(jumps); i++) {
        struct clock_trust trust = synchronised_at_noon();
        const struct jump *jump = &jumps[i];
        enum clock_verdict verdict =
            judge(&trust, NOON + jump->wall_ms, jump->boot_ms, jump->synchronised);

        if (verdict != jump->verdict || trust.floor_ms != NOON + jump->floor_ms)
            fail_msg("%s: %s, floor %+lld", jump->what, clock_verdict_name(verdict),
                     (long long)(trust.floor_ms - NOON));
        assert_true(clock_trust_time_ms(&trust, NOON + jump->wall_ms) >= NOON);
    }
}

static void test_a_clock_that_comes_right_again_is_believed_again(void **state)
{
    struct clock_trust trust = synchronised_at_noon();

    assert_int_equal(judge(&trust, NOON + DAY, HOUR, false), CLOCK_TURNED);
    assert_int_equal(clock_trust_time_ms(&trust, NOON + DAY), NOON);
    assert_int_equal(judge(&trust, NOON + 2 * HOUR, 2 * HOUR, false), CLOCK_HOLDOVER);
    assert_int_equal(judge(&trust, NOON - DAY, 3 * HOUR, false), CLOCK_BELOW_FLOOR);
    assert_int_equal(clock_trust_time_ms(&trust, NOON - DAY), NOON + 2 * HOUR);
    assert_int_equal(judge(&trust, NOON + 4 * HOUR, 4 * HOUR, false), CLOCK_HOLDOVER);
}

static void test_small_steps_do_not_add_up(void **state)
{
    struct clock_trust trust = synchronised_at_noon();

    assert_int_equal(judge(&trust, NOON + 1000 + 4000, 1000, false), CLOCK_HOLDOVER);
    assert_int_equal(judge(&trust, NOON + 2000 + 8000, 2000, false), CLOCK_TURNED);
}

static void test_never_synchronised(void **state)
{
    struct clock_trust trust = {0};

    assert_int_equal(judge(&trust, NOON, 0, false), CLOCK_NEVER);
    assert_int_equal(trust.floor_ms, 0);
    assert_int_equal(clock_trust_time_ms(&trust, NOON), 0);
}

/* A restart of the daemon or of the machine: what is left of the holdover. */
static void test_restart(void **state)
{
    static const struct {
        const char *what;
        int64_t wall_ms, boot_ms;
        bool same_boot, rtc;
        enum clock_verdict verdict;
    } restarts[] = {
        {"the daemon alone", HOUR, HOUR, true, false, CLOCK_HOLDOVER},
        {"the daemon alone, and the clock was turned", DAY, HOUR, true, true, CLOCK_TURNED},
        {"the daemon alone, after the holdover", 4 * DAY, 4 * DAY, true, true, CLOCK_RUN_OUT},
        {"a reboot with an RTC", HOUR, 0, false, true, CLOCK_HOLDOVER},
        {"a reboot without one", HOUR, 0, false, false, CLOCK_REBOOTED},
        {"an RTC that stood still", -HOUR, 0, false, true, CLOCK_BELOW_FLOOR},
        {"an RTC that lost its battery", -NOON, 0, false, true, CLOCK_BELOW_FLOOR},
        {"off for longer than the holdover", 4 * DAY, 0, false, true, CLOCK_REBOOTED},
        {"an RTC years ahead", 10 * YEAR, 0, false, true, CLOCK_REBOOTED},
    };

    for (size_t i = 0; i < ELEMENTSOF(restarts); i++) {
        struct clock_trust trust = synchronised_at_noon();
        struct clock_reading now = reading(NOON + restarts[i].wall_ms, restarts[i].boot_ms, false);

        now.rtc = restarts[i].rtc;
        clock_trust_restore(&trust, &now, restarts[i].same_boot);
        clock_trust_judge(&trust, &now, HOLDOVER_MS);
        if (trust.verdict != restarts[i].verdict)
            fail_msg("%s: %s", restarts[i].what, clock_verdict_name(trust.verdict));
        assert_true(trust.floor_ms >= NOON);
    }
}

static void test_a_reboot_gives_no_new_holdover(void **state)
{
    struct clock_trust trust = synchronised_at_noon();
    struct clock_reading now = reading(NOON + 2 * DAY, 0, false);

    now.rtc = true;
    clock_trust_restore(&trust, &now, false);
    assert_int_equal(judge(&trust, NOON + 3 * DAY - 1, DAY - 1, false), CLOCK_HOLDOVER);
    assert_int_equal(judge(&trust, NOON + 3 * DAY, DAY, false), CLOCK_RUN_OUT);
    now.wall_ms = NOON + 3 * DAY + HOUR; /* once more, and it stays over */
    clock_trust_restore(&trust, &now, false);
    assert_int_equal(judge(&trust, NOON + 3 * DAY + HOUR, 0, false), CLOCK_REBOOTED);
}

static void test_lowering_the_floor(void **state)
{
    struct clock_trust trust = synchronised_at_noon();

    assert_int_equal(judge(&trust, NOON + 10 * YEAR, MINUTE, true), CLOCK_SYNCHRONISED);
    assert_int_equal(judge(&trust, NOON + HOUR, HOUR, true), CLOCK_BELOW_FLOOR);
    assert_int_equal(clock_trust_lower(&trust, NOON + 11 * YEAR), -EINVAL);
    assert_int_equal(clock_trust_lower(&trust, -1), -EINVAL);
    assert_int_equal(trust.floor_ms, NOON + 10 * YEAR);
    assert_int_equal(clock_trust_lower(&trust, NOON), 0);
    /* The wrong anchor went with the wrong floor. */
    assert_int_equal(judge(&trust, NOON + 10 * YEAR + HOUR, HOUR, false), CLOCK_NEVER);
    assert_int_equal(judge(&trust, NOON + HOUR, HOUR, true), CLOCK_SYNCHRONISED);
    assert_int_equal(trust.floor_ms, NOON + HOUR);
}

static void test_every_verdict_has_words(void **state)
{
    for (enum clock_verdict v = CLOCK_SYNCHRONISED; v <= CLOCK_BELOW_FLOOR; v++) {
        assert_true(strlen(clock_verdict_name(v)) > 0);
        assert_true(strlen(clock_verdict_text(v)) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promise_8_a_table_of_jumps),
        cmocka_unit_test(test_a_clock_that_comes_right_again_is_believed_again),
        cmocka_unit_test(test_small_steps_do_not_add_up),
        cmocka_unit_test(test_never_synchronised),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_a_reboot_gives_no_new_holdover),
        cmocka_unit_test(test_lowering_the_floor),
        cmocka_unit_test(test_every_verdict_has_words),
    };

    return cmocka_run_group_tests_name("clock-trust", tests, NULL, NULL);
}
