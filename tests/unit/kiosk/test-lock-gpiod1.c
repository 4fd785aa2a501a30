#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "fake-gpiod.h"
#include "kiosk/hw/lock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SOC      (&fake_chips[0])
#define EXPANDER (&fake_chips[1])

/* doors.conf, one door after the other: by label and offset, by device name and line name, by line
 * name alone; locks active high, low, high. */
static struct door table[] = {
    {.number = 1,
     .lock = {.chip = (char *)"pinctrl-bcm2711", .offset = 0},
     .sensor = {.chip = (char *)"mcp23017", .offset = 0},
     .sensor_open_is_active = true},
    {.number = 2,
     .lock = {.chip = (char *)"gpiochip0", .name = (char *)"GPIO1", .active_low = true},
     .sensor = {.chip = (char *)"mcp23017", .offset = 1, .active_low = true},
     .sensor_open_is_active = false},
    {.number = 3,
     .lock = {.chip = (char *)"", .name = (char *)"GPIO2"},
     .sensor = {.chip = (char *)"", .name = (char *)"EXP2"},
     .sensor_open_is_active = true},
};

struct bench {
    struct door table[3];
    struct doors doors;
    struct lock *lock;
    char told[256];
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    fake_gpiod_reset();
    memcpy(bench->table, table, sizeof(table));
    bench->doors = (struct doors){.items = bench->table, .n = 3};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    lock_close(bench->lock);
    free(bench);
    return 0;
}

static void open_bank(struct bench *bench)
{
    struct kiosk_config config = {.lock_backend = KIOSK_LOCK_GPIOD};
    char *error = NULL;
    int r = lock_open(&config, &bench->doors, &bench->lock, &error);

    if (r < 0)
        fail_msg("%s", error);
}

/* Opening fails, leaves nothing behind, and the sentence has these words in it. */
static void assert_refused(struct bench *bench, int error, const char *words, const char *remedy)
{
    char *sentence = NULL;

    assert_int_equal(lock_gpiod_open(&bench->doors, &bench->lock, &sentence), error);
    assert_null(bench->lock);
    assert_non_null(sentence);
    if (!strstr(sentence, words) || !strstr(sentence, remedy))
        fail_msg("%s", sentence);
    free(sentence);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_chips[i].n_open, 0);
        for (int k = 0; k < FAKE_LINES; k++)
            assert_false(fake_chips[i].lines[k].requested);
    }
}

static void on_edge(void *userdata, uint32_t door, enum sensor sensor, uint64_t at_us)
{
    struct bench *bench = userdata;
    char text[32];

    assert_true(at_us <= clock_boot_us());
    snprintf(text, sizeof(text), "%u %s ", door, sensor_name(sensor));
    strcat(bench->told, text);
}

static void assert_told(struct bench *bench, const char *expected)
{
    struct pollfd ready = {.fd = bench->lock->fd, .events = POLLIN};

    if (*expected)
        assert_int_equal(poll(&ready, 1, 30000), 1);
    for (int i = 0; i < 3; i++)
        bench->lock->ops->dispatch(bench->lock, on_edge, bench);
    assert_string_equal(bench->told, expected);
    *bench->told = '\0';
}

static void test_lock_lines(void **state)
{
    struct bench *bench = *state;

    open_bank(bench);
    for (int i = 0; i < 3; i++) {
        assert_true(SOC->lines[i].requested && SOC->lines[i].output);
        assert_int_equal(SOC->lines[i].initial, 0);
        assert_int_equal(SOC->lines[i].active_low, i == 1);
    }
    assert_int_equal(bench->lock->ops->energise(bench->lock, 2), 0);
    assert_int_equal(SOC->lines[1].value, 1);
    assert_int_equal(SOC->lines[0].value + SOC->lines[2].value, 0);
    assert_int_equal(bench->lock->ops->release(bench->lock, 2), 0);
    assert_int_equal(SOC->lines[1].value, 0);
    assert_int_equal(bench->lock->ops->energise(bench->lock, 4), -ENXIO);
    assert_int_equal(bench->lock->ops->energise(bench->lock, 0), -ENXIO);
}

static void test_release_all_tries_every_line(void **state)
{
    struct bench *bench = *state;

    open_bank(bench);
    bench->lock->ops->energise(bench->lock, 3);
    SOC->lines[0].broken = true;
    assert_int_equal(bench->lock->ops->release_all(bench->lock), -EIO);
    assert_int_equal(SOC->lines[2].value, 0);
}

