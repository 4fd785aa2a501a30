/* Promises 2 and 5 at the place where they are kept. Nothing here asserts that something is fast;
 * what is awaited is awaited for long, and times are compared only in the safe direction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "fake-lock.h"
#include "kiosk/lock-thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define MS      UINT64_C(1000)
#define N_DOORS 4
#define THIS    "0123456789abcdef0123456789abcdef"
#define OTHER   "ffffffffffffffffffffffffffffffff"

struct bench {
    struct fake_lock *fake;
    struct door table[N_DOORS];
    struct doors doors;
    struct lock_thread_options options;
    struct lock_thread *thread;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    setenv("PICKUP_BOOT_ID", THIS, 1);
    bench->fake = fake_lock_new(N_DOORS);
    for (uint32_t i = 0; i < N_DOORS; i++)
        bench->table[i] = (struct door){.number = i + 1, .pulse_ms = 20};
    bench->doors = (struct doors){.items = bench->table, .n = N_DOORS};
    bench->options = (struct lock_thread_options){
        .doors = &bench->doors, .rest_us = 10 * MS, .pulse_max_us = 500 * MS};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    lock_thread_free(bench->thread);
    fake_lock_free(bench->fake);
    free(bench);
    return 0;
}

static void start(struct bench *bench)
{
    assert_int_equal(lock_thread_new(&bench->options, fake_lock_lock(bench->fake), &bench->thread),
                     0);
}

static struct door_grant grant_of(uint64_t number, uint32_t door)
{
    struct door_grant grant = {.grant = number,
                               .door = door,
                               .boot = THIS,
                               .deadline_us = clock_boot_us() + 60000 * MS,
                               .pulses = 3};

    return grant;
}

static void ask(struct bench *bench, uint64_t number, uint32_t door)
{
    struct door_grant grant = grant_of(number, door);

    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
}

static struct lock_event next_event(struct bench *bench)
{
    struct lock_event event;

    while (!lock_thread_take(bench->thread, &event)) {
        struct pollfd ready = {.fd = lock_thread_fd(bench->thread), .events = POLLIN};

        assert_int_equal(poll(&ready, 1, 30000), 1);
    }
    return event;
}

static struct lock_event expect(struct bench *bench, enum lock_event_type type, uint64_t grant)
{
    struct lock_event event = next_event(bench);

    if (event.type != type || event.grant != grant)
        fail_msg("%s of grant %d instead of %s of grant %d", lock_event_name(event.type),
                 (int)event.grant, lock_event_name(type), (int)grant);
    return event;
}

/* "on 1 off 1 all …" */
static void assert_acts(struct bench *bench, const char *expected)
{
    static const char *const names[] = {"on", "off", "all", "close"};
    struct fake_record records[64];
    size_t n = fake_lock_records(bench->fake, records, ELEMENTSOF(records));
    char acts[512] = "";

    for (size_t i = 0; i < n; i++) {
        char act[16];

        snprintf(act, sizeof(act), records[i].door ? "%s %u " : "%s ", names[records[i].act],
                 records[i].door);
        strcat(acts, act);
    }
    assert_string_equal(acts, expected);
}

static void test_all_lines_inactive_at_start_and_stop(void **state)
{
    struct bench *bench = *state;

    start(bench);
    assert_acts(bench, "all ");
    bench->thread = lock_thread_free(bench->thread);
    assert_acts(bench, "all all close ");
}

static void test_one_pulse(void **state)
{
    struct bench *bench = *state;
    struct lock_event on, off;

    start(bench);
    ask(bench, 7, 2);
    on = expect(bench, LOCK_COIL_ON, 7);
    off = expect(bench, LOCK_COIL_OFF, 7);
    assert_int_equal(on.door, 2);
    assert_int_equal(on.attempt, 1);
    assert_int_equal(off.door, 2);
    assert_true(off.at_us - on.at_us >= 20 * MS);
    assert_acts(bench, "all on 2 off 2 ");
}

static void test_never_longer_than_pulse_max(void **state)
{
    struct bench *bench = *state;
    struct lock_event on, off;

    bench->table[0].pulse_ms = 60000;
    bench->options.pulse_max_us = 30 * MS;
    start(bench);
    ask(bench, 7, 1);
    on = expect(bench, LOCK_COIL_ON, 7);
    off = expect(bench, LOCK_COIL_OFF, 7); /* not within a minute without the cap */
    assert_true(off.at_us - on.at_us >= 30 * MS);
}

/* The loop asks and then never comes back: nothing is taken from the mailbox. */
static void test_a_hung_loop_keeps_no_coil_on(void **state)
{
    struct bench *bench = *state;

    start(bench);
    ask(bench, 7, 1);
    for (int i = 0; fake_lock_records(bench->fake, NULL, 0) < 3; i++) {
        assert_true(i < 30000);
        usleep(1000);
    }
    assert_int_equal(fake_lock_coils(bench->fake), 0);
    assert_acts(bench, "all on 1 off 1 ");
}

