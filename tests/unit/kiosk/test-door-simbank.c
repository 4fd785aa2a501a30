/* The rules of a door, the lock thread and the simulated bank together, on a loop like the kiosk's:
 * what the daemon would be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "kiosk/lock-thread.h"
#include "simbank-process.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define MS      UINT64_C(1000)
#define N_DOORS SIMBANK_DOORS
#define THIS    "0123456789abcdef0123456789abcdef"

struct bench {
    struct simbank_process simbank;
    struct door table[N_DOORS];
    struct doors doors;
    struct door_rules rules;
    struct lock_thread *thread;
    struct door_machine machines[N_DOORS];
    char told[512]; /* "2 pulsed 7, 2 opened 7, …" */
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    setenv("PICKUP_BOOT_ID", THIS, 1);
    simbank_process_init(&bench->simbank);
    simbank_process_start(&bench->simbank);
    for (uint32_t i = 0; i < N_DOORS; i++)
        bench->table[i] = (struct door){.number = i + 1, .pulse_ms = 200};
    bench->doors = (struct doors){.items = bench->table, .n = N_DOORS};
    bench->rules = door_rules_standard;
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

static void start(struct bench *bench)
{
    struct lock_thread_options options = {
        .doors = &bench->doors, .rest_us = 10 * MS, .pulse_max_us = 500 * MS};
    enum sensor sensors[N_DOORS];
    struct lock *lock;
    char *error;

    assert_int_equal(lock_sim_open(bench->simbank.socket, N_DOORS, &lock, &error), 0);
    assert_int_equal(lock_thread_new(&options, lock, &bench->thread), 0);
    lock_thread_first_sensors(bench->thread, sensors);
    for (size_t i = 0; i < N_DOORS; i++)
        door_init(&bench->machines[i], sensors[i], clock_boot_us());
}

static void step(struct bench *bench, uint32_t door, const struct door_event *event)
{
    struct door_machine *machine = &bench->machines[door - 1];
    struct door_effects effects = door_step(machine, &bench->rules, event);

    if (effects.pulse)
        assert_int_equal(lock_thread_pulse(bench->thread, &machine->grant, effects.attempt), 0);
    for (size_t i = 0; i < effects.n_reports; i++) {
        size_t n = strlen(bench->told);

        snprintf(bench->told + n, sizeof(bench->told) - n, "%u %s %u, ", door,
                 door_report_name(effects.reports[i].report), (unsigned)effects.reports[i].grant);
    }
}

static void take_lock_event(struct bench *bench, const struct lock_event *event)
{
    struct door_event happened = {
        .at_us = event->at_us, .number = event->grant, .sensor = event->sensor};

    switch (event->type) {
    case LOCK_COIL_ON:
        happened.type = DOOR_COIL_ON;
        break;
    case LOCK_COIL_OFF:
        happened.type = DOOR_COIL_OFF;
        break;
    case LOCK_REFUSED_DEADLINE:
    case LOCK_REFUSED_BOOT:
    case LOCK_REFUSED_COUNT:
    case LOCK_FAILED:
        happened.type = DOOR_REFUSED;
        break;
    case LOCK_SENSOR:
        happened.type = DOOR_SENSOR;
        break;
    case LOCK_STUCK:
    case LOCK_RELEASED:
        return;
    }
    step(bench, event->door, &happened);
}

/* One turn of the loop: events first, then whoever is due, then sleep. */
static void turn(struct bench *bench)
{
    struct pollfd ready = {.fd = lock_thread_fd(bench->thread), .events = POLLIN};
    uint64_t now_us = clock_boot_us(), next_us = now_us + 100 * MS;
    struct lock_event event;

    while (lock_thread_take(bench->thread, &event))
        take_lock_event(bench, &event);
    for (uint32_t door = 1; door <= N_DOORS; door++) {
        uint64_t due_us = door_next_deadline(&bench->machines[door - 1], &bench->rules);

        if (due_us <= now_us)
            step(bench, door, &(struct door_event){.type = DOOR_TICK, .at_us = now_us});
        else if (due_us < next_us)
            next_us = due_us;
    }
    poll(&ready, 1, (int)((next_us - now_us) / MS) + 1);
}