static void test_close_leaves_nothing_on(void **state)
{
    struct bench *bench = *state;

    open_bank(bench);
    bench->lock->ops->energise(bench->lock, 1);
    bench->lock = lock_close(bench->lock);
    assert_int_equal(SOC->lines[0].value, 0);
    assert_false(SOC->lines[0].requested);
    assert_int_equal(SOC->n_open + EXPANDER->n_open, 0);
}

static void test_sensors_are_read(void **state)
{
    struct bench *bench = *state;
    enum sensor sensors[3];

    open_bank(bench);
    assert_true(EXPANDER->lines[1].active_low);
    fake_gpiod_input(&EXPANDER->lines[0], true);
    EXPANDER->lines[2].broken = true;
    bench->lock->ops->read(bench->lock, sensors);
    assert_int_equal(sensors[0], SENSOR_OPEN);
    assert_int_equal(sensors[1], SENSOR_OPEN); /* inactive, and active means closed */
    assert_int_equal(sensors[2], SENSOR_FAULTY);
}

static void test_edges(void **state)
{
    struct bench *bench = *state;
    enum sensor sensors[3];

    open_bank(bench);
    bench->lock->ops->read(bench->lock, sensors);
    assert_told(bench, "");
    fake_gpiod_input(&EXPANDER->lines[0], true);
    fake_gpiod_input(&EXPANDER->lines[0], false);
    fake_gpiod_input(&EXPANDER->lines[0], true);
    assert_told(bench, "1 open 1 closed 1 open ");
    fake_gpiod_input(&EXPANDER->lines[1], true);
    assert_told(bench, "2 closed ");
}

/* The kernel dropped the last edge: the line itself has the last word. */
static void test_edges_that_were_dropped(void **state)
{
    struct bench *bench = *state;
    enum sensor sensors[3];

    open_bank(bench);
    bench->lock->ops->read(bench->lock, sensors);
    for (int i = 0; i < 16; i++)
        fake_gpiod_input(&EXPANDER->lines[0], i % 2 == 0);
    EXPANDER->lines[0].value = 1;
    bench->lock->ops->dispatch(bench->lock, on_edge, bench);
    assert_string_equal(bench->told + strlen(bench->told) - 7, "1 open ");
}

static void test_a_chip_without_edges_is_polled(void **state)
{
    struct bench *bench = *state;
    enum sensor sensors[3];

    EXPANDER->lines[0].no_edges = true;
    open_bank(bench);
    bench->lock->ops->read(bench->lock, sensors);
    fake_gpiod_input(&EXPANDER->lines[0], true);
    assert_told(bench, "1 open ");
    EXPANDER->lines[0].broken = true;
    assert_told(bench, "1 faulty ");
}

static void test_what_is_wrong_is_said(void **state)
{
    struct bench *bench = *state;

    SOC->lines[2].busy = true;
    assert_refused(bench, -EBUSY, "Door 3: the lock line :GPIO2", "gpioinfo");
    SOC->lines[2].busy = false;
    EXPANDER->lines[1].busy = true;
    assert_refused(bench, -EBUSY, "Door 2: the sensor line mcp23017:1", "gpioinfo");
    EXPANDER->lines[1].busy = false;
    bench->table[0].lock.chip = (char *)"nothing";
    assert_refused(bench, -ENOENT, "Door 1: the lock line nothing:0", "doors.conf");
    bench->table[0].lock.chip = NULL;
    assert_refused(bench, -EINVAL, "Door 1 has no lock line", "lock=CHIP:LINE");
    bench->table[0] = table[0];
    bench->table[2].sensor.chip = NULL;
    assert_refused(bench, -EINVAL, "Door 3 has no sensor line", "sensor=CHIP:LINE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_lock_lines),
        TEST(test_release_all_tries_every_line),
        TEST(test_close_leaves_nothing_on),
        TEST(test_sensors_are_read),
        TEST(test_edges),
        TEST(test_edges_that_were_dropped),
        TEST(test_a_chip_without_edges_is_polled),
        TEST(test_what_is_wrong_is_said),
    };

    return cmocka_run_group_tests_name("lock-gpiod1", tests, NULL, NULL);
}
