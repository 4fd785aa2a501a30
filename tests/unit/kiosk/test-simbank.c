#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/simbank/command.h"

#include <errno.h>
#include <string.h>

#define MS       UINT64_C(1000)
#define START_US (5000 * MS)

/* A bank in its own time, which the test turns. */
struct world {
    struct simbank *bank;
    uint64_t now_us;
    enum sensor sensors[4];
    unsigned n_changes;
    uint64_t last_change_us;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    if (!world)
        return -1;
    world->now_us = START_US;
    world->bank = simbank_new(4, 1, START_US);
    for (size_t i = 0; i < 4; i++)
        world->sensors[i] = SENSOR_CLOSED;
    *state = world;
    return world->bank ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    simbank_free(world->bank);
    free(world);
    return 0;
}

static void take_changes(struct world *world)
{
    const struct simbank_change *changes;
    size_t n = simbank_take_changes(world->bank, &changes);

    for (size_t i = 0; i < n; i++) {
        assert_true(changes[i].at_us >= world->last_change_us); /* told in order */
        assert_true(world->sensors[changes[i].door - 1] != changes[i].sensor);
        world->sensors[changes[i].door - 1] = changes[i].sensor;
        world->last_change_us = changes[i].at_us;
        world->n_changes++;
    }
}

static void pass_ms(struct world *world, uint64_t ms)
{
    world->now_us += ms * MS;
    simbank_advance(world->bank, world->now_us);
    assert_true(simbank_next_us(world->bank) > world->now_us);
    take_changes(world);
}

/* One command; what it answers, or its error, in `ret_text`. */
static int answer(struct world *world, const char *command, char ret_text[512])
{
    struct simbank_wish wish;
    char line[128], *error = NULL;
    FILE *stream = fmemopen(ret_text, 512, "w");
    int r;

    assert_non_null(stream);
    strcpy(line, command);
    r = simbank_command(world->bank, line, 7, world->now_us, stream, &wish, &error);
    fclose(stream);
    if (r < 0) {
        assert_int_equal(r, -EINVAL);
        assert_non_null(error);
        strncpy(ret_text, error, 511);
    }
    free(error);
    take_changes(world);
    return r;
}

static void command(struct world *world, const char *text)
{
    char shown[512];

    if (answer(world, text, shown) < 0)
        fail_msg("%s: %s", text, shown);
}

static void pulse(struct world *world, unsigned door, uint64_t ms)
{
    simbank_coil(world->bank, door, true, 7, world->now_us);
    pass_ms(world, ms);
    simbank_coil(world->bank, door, false, 7, world->now_us);
}

static void assert_violations(struct world *world, const char *kinds)
{
    char seen[256] = "";

    for (size_t i = 0; i < world->bank->record.n_violations; i++) {
        strcat(seen, violation_name(world->bank->record.violations[i].kind));
        strcat(seen, " ");
    }
    assert_string_equal(seen, kinds);
}

static void test_a_pulse_opens_and_somebody_closes(void **state)
{
    struct world *world = *state;

    command(world, "auto-close 400");
    pulse(world, 2, 200);
    assert_int_equal(world->sensors[1], SENSOR_OPEN);
    pass_ms(world, 100);
    assert_int_equal(world->sensors[1], SENSOR_OPEN);
    pass_ms(world, 400);
    assert_int_equal(world->sensors[1], SENSOR_CLOSED);
    assert_int_equal(world->sensors[0], SENSOR_CLOSED);
    assert_true(simbank_next_us(world->bank) == SIMBANK_NEVER);
    assert_violations(world, "");
}

static void test_a_pulse_too_short_does_nothing(void **state)
{
    struct world *world = *state;

    pulse(world, 2, 10);
    pass_ms(world, 1000);
    assert_int_equal(world->n_changes, 0);
}

static void test_nobody_closes(void **state)
{
    struct world *world = *state;

    pulse(world, 1, 200);
    pass_ms(world, 3600000);
    assert_int_equal(world->sensors[0], SENSOR_OPEN);
    command(world, "close 1");
    pass_ms(world, 100);
    assert_int_equal(world->sensors[0], SENSOR_CLOSED);
}

static void test_jam(void **state)
{
    struct world *world = *state;

    command(world, "jam 3");
    for (int i = 0; i < 3; i++)
        pulse(world, 3, 200);
    pass_ms(world, 1000);
    assert_int_equal(world->n_changes, 0);
    command(world, "unjam 3");
    pulse(world, 3, 200);
    assert_int_equal(world->sensors[2], SENSOR_OPEN);
}

static void test_late_open_and_late_close(void **state)
{
    struct world *world = *state;

    command(world, "auto-close 400");
    command(world, "late-open 1 1000");
    command(world, "late-close 1 5000");
    pulse(world, 1, 200);
    pass_ms(world, 700);
    assert_int_equal(world->sensors[0], SENSOR_CLOSED);
    pass_ms(world, 300);
    assert_int_equal(world->sensors[0], SENSOR_OPEN);
    pass_ms(world, 5000);
    assert_int_equal(world->sensors[0], SENSOR_OPEN);
    pass_ms(world, 500);
    assert_int_equal(world->sensors[0], SENSOR_CLOSED);
}

