/* The backend and the lock thread against the real pickup-simbank ($SIMBANK). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "kiosk/lock-thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MS      UINT64_C(1000)
#define N_DOORS 4
#define THIS    "0123456789abcdef0123456789abcdef"

extern char **environ;

struct bench {
    char folder[256], socket[300];
    pid_t simbank; /* 0 = not running */
    struct door table[N_DOORS];
    struct doors doors;
    struct lock_thread *thread;
    enum sensor sensors[N_DOORS]; /* as the events tell */
};

static void start_simbank(struct bench *bench)
{
    char socket[320];
    char *words[] = {(char *)"pickup-simbank", (char *)"--doors=4", socket, NULL};

    snprintf(socket, sizeof(socket), "--socket=%s", bench->socket);
    assert_int_equal(posix_spawn(&bench->simbank, getenv("SIMBANK"), NULL, NULL, words, environ),
                     0);
    for (int i = 0; access(bench->socket, F_OK) < 0; i++) {
        assert_true(i < 30000);
        usleep(1000);
    }
}

static void end_simbank(struct bench *bench, int signal)
{
    if (bench->simbank > 0) {
        kill(bench->simbank, signal);
        waitpid(bench->simbank, NULL, 0);
        unlink(bench->socket);
    }
    bench->simbank = 0;
}

/* The simulator's answer to one command. */
static void ask_simbank(struct bench *bench, const char *command, char *ret_text, int size)
{
    char line[512];
    FILE *stream;
    size_t n;

    snprintf(line, sizeof(line), "'%s' --socket='%s' do '%s'", getenv("SIMBANK"), bench->socket,
             command);
    stream = popen(line, "re");
    assert_non_null(stream);
    n = fread(ret_text, 1, (size_t)size - 1, stream);
    ret_text[n] = '\0';
    assert_int_equal(pclose(stream), 0);
}

static void tell_simbank(struct bench *bench, const char *command)
{
    char text[256];

    ask_simbank(bench, command, text, sizeof(text));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    setenv("PICKUP_BOOT_ID", THIS, 1);
    strcpy(bench->folder, "/tmp/test-lock-sim-XXXXXX");
    if (!mkdtemp(bench->folder))
        return -1;
    snprintf(bench->socket, sizeof(bench->socket), "%s/bank.socket", bench->folder);
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
    end_simbank(bench, SIGTERM);
    rmdir(bench->folder);
    free(bench);
    return 0;
}

static void start_thread(struct bench *bench)
{
    struct lock_thread_options options = {
        .doors = &bench->doors, .rest_us = 10 * MS, .pulse_max_us = 500 * MS};
    struct kiosk_config config = {.lock_backend = KIOSK_LOCK_SIM, .lock_socket = bench->socket};
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

static void assert_no_violations(struct bench *bench)
{
    char text[512];

    ask_simbank(bench, "violations", text, sizeof(text));
    assert_string_equal(text, "[]\n");
}

static void test_a_pulse_opens_the_door(void **state)
{
    struct bench *bench = *state;
    struct lock_event on, opened;

    start_simbank(bench);
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
    tell_simbank(bench, "wait 3 open 30000");
    tell_simbank(bench, "close 3");
    while (bench->sensors[2] != SENSOR_CLOSED)
        next_event(bench);
    assert_no_violations(bench);
}

static void test_a_door_that_is_open_at_start(void **state)
{
    struct bench *bench = *state;

    start_simbank(bench);
    tell_simbank(bench, "bounce 4 0");
    tell_simbank(bench, "open 4");
    tell_simbank(bench, "dead 1");
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
    start_simbank(bench);
    await_sensors(bench, SENSOR_CLOSED);
    end_simbank(bench, SIGKILL);
    await_sensors(bench, SENSOR_FAULTY);
    start_simbank(bench);
    await_sensors(bench, SENSOR_CLOSED);
    ask(bench, 8, 1);
    await(bench, LOCK_COIL_OFF);
    while (bench->sensors[0] != SENSOR_OPEN)
        next_event(bench);
    assert_no_violations(bench);
}

/* The simulator goes while a coil is on: the pulse ends all the same. */
static void test_simbank_dies_in_a_pulse(void **state)
{
    struct bench *bench = *state;

    bench->table[0].pulse_ms = 500;
    start_simbank(bench);
    start_thread(bench);
    ask(bench, 7, 1);
    await(bench, LOCK_COIL_ON);
    end_simbank(bench, SIGKILL);
    await(bench, LOCK_COIL_OFF);
}

static void test_the_kiosk_stops_in_a_pulse(void **state)
{
    struct bench *bench = *state;

    bench->table[0].pulse_ms = 500;
    start_simbank(bench);
    start_thread(bench);
    ask(bench, 7, 1);
    await(bench, LOCK_COIL_ON);
    bench->thread = lock_thread_free(bench->thread);
    assert_no_violations(bench);
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
