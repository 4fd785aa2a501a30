/* The backend and the lock thread against the real pickup-simbank ($SIMBANK). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "kiosk/lock-thread.h"
#include "simbank-process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#define MS      UINT64_C(1000)
#define N_DOORS SIMBANK_DOORS
#define THIS    "0123456789abcdef0123456789abcdef"

struct bench {
    struct simbank_process simbank;
    struct door table[N_DOORS];
    struct doors doors;
    struct lock_thread *thread;
    enum sensor sensors[N_DOORS]; /* as the events tell */
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    setenv("PICKUP_BOOT_ID", THIS, 1);
    simbank_process_init(&bench->simbank);
    for (uint32_t i = 0; i < N_DOORS; i++)
        bench->table[i] = (struct door){.number = i + 1, .pulse_ms = 200};
    bench->doors = (struct doors){.items = bench->table, .n = N_DOORS};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    lock_thread_free(bench->thread);
    simbank_process_done(&bench->simbank);
    free(bench);
    return 0;
}

static void start_thread(struct bench *bench)
{
    struct lock_thread_options options = {
        .doors = &bench->doors, .rest_us = 10 * MS, .pulse_max_us = 500 * MS};
    struct kiosk_config config = {.lock_backend = KIOSK_LOCK_SIM,
                                  .lock_socket = bench->simbank.socket};
    struct lock *lock;
    char *error;

    assert_int_equal(lock_open(&config, &bench->doors, &lock, &error), 0);
    assert_int_equal(lock_thread_new(&options, lock, &bench->thread), 0);
    lock_thread_first_sensors(bench->thread, bench->sensors);
}

static struct lock_event next_event(struct bench *bench)
{
    struct lock_event event;

    while (!lock_thread_take(bench->thread, &event)) {
        struct pollfd ready = {.fd = lock_thread_fd(bench->thread), .events = POLLIN};

        assert_int_equal(poll(&ready, 1, 30000), 1);
    }
    if (event.type == LOCK_SENSOR)
        bench->sensors[event.door - 1] = event.sensor;
    return event;
}

static struct lock_event await(struct bench *bench, enum lock_event_type type)
{
    struct lock_event event;

    do
        event = next_event(bench);
    while (event.type != type);
    return event;
}

static void await_sensors(struct bench *bench, enum sensor sensor)
{
    for (size_t i = 0; i < N_DOORS; i++)
        while (bench->sensors[i] != sensor)
            next_event(bench);
}

static void ask(struct bench *bench, uint64_t number, uint32_t door)
{
    struct door_grant grant = {.grant = number,
                               .door = door,
                               .boot = THIS,
                               .deadline_us = clock_boot_us() + 60000 * MS,
                               .pulses = 1};

    assert_int_equal(lock_thread_pulse(bench->thread, &grant, 1), 0);
}

static void test_a_pulse_opens_the_door(void **state)
{
    struct bench *bench = *state;
    struct lock_event on, opened;

    simbank_process_start(&bench->simbank);
    start_thread(bench);
    for (size_t i = 0; i < N_DOORS; i++)
        assert_int_equal(bench->sensors[i], SENSOR_CLOSED);
    ask(bench, 7, 3);
    on = await(bench, LOCK_COIL_ON);
    opened = await(bench, LOCK_SENSOR);
    assert_int_equal(opened.door, 3);
    assert_int_equal(opened.sensor, SENSOR_OPEN);
    assert_true(opened.at_us > on.at_us); /* the simulator's times are ours */
    await(bench, LOCK_COIL_OFF);
    simbank_process_do(&bench->simbank, "wait 3 open 30000", NULL, 0);
    simbank_process_do(&bench->simbank, "close 3", NULL, 0);
    while (bench->sensors[2] != SENSOR_CLOSED)
        next_event(bench);
    simbank_process_assert_no_violations(&bench->simbank);
}

static void test_a_door_that_is_open_at_start(void **state)
{
    struct bench *bench = *state;

    simbank_process_start(&bench->simbank);
    simbank_process_do(&bench->simbank, "bounce 4 0", NULL, 0);
    simbank_process_do(&bench->simbank, "open 4", NULL, 0);
    simbank_process_do(&bench->simbank, "dead 1", NULL, 0);
    start_thread(bench);
    assert_int_equal(bench->sensors[0], SENSOR_FAULTY);
    assert_int_equal(bench->sensors[1], SENSOR_CLOSED);
    assert_int_equal(bench->sensors[3], SENSOR_OPEN);
}

static void test_simbank_starts_later_and_again(void **state)
{
    struct bench *bench = *state;

    start_thread(bench);
    await_sensors(bench, SENSOR_FAULTY);
    ask(bench, 7, 1);
    assert_int_equal(await(bench, LOCK_FAILED).error, -ENODEV);
    simbank_process_start(&bench->simbank);
    await_sensors(bench, SENSOR_CLOSED);
    simbank_process_end(&bench->simbank, SIGKILL);
    await_sensors(bench, SENSOR_FAULTY);
    simbank_process_start(&bench->simbank);
    await_sensors(bench, SENSOR_CLOSED);
    ask(bench, 8, 1);
    await(bench, LOCK_COIL_OFF);
    while (bench->sensors[0] != SENSOR_OPEN)
        next_event(bench);
    simbank_process_assert_no_violations(&bench->simbank);
}

/* The simulator goes while a coil is on: the pulse ends all the same. */
static void test_simbank_dies_in_a_pulse(void **state)
{
    struct bench *bench = *state;

    bench->table[0].pulse_ms = 500;
    simbank_process_start(&bench->simbank);
    start_thread(bench);
    ask(bench, 7, 1);
    await(bench, LOCK_COIL_ON);
    simbank_process_end(&bench->simbank, SIGKILL);
    await(bench, LOCK_COIL_OFF);
}

static void test_the_kiosk_stops_in_a_pulse(void **state)
{
    struct bench *bench = *state;

    bench->table[0].pulse_ms = 500;
    simbank_process_start(&bench->simbank);
    start_thread(bench);
    ask(bench, 7, 1);
    await(bench, LOCK_COIL_ON);
    bench->thread = lock_thread_free(bench->thread);
    simbank_process_assert_no_violations(&bench->simbank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_pulse_opens_the_door),         TEST(test_a_door_that_is_open_at_start),
        TEST(test_simbank_starts_later_and_again), TEST(test_simbank_dies_in_a_pulse),
        TEST(test_the_kiosk_stops_in_a_pulse),
    };

    return cmocka_run_group_tests_name("lock-sim", tests, NULL, NULL);
}
