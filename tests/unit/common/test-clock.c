#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    const struct clock_source kernel = {0};
    struct clock_reading reading;
    uint64_t before_us = clock_boot_us();
    int64_t before_ms = clock_now_ms();

    unsetenv("PICKUP_CLOCK");
    clock_read(&kernel, &reading);
    assert_in_range(reading.wall_ms, before_ms - 1, clock_now_ms());
    assert_in_range(reading.boot_us, before_us, clock_boot_us());
    setenv("PICKUP_CLOCK", "trusted", 1);
    clock_read(&kernel, &reading);
    assert_true(reading.synchronised);
    setenv("PICKUP_CLOCK", "untrusted", 1);
    clock_read(&kernel, &reading);
    assert_false(reading.synchronised);
    unsetenv("PICKUP_CLOCK");
}

/* A file in a folder of its own, and what is to stand in it. */
static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_turned_by_a_file(void **state)
{
    const struct clock_source kernel = {0};
    char path[] = "/tmp/pickup-clock-XXXXXX";
    struct clock_reading reading;
    int64_t wall_ms = clock_now_ms();
    uint64_t boot_us = clock_boot_us();
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    setenv("PICKUP_CLOCK_FILE", path, 1);
    write_file(path, "offset_ms=-86400000 boot_offset_ms=3600000\nsynchronised=yes rtc=no\n");
    assert_in_range(clock_now_ms() + 86400000, wall_ms, wall_ms + 60000);
    assert_in_range(clock_boot_us() - UINT64_C(3600000000), boot_us, boot_us + 60000000);
    clock_read(&kernel, &reading);
    assert_in_range(reading.wall_ms + 86400000, wall_ms - 1, wall_ms + 60000);
    assert_in_range(reading.boot_us - UINT64_C(3600000000), boot_us, boot_us + 60000000);
    assert_true(reading.synchronised);
    assert_false(reading.rtc);
    setenv("PICKUP_CLOCK", "trusted", 1);
    write_file(path, "synchronised=no rtc=yes");
    clock_read(&kernel, &reading);
    assert_false(reading.synchronised); /* the file is the later word */
    assert_true(reading.rtc);
    assert_in_range(reading.wall_ms, wall_ms - 1, wall_ms + 60000);
    unlink(path);
    unsetenv("PICKUP_CLOCK");
    unsetenv("PICKUP_CLOCK_FILE");
}

static void test_a_file_as_source(void **state)
{
    char path[] = "/tmp/pickup-source-XXXXXX";
    const struct clock_source source = {.file = path, .file_age_ms = 60000};
    struct timespec times[2];
    struct clock_reading reading;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    clock_gettime(CLOCK_REALTIME, &times[0]);
    clock_read(&source, &reading);
    assert_true(reading.synchronised);
    times[1] = times[0];
    times[1].tv_sec -= 61; /* too old */
    assert_int_equal(futimens(fd, times), 0);
    clock_read(&source, &reading);
    assert_false(reading.synchronised);
    times[1].tv_sec += 61 + 600; /* touched in the future: the clock went back since */
    assert_int_equal(futimens(fd, times), 0);
    clock_read(&source, &reading);
    assert_false(reading.synchronised);
    close(fd);
    unlink(path);
    clock_read(&source, &reading);
    assert_false(reading.synchronised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_id),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_turned_by_a_file),
        cmocka_unit_test(test_a_file_as_source),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