static void test_bounce(void **state)
{
    struct world *world = *state;

    command(world, "bounce 1 0");
    command(world, "open 1");
    pass_ms(world, 100);
    assert_int_equal(world->n_changes, 1);
    command(world, "bounce 2 50");
    command(world, "open 2");
    pass_ms(world, 100);
    assert_true(world->n_changes > 20); /* 0.5 to 2 ms each */
    assert_int_equal(world->sensors[1], SENSOR_OPEN);
}

static void test_forced_door_stays_open(void **state)
{
    struct world *world = *state;

    command(world, "auto-close 400");
    command(world, "jam 4");
    command(world, "force 4");
    pass_ms(world, 60000);
    assert_int_equal(world->sensors[3], SENSOR_OPEN);
    command(world, "close 4");
    command(world, "open 4");
    pass_ms(world, 60000);
    assert_int_equal(world->sensors[3], SENSOR_CLOSED);
}

static void test_dead_sensor(void **state)
{
    struct world *world = *state;

    command(world, "dead 1");
    assert_int_equal(world->sensors[0], SENSOR_FAULTY);
    pulse(world, 1, 200);
    pass_ms(world, 1000);
    assert_int_equal(world->sensors[0], SENSOR_FAULTY);
    command(world, "alive 1");
    assert_int_equal(world->sensors[0], SENSOR_OPEN);
}

static void test_coil_over_its_cap(void **state)
{
    struct world *world = *state;

    pulse(world, 1, 1000);
    assert_violations(world, "");
    pulse(world, 1, 1001);
    assert_violations(world, "coil_too_long ");
}

static void test_two_coils_and_an_unknown_door(void **state)
{
    struct world *world = *state;
    char text[512];

    simbank_coil(world->bank, 1, true, 7, world->now_us);
    simbank_coil(world->bank, 1, true, 7, world->now_us); /* on is on */
    assert_violations(world, "");
    simbank_coil(world->bank, 2, true, 7, world->now_us);
    assert_violations(world, "two_coils ");
    simbank_all_coils_off(world->bank, world->now_us);
    assert_int_equal(simbank_coil(world->bank, 5, true, 7, world->now_us), -ENXIO);
    assert_violations(world, "two_coils unknown_door ");
    assert_int_equal(answer(world, "violations", text), 0);
    assert_string_equal(text, "[{\"at_us\":5000000,\"door\":2,\"violation\":\"two_coils\"},"
                              "{\"at_us\":5000000,\"door\":5,\"violation\":\"unknown_door\"}]\n");
}

static void test_client_vanishes(void **state)
{
    struct world *world = *state;

    simbank_coil(world->bank, 1, true, 7, world->now_us);
    simbank_client_gone(world->bank, 8, world->now_us);
    assert_violations(world, "");
    simbank_client_gone(world->bank, 7, world->now_us);
    assert_violations(world, "coil_left_on ");
    assert_false(world->bank->doors[0].coil);
    pass_ms(world, 5000); /* released at once: neither opens nor exceeds its cap */
    assert_int_equal(world->n_changes, 0);
    assert_violations(world, "coil_left_on ");
}

static void test_same_seed_same_bank(void **state)
{
    uint64_t last_us[3];

    for (unsigned i = 0; i < 3; i++) {
        struct world world = {.now_us = START_US, .bank = simbank_new(4, i < 2 ? 5 : 6, START_US)};

        assert_non_null(world.bank);
        for (size_t k = 0; k < 4; k++)
            world.sensors[k] = SENSOR_CLOSED;
        pulse(&world, 1, 200);
        last_us[i] = world.last_change_us;
        simbank_free(world.bank);
    }
    assert_true(last_us[0] == last_us[1]);
    assert_true(last_us[0] != last_us[2]);
}

static void test_wrong_commands(void **state)
{
    static const char *const wrong[][2] = {
        {"opne 1", "did you mean open"},
        {"open", "write open N"},
        {"open 5", "doors 1 to 4"},
        {"open 0", "doors 1 to 4"},
        {"open -1", "write open N"},
        {"bounce 1", "write bounce N MS"},
        {"bounce 1 x", "write bounce N MS"},
        {"close 1", "door 1 is closed already"},
        {"alive 1", "alive"},
        {"auto-close 0", "auto-close off"},
        {"wait 1 ajar 5", "wait N open"},
        {"a b c d e", "too many words"},
        {"off 9", "no door 9"},
    };
    struct world *world = *state;
    char text[512];

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        if (answer(world, wrong[i][0], text) == 0 || !strstr(text, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], text);
    }
    assert_int_equal(world->n_changes, 0);
    command(world, ""); /* an empty line is none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_pulse_opens_and_somebody_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pulse_too_short_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jam, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_open_and_late_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounce, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forced_door_stays_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_sensor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_coil_over_its_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_coils_and_an_unknown_door, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_vanishes, set_up, tear_down),
        cmocka_unit_test(test_same_seed_same_bank),
        cmocka_unit_test_setup_teardown(test_wrong_commands, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("simbank", tests, NULL, NULL);
}