/* Runs the loop until the daemon would have been told these words, in this order. */
static void await(struct bench *bench, const char *expected)
{
    for (int i = 0; strlen(bench->told) < strlen(expected); i++) {
        assert_true(i < 100000);
        turn(bench);
    }
    assert_string_equal(bench->told, expected);
    *bench->told = '\0';
}

static void grant(struct bench *bench, uint64_t number, uint32_t door, uint64_t open_timeout_ms)
{
    struct door_grant given = {.grant = number,
                               .door = door,
                               .boot = THIS,
                               .deadline_us = clock_boot_us() + 60000 * MS,
                               .pulses = 3,
                               .open_timeout_us = open_timeout_ms * MS};

    step(bench, door,
         &(struct door_event){.type = DOOR_GRANT, .at_us = clock_boot_us(), .grant = &given});
}

static void command(struct bench *bench, const char *text)
{
    simbank_process_do(&bench->simbank, text, NULL, 0);
}

static void test_opens_is_emptied_and_closed(void **state)
{
    struct bench *bench = *state;

    command(bench, "auto-close 300");
    start(bench);
    grant(bench, 7, 2, 10000);
    await(bench, "2 pulsed 7, 2 opened 7, 2 closed 7, ");
    simbank_process_assert_no_violations(&bench->simbank);
}

static void test_jammed_door(void **state)
{
    struct bench *bench = *state;

    command(bench, "jam 3");
    start(bench);
    grant(bench, 7, 3, 400);
    await(bench, "3 pulsed 7, 3 pulsed 7, 3 pulsed 7, 3 not_opened 7, ");
    command(bench, "unjam 3");
    grant(bench, 8, 3, 10000);
    await(bench, "3 pulsed 8, 3 opened 8, ");
    simbank_process_assert_no_violations(&bench->simbank);
}

/* The contact chatters for longer than the debounce time: still one opening. */
static void test_bouncing_contact(void **state)
{
    struct bench *bench = *state;

    command(bench, "bounce 1 200");
    start(bench);
    grant(bench, 7, 1, 10000);
    await(bench, "1 pulsed 7, 1 opened 7, ");
    command(bench, "close 1");
    await(bench, "1 closed 7, ");
}

static void test_forced_and_left_open(void **state)
{
    struct bench *bench = *state;

    bench->rules.close_timeout_us = 200 * MS;
    start(bench);
    command(bench, "force 4");
    await(bench, "4 forced 0, 4 left_open 0, ");
    command(bench, "close 4");
    await(bench, "4 closed 0, ");
}

static void test_dead_sensor(void **state)
{
    struct bench *bench = *state;

    start(bench);
    command(bench, "dead 1");
    await(bench, "1 faulty 0, ");
    grant(bench, 7, 1, 400);
    await(bench, "1 not_opened 7, ");
    command(bench, "alive 1");
    await(bench, "1 restored 0, ");
}

/* Two doors granted at once: one coil after the other. */
static void test_two_doors_at_once(void **state)
{
    struct bench *bench = *state;

    start(bench);
    command(bench, "late-open 1 3000");
    grant(bench, 7, 1, 10000);
    grant(bench, 8, 2, 10000);
    await(bench, "1 pulsed 7, 2 pulsed 8, 2 opened 8, 1 opened 7, ");
    simbank_process_assert_no_violations(&bench->simbank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_opens_is_emptied_and_closed),
        TEST(test_jammed_door),
        TEST(test_bouncing_contact),
        TEST(test_forced_and_left_open),
        TEST(test_dead_sensor),
        TEST(test_two_doors_at_once),
    };

    return cmocka_run_group_tests_name("door-simbank", tests, NULL, NULL);
}
