#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct place {
    char folder[64], file[96];
    struct doors doors;
    struct config_mistakes mistakes;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    strcpy(place->folder, "/tmp/test-doors-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->file, sizeof(place->file), "%s/doors.conf", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    doors_done(&place->doors);
    config_mistakes_done(&place->mistakes);
    unlink(place->file);
    rmdir(place->folder);
    free(place);
    return 0;
}

static int load(struct place *place, const char *text)
{
    FILE *file = fopen(place->file, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    doors_done(&place->doors);
    config_mistakes_done(&place->mistakes);
    place->mistakes = (struct config_mistakes){};
    return doors_load(place->file, &place->doors, &place->mistakes);
}

static void test_wiring(void **state)
{
    struct place *place = *state;
    const struct door *door;

    assert_int_equal(load(place, "[doors]\npulse=150ms\nsize=S\nsensor_active=closed\n"
                                 "[door 1]\nlock=!gpiochip0:17\nsensor=:SENSOR_1\n"
                                 "[door 2]\nsize=XL\nlow=yes\npulse=300ms\nsensor_active=open\n"
                                 "lock=relays:K2\nsensor=gpiochip0:18\n"),
                     0);
    assert_int_equal(place->doors.n, 2);
    door = doors_find(&place->doors, 1);
    assert_true(door->lock.active_low);
    assert_string_equal(door->lock.chip, "gpiochip0");
    assert_null(door->lock.name);
    assert_int_equal(door->lock.offset, 17);
    assert_string_equal(door->sensor.chip, "");
    assert_string_equal(door->sensor.name, "SENSOR_1");
    assert_int_equal(door->pulse_ms, 150);
    assert_int_equal(door->size, SIZE_S);
    assert_false(door->sensor_open_is_active);
    door = doors_find(&place->doors, 2);
    assert_string_equal(door->lock.name, "K2");
    assert_int_equal(door->pulse_ms, 300);
    assert_int_equal(door->size, SIZE_XL);
    assert_true(door->low && door->sensor_open_is_active);
    assert_null(doors_find(&place->doors, 0));
    assert_null(doors_find(&place->doors, 3));
}

/* One coil wired to two doors opens the wrong one (promise 1): every such pair is named at once. */
static void test_lines_used_twice(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[door 1]\nlock=a:1\nsensor=a:2\n[door 2]\nlock=a:1\nsensor=a:3\n"
                                 "[door 3]\nlock=a:4\nsensor=a:3\n[door 4]\nlock=a:5\nsensor=a:5\n"
                                 "[door 5]\nlock=a:2\nsensor=a:6\n"),
                     -EINVAL);
    assert_int_equal(place->mistakes.n, 4);
    assert_non_null(strstr(place->mistakes.items[0].text, "Doors 1 and 2 have the same lock line"));
    assert_non_null(
        strstr(place->mistakes.items[1].text, "Doors 2 and 3 have the same sensor line"));
    assert_non_null(strstr(place->mistakes.items[2].text, "Door 4 has one line"));
    assert_non_null(strstr(place->mistakes.items[3].text, "Doors 1 and 5: the lock line of one"));
}

static void test_every_mistake_at_once(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[door 1]\nsize=XXL\npulse=3s\nlock=17\ncolour=red\n[door 0]\n"
                                 "low=yes\n"),
                     -EINVAL);
    assert_int_equal(place->mistakes.n, 5);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(place->mistakes.items[i].line, i + 2);
    assert_int_equal(load(place, "[door 1]\nlow=no\n[door 4]\nlow=no\n"), -EINVAL);
    assert_int_equal(place->mistakes.n, 2); /* doors 2 and 3 are missing */
    assert_int_equal(load(place, ""), -EINVAL);
    assert_non_null(strstr(place->mistakes.items[0].text, "There is no door"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wiring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_used_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_mistake_at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("doors", tests, NULL, NULL);
}
