#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/cleanup.h"

#include <errno.h>
#include <string.h>

#define HOUR_MS     INT64_C(3600000)
#define HOLDOVER_MS (72 * HOUR_MS)
#define NOON_MS     INT64_C(1767268800000)

static void test_holdover_runs_out(void **state)
{
    struct clock_trust trust = {0};

    assert_false(clock_trust_update(&trust, NOON_MS, false, HOLDOVER_MS)); /* never synchronised */
    assert_int_equal(trust.floor_ms, 0);
    assert_true(clock_trust_update(&trust, NOON_MS, true, HOLDOVER_MS));
    assert_int_equal(trust.floor_ms, NOON_MS);
    assert_true(clock_trust_update(&trust, NOON_MS + HOLDOVER_MS - 1, false, HOLDOVER_MS));
    assert_false(clock_trust_update(&trust, NOON_MS + HOLDOVER_MS, false, HOLDOVER_MS));
    /* Only trusted time raises the floor. */
    assert_int_equal(trust.floor_ms, NOON_MS);
}

static void test_floor_is_never_undercut(void **state)
{
    struct clock_trust trust = {0};

    assert_true(clock_trust_update(&trust, NOON_MS, true, HOLDOVER_MS));
    /* RTC lost: 1970, also when something claims that it is synchronised. */
    assert_false(clock_trust_update(&trust, 1000, false, HOLDOVER_MS));
    assert_false(clock_trust_update(&trust, 1000, true, HOLDOVER_MS));
    assert_int_equal(trust.floor_ms, NOON_MS);
    assert_int_equal(clock_trust_time_ms(&trust, 1000, false), NOON_MS);
    assert_int_equal(clock_trust_time_ms(&trust, NOON_MS + 5, true), NOON_MS + 5);
    assert_true(clock_trust_update(&trust, NOON_MS + HOUR_MS, true, HOLDOVER_MS));
    assert_int_equal(trust.floor_ms, NOON_MS + HOUR_MS);
}

static void test_boot_id(void **state)
{
    char id[33] = "untouched", again[33];

    setenv("PICKUP_BOOT_ID", "0123456789abcdef0123456789abcdef", 1);
    assert_int_equal(clock_boot_id(again), 0);
    assert_string_equal(again, "0123456789abcdef0123456789abcdef");
    setenv("PICKUP_BOOT_ID", "01234567-89ab-cdef-0123-456789abcdef", 1);
    assert_int_equal(clock_boot_id(again), 0);
    assert_string_equal(again, "0123456789abcdef0123456789abcdef");
    setenv("PICKUP_BOOT_ID", "0123", 1);
    assert_int_equal(clock_boot_id(id), -EINVAL);
    assert_string_equal(id, "untouched");
    unsetenv("PICKUP_BOOT_ID");
    assert_int_equal(clock_boot_id(id), 0);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_int_equal(clock_boot_id(again), 0);
    assert_string_equal(id, again);
}

static void test_readings(void **state)
{
    uint64_t before = clock_boot_us();

    assert_true(clock_now_ms() > INT64_C(1700000000000));
    assert_true(clock_boot_us() >= before);
    setenv("PICKUP_CLOCK", "trusted", 1);
    assert_true(clock_synchronised());
    setenv("PICKUP_CLOCK", "untrusted", 1);
    assert_false(clock_synchronised());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holdover_runs_out),
        cmocka_unit_test(test_floor_is_never_undercut),
        cmocka_unit_test(test_boot_id),
        cmocka_unit_test(test_readings),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