static void test_one_coil_at_a_time_with_rest(void **state)
{
    struct bench *bench = *state;
    uint64_t off_us;

    bench->table[0].pulse_ms = 200; /* the others are asked for in the middle of it */
    start(bench);
    ask(bench, 1, 1);
    expect(bench, LOCK_COIL_ON, 1);
    for (uint32_t door = 2; door <= N_DOORS; door++)
        ask(bench, door, door);
    off_us = expect(bench, LOCK_COIL_OFF, 1).at_us;
    for (uint32_t door = 2; door <= N_DOORS; door++) {
        assert_true(expect(bench, LOCK_COIL_ON, door).at_us - off_us >= bench->options.rest_us);
        off_us = expect(bench, LOCK_COIL_OFF, door).at_us;
    }
    assert_int_equal(fake_lock_most_coils(bench->fake), 1);
    assert_acts(bench, "all on 1 off 1 on 2 off 2 on 3 off 3 on 4 off 4 ");
}

static void test_deadline_has_passed(void **state)
{
    struct bench *bench = *state;
    struct door_grant grant = grant_of(7, 1);

    grant.deadline_us = clock_boot_us();
    start(bench);
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
    assert_int_equal(expect(bench, LOCK_REFUSED_DEADLINE, 7).door, 1);
    assert_acts(bench, "all ");
}

/* In time when it was asked for, too late when its turn came. */
static void test_deadline_passes_while_another_coil_is_on(void **state)
{
    struct bench *bench = *state;
    struct door_grant grant;

    bench->table[0].pulse_ms = 300;
    start(bench);
    ask(bench, 7, 1);
    grant = grant_of(8, 2);
    grant.deadline_us = expect(bench, LOCK_COIL_ON, 7).at_us + 250 * MS;
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
    expect(bench, LOCK_COIL_OFF, 7);
    expect(bench, LOCK_REFUSED_DEADLINE, 8);
    assert_acts(bench, "all on 1 off 1 ");
}

static void test_another_boot(void **state)
{
    struct bench *bench = *state;
    struct door_grant grant = grant_of(7, 1);

    start(bench);
    strcpy(grant.boot, OTHER);
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
    expect(bench, LOCK_REFUSED_BOOT, 7);
    *grant.boot = '\0';
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
    expect(bench, LOCK_REFUSED_BOOT, 7);
    assert_acts(bench, "all ");
}

static void test_beyond_what_was_granted(void **state)
{
    struct bench *bench = *state;
    struct door_grant grant = grant_of(7, 1), nowhere = grant_of(8, N_DOORS + 1);

    start(bench);
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 4), 0);
    expect(bench, LOCK_REFUSED_COUNT, 7);
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 0), 0);
    expect(bench, LOCK_REFUSED_COUNT, 7);
    assert_int_equal(lock_thread_pulse(bench->thread, &nowhere, 1), 0);
    expect(bench, LOCK_REFUSED_COUNT, 8);
    assert_acts(bench, "all ");
}

static void test_stop_in_the_middle_of_a_pulse(void **state)
{
    struct bench *bench = *state;

    bench->table[0].pulse_ms = 60000;
    bench->options.pulse_max_us = 60000 * MS;
    start(bench);
    ask(bench, 7, 1);
    ask(bench, 8, 2);
    expect(bench, LOCK_COIL_ON, 7);
    bench->thread = lock_thread_free(bench->thread);
    assert_int_equal(fake_lock_coils(bench->fake), 0);
    assert_acts(bench, "all on 1 all close ");
}

static void test_energise_fails(void **state)
{
    struct bench *bench = *state;

    start(bench);
    fake_lock_fail(bench->fake, FAKE_ENERGISE, 1);
    ask(bench, 7, 1);
    assert_int_equal(expect(bench, LOCK_FAILED, 7).error, -EIO);
    ask(bench, 8, 2);
    expect(bench, LOCK_COIL_ON, 8);
    expect(bench, LOCK_COIL_OFF, 8);
    assert_int_equal(fake_lock_coils(bench->fake), 0);
    assert_acts(bench, "all on 1 all on 2 off 2 ");
}

static void test_a_coil_that_sticks_blocks_every_other(void **state)
{
    struct bench *bench = *state;

    start(bench);
    fake_lock_fail(bench->fake, FAKE_RELEASE, 1);
    fake_lock_fail(bench->fake, FAKE_RELEASE_ALL, 3);
    ask(bench, 7, 1);
    ask(bench, 8, 2);
    expect(bench, LOCK_COIL_ON, 7);
    assert_int_equal(expect(bench, LOCK_STUCK, 0).error, -EIO);
    expect(bench, LOCK_RELEASED, 0);
    expect(bench, LOCK_COIL_OFF, 7);
    expect(bench, LOCK_COIL_ON, 8);
    expect(bench, LOCK_COIL_OFF, 8);
    assert_int_equal(fake_lock_most_coils(bench->fake), 1);
    assert_acts(bench, "all on 1 off 1 all all all all on 2 off 2 ");
}

static void test_start_fails_when_lines_cannot_be_released(void **state)
{
    struct bench *bench = *state;

    fake_lock_fail(bench->fake, FAKE_RELEASE_ALL, 1);
    assert_int_equal(lock_thread_new(&bench->options, fake_lock_lock(bench->fake), &bench->thread),
                     -EIO);
    assert_null(bench->thread);
    assert_acts(bench, "all close ");
}

static void test_sensors(void **state)
{
    struct bench *bench = *state;
    enum sensor first[N_DOORS];
    struct lock_event event;

    fake_lock_sensor(bench->fake, 3, SENSOR_OPEN, false);
    start(bench);
    lock_thread_first_sensors(bench->thread, first);
    assert_int_equal(first[0], SENSOR_CLOSED);
    assert_int_equal(first[2], SENSOR_OPEN);
    fake_lock_sensor(bench->fake, 1, SENSOR_OPEN, true);
    event = expect(bench, LOCK_SENSOR, 0);
    assert_int_equal(event.door, 1);
    assert_int_equal(event.sensor, SENSOR_OPEN);
    /* An edge that got lost is found by reading. */
    fake_lock_sensor(bench->fake, 2, SENSOR_FAULTY, false);
    event = expect(bench, LOCK_SENSOR, 0);
    assert_int_equal(event.door, 2);
    assert_int_equal(event.sensor, SENSOR_FAULTY);
}

/* The loop is away during a storm of edges: it learns of the pulse, and of each door's last word.
 */
static void test_a_storm_of_edges(void **state)
{
    struct bench *bench = *state;
    enum sensor last[N_DOORS] = {SENSOR_CLOSED, SENSOR_CLOSED, SENSOR_CLOSED, SENSOR_CLOSED};
    unsigned n_sensor = 0, n_coil = 0;

    start(bench);
    for (unsigned i = 0; i < 3000; i++)
        fake_lock_sensor(bench->fake, 1 + i % 2, i % 4 < 2 ? SENSOR_OPEN : SENSOR_CLOSED, true);
    fake_lock_sensor(bench->fake, 1, SENSOR_OPEN, true);
    fake_lock_sensor(bench->fake, 2, SENSOR_FAULTY, true);
    ask(bench, 7, 3);
    for (int i = 0; fake_lock_records(bench->fake, NULL, 0) < 3; i++) {
        assert_true(i < 30000);
        usleep(1000);
    }
    for (struct lock_event event; n_coil < 2 || last[1] != SENSOR_FAULTY;) {
        event = next_event(bench);
        if (event.type == LOCK_SENSOR) {
            last[event.door - 1] = event.sensor;
            n_sensor++;
        } else {
            assert_int_equal(event.type, n_coil++ == 0 ? LOCK_COIL_ON : LOCK_COIL_OFF);
        }
    }
    assert_true(n_sensor < 1000);
    assert_int_equal(last[0], SENSOR_OPEN);
}

static void test_queue_is_bounded(void **state)
{
    struct bench *bench = *state;
    struct door_grant grant = grant_of(7, 1);

    bench->table[0].pulse_ms = 60000;
    bench->options.pulse_max_us = 60000 * MS;
    start(bench);
    ask(bench, 7, 1);
    expect(bench, LOCK_COIL_ON, 7);
    for (int i = 0; i < LOCK_THREAD_QUEUE_MAX; i++)
        assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), -EBUSY);
}

static void test_heartbeat_goes_on(void **state)
{
    struct bench *bench = *state;
    uint64_t first_us;

    start(bench);
    first_us = lock_thread_heartbeat_us(bench->thread);
    for (int i = 0; lock_thread_heartbeat_us(bench->thread) <= first_us + 1000 * MS; i++) {
        assert_true(i < 30000);
        usleep(1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_all_lines_inactive_at_start_and_stop),
        TEST(test_one_pulse),
        TEST(test_never_longer_than_pulse_max),
        TEST(test_a_hung_loop_keeps_no_coil_on),
        TEST(test_one_coil_at_a_time_with_rest),
        TEST(test_deadline_has_passed),
        TEST(test_deadline_passes_while_another_coil_is_on),
        TEST(test_another_boot),
        TEST(test_beyond_what_was_granted),
        TEST(test_stop_in_the_middle_of_a_pulse),
        TEST(test_energise_fails),
        TEST(test_a_coil_that_sticks_blocks_every_other),
        TEST(test_start_fails_when_lines_cannot_be_released),
        TEST(test_sensors),
        TEST(test_a_storm_of_edges),
        TEST(test_queue_is_bounded),
        TEST(test_heartbeat_goes_on),
    };

    return cmocka_run_group_tests_name("lock-thread", tests, NULL, NULL);
}
