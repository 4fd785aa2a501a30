#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/door.h"

#include <stdio.h>
#include <string.h>

#define MS       UINT64_C(1000)
#define START_US (1000 * MS) /* of every story: times below are milliseconds after it */

/* One door, and everything that it said, as text: "pulse1 @0; pulsed 7 @12; …" */
struct story {
    struct door_machine door;
    struct door_rules rules;
    char told[1024];
};

static void note(struct story *story, const struct door_effects *effects, uint64_t at_us)
{
    char *end = story->told + strlen(story->told);
    size_t room = sizeof(story->told) - (size_t)(end - story->told);

    if (effects->pulse)
        snprintf(end, room, "pulse%u@%d ", effects->attempt, (int)((at_us - START_US) / MS));
    for (size_t i = 0; i < effects->n_reports; i++) {
        end = story->told + strlen(story->told);
        room = sizeof(story->told) - (size_t)(end - story->told);
        snprintf(end, room, "%s:%u@%d ", door_report_name(effects->reports[i].report),
                 (unsigned)effects->reports[i].grant,
                 (int)((effects->reports[i].at_us - START_US) / MS));
    }
}

static void happens(struct story *story, struct door_event event, unsigned at_ms)
{
    struct door_effects effects;

    event.at_us = START_US + at_ms * MS;
    effects = door_step(&story->door, &story->rules, &event);
    note(story, &effects, event.at_us);
}

static void coil(struct story *story, enum door_event_type type, uint64_t grant, unsigned at_ms)
{
    happens(story, (struct door_event){.type = type, .number = grant}, at_ms);
}

static void sensor(struct story *story, enum sensor reading, unsigned at_ms)
{
    happens(story, (struct door_event){.type = DOOR_SENSOR, .sensor = reading}, at_ms);
}

/* Lets time pass as the loop does: a tick at every deadline up to `until_ms`. */
static void pass(struct story *story, unsigned until_ms)
{
    for (int turns = 0;; turns++) {
        uint64_t next_us = door_next_deadline(&story->door, &story->rules);

        assert_true(turns < 100); /* a deadline that a tick does not end would spin the loop */
        if (next_us > START_US + until_ms * MS)
            return;
        struct door_event tick = {.type = DOOR_TICK, .at_us = next_us};
        struct door_effects effects = door_step(&story->door, &story->rules, &tick);

        note(story, &effects, next_us);
    }
}

static void grant(struct story *story, uint64_t number, unsigned at_ms)
{
    struct door_grant given = {.grant = number,
                               .door = 5,
                               .deadline_us = START_US + (at_ms + 10000) * MS,
                               .pulses = 3,
                               .open_timeout_us = 2500 * MS};

    happens(story, (struct door_event){.type = DOOR_GRANT, .grant = &given}, at_ms);
}

static void pulse(struct story *story, uint64_t number, unsigned at_ms)
{
    coil(story, DOOR_COIL_ON, number, at_ms);
    coil(story, DOOR_COIL_OFF, number, at_ms + 200);
}

static void begin(struct story *story, enum sensor first)
{
    *story = (struct story){.rules = door_rules_standard};
    door_init(&story->door, first, START_US);
}

static void assert_told(struct story *story, const char *expected)
{
    assert_string_equal(story->told, expected);
    *story->told = '\0';
}

static void test_opens_and_closes(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    assert_false(door_busy(&story.door));
    grant(&story, 7, 0);
    assert_true(door_busy(&story.door));
    coil(&story, DOOR_COIL_ON, 7, 10);
    sensor(&story, SENSOR_OPEN, 70);
    pass(&story, 99);
    assert_told(&story, "pulse1@0 pulsed:7@10 ");
    pass(&story, 100); /* 30 ms at rest: believed, with the time of the first edge */
    assert_told(&story, "opened:7@70 ");
    assert_false(door_busy(&story.door));
    coil(&story, DOOR_COIL_OFF, 7, 210);
    sensor(&story, SENSOR_CLOSED, 9000);
    pass(&story, 200000);
    assert_told(&story, "closed:7@9000 ");
    assert_int_equal(story.door.phase, DOOR_IDLE);
    assert_true(door_next_deadline(&story.door, &story.rules) == UINT64_MAX);
}

static void test_bounce_and_spike(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    sensor(&story, SENSOR_OPEN, 10); /* somebody knocks */
    sensor(&story, SENSOR_CLOSED, 20);
    pass(&story, 1000);
    assert_told(&story, "");
    grant(&story, 7, 2000);
    pulse(&story, 7, 2000);
    for (unsigned i = 0; i < 10; i++)
        sensor(&story, i % 2 ? SENSOR_CLOSED : SENSOR_OPEN, 2300 + 7 * i);
    sensor(&story, SENSOR_OPEN, 2370);
    pass(&story, 3000);
    assert_told(&story, "pulse1@2000 pulsed:7@2000 opened:7@2300 ");
}

static void test_three_pulses_then_not_opened(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    pass(&story, 2499);
    assert_told(&story, "pulse1@0 pulsed:7@0 ");
    pass(&story, 2500);
    pulse(&story, 7, 2500);
    pass(&story, 5000);
    pulse(&story, 7, 5000);
    pass(&story, 7500);
    assert_told(&story, "pulse2@2500 pulsed:7@2500 pulse3@5000 pulsed:7@5000 not_opened:7@7500 ");
    assert_false(door_busy(&story.door));
    pass(&story, 100000);
    assert_told(&story, "");
}

static void fails_three_times(struct story *story)
{
    begin(story, SENSOR_CLOSED);
    grant(story, 7, 0);
    for (unsigned i = 0; i < 3; i++) {
        pulse(story, 7, 2500 * i);
        pass(story, 2500 * (i + 1));
    }
    *story->told = '\0';
}

static void test_late_opening_belongs_to_the_grant_until_its_deadline(void **state)
{
    struct story story;

    fails_three_times(&story);
    sensor(&story, SENSOR_OPEN, 9999);
    pass(&story, 11000);
    assert_told(&story, "opened:7@9999 ");
    sensor(&story, SENSOR_CLOSED, 12000);
    pass(&story, 13000);
    assert_told(&story, "closed:7@12000 ");

    fails_three_times(&story);
    sensor(&story, SENSOR_OPEN, 10000);
    pass(&story, 11000);
    assert_told(&story, "forced:0@10000 ");
}

static void test_opens_while_the_second_pulse_is_asked_for(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    pass(&story, 2500);
    sensor(&story, SENSOR_OPEN, 2510);
    pass(&story, 2540);
    pulse(&story, 7, 2545);
    pass(&story, 9000);
    assert_told(&story, "pulse1@0 pulsed:7@0 pulse2@2500 opened:7@2510 pulsed:7@2545 ");
}

/* The timer and the sensor meet: nobody gives a door up that is opening. */
static void test_opening_at_the_last_moment(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    sensor(&story, SENSOR_OPEN, 2490);
    happens(&story, (struct door_event){.type = DOOR_TICK}, 2505); /* for another door */
    pass(&story, 4000);
    assert_told(&story, "pulse1@0 pulsed:7@0 opened:7@2490 ");
}

static void test_refused_pulse_is_not_opened(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    coil(&story, DOOR_REFUSED, 7, 5);
    assert_told(&story, "pulse1@0 not_opened:7@5 ");
    /* No pulse: an opening now has nothing to do with the grant. */
    sensor(&story, SENSOR_OPEN, 10);
    pass(&story, 100);
    assert_told(&story, "forced:0@10 ");
}

/* A lock thread that never answers leaves no grant without outcome. */
static void test_no_answer(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pass(&story, 60000);
    assert_told(&story, "pulse1@0 not_opened:7@11000 ");
}

static void test_forced_and_left_open(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    sensor(&story, SENSOR_OPEN, 50);
    pass(&story, 60049);
    assert_told(&story, "forced:0@50 ");
    pass(&story, 300000);
    assert_told(&story, "left_open:0@60050 "); /* told once */
    sensor(&story, SENSOR_CLOSED, 300000);
    pass(&story, 301000);
    assert_told(&story, "closed:0@300000 ");

    begin(&story, SENSOR_CLOSED);
    grant(&story, 8, 0);
    pulse(&story, 8, 0);
    sensor(&story, SENSOR_OPEN, 210);
    pass(&story, 100000);
    assert_told(&story, "pulse1@0 pulsed:8@0 opened:8@210 left_open:8@60210 ");
}

/* The kiosk was restarted in the middle: the daemon judges the open door by Attach. */
static void test_open_at_start(void **state)
{
    struct story story;

    begin(&story, SENSOR_OPEN);
    pass(&story, 59999);
    assert_told(&story, "");
    sensor(&story, SENSOR_CLOSED, 59999);
    pass(&story, 70000);
    assert_told(&story, "closed:0@59999 ");
}

/* Pulsed all the same, and what the sensor says after the pulse is the evidence. */
static void test_granted_while_open(void **state)
{
    struct story story;

    begin(&story, SENSOR_OPEN);
    grant(&story, 7, 100);
    pulse(&story, 7, 110);
    assert_told(&story, "pulse1@100 pulsed:7@110 opened:7@310 ");
    sensor(&story, SENSOR_CLOSED, 5000);
    pass(&story, 6000);
    assert_told(&story, "closed:7@5000 ");
}

static void test_opened_between_grant_and_first_pulse(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    sensor(&story, SENSOR_OPEN, 10);
    pass(&story, 100);
    assert_told(&story, "pulse1@0 ");
    coil(&story, DOOR_REFUSED, 7, 200);
    assert_told(&story, "not_opened:7@200 forced:0@10 ");

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    sensor(&story, SENSOR_OPEN, 10);
    pass(&story, 100);
    pulse(&story, 7, 200);
    assert_told(&story, "pulse1@0 pulsed:7@200 opened:7@400 ");
}

static void test_sensor_dies_and_comes_back(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    sensor(&story, SENSOR_FAULTY, 10);
    pass(&story, 100);
    assert_told(&story, "faulty:0@10 ");
    grant(&story, 7, 200); /* no evidence to be had: not pulsed */
    assert_told(&story, "not_opened:7@200 ");
    sensor(&story, SENSOR_CLOSED, 1000);
    pass(&story, 1499);
    assert_told(&story, "");
    pass(&story, 2000);
    assert_told(&story, "restored:0@1000 ");
    sensor(&story, SENSOR_FAULTY, 3000);
    pass(&story, 3100);
    sensor(&story, SENSOR_OPEN, 4000);
    pass(&story, 5000);
    assert_told(&story, "faulty:0@3000 restored:0@4000 forced:0@4000 ");
}

static void test_sensor_dies_during_a_grant(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    sensor(&story, SENSOR_FAULTY, 100);
    pass(&story, 9000);
    assert_told(&story, "pulse1@0 pulsed:7@0 faulty:0@100 not_opened:7@2500 ");

    begin(&story, SENSOR_CLOSED);
    grant(&story, 8, 0);
    pulse(&story, 8, 0);
    sensor(&story, SENSOR_FAULTY, 100);
    sensor(&story, SENSOR_OPEN, 1000);
    pass(&story, 9000);
    assert_told(&story, "pulse1@0 pulsed:8@0 faulty:0@100 restored:0@1000 opened:8@1000 ");
}

static void test_never_known_sensor(void **state)
{
    struct story story;

    begin(&story, SENSOR_FAULTY);
    sensor(&story, SENSOR_CLOSED, 10);
    pass(&story, 1000);
    assert_told(&story, "restored:0@10 closed:0@10 ");
}

/* A loose contact must not hold a grant for ever. */
static void test_endless_chatter_is_faulty(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    for (unsigned i = 1; i <= 400; i++)
        sensor(&story, i % 2 ? SENSOR_OPEN : SENSOR_CLOSED, 300 + 10 * i);
    assert_told(&story, "pulse1@0 pulsed:7@0 faulty:0@1310 not_opened:7@2500 ");
    sensor(&story, SENSOR_CLOSED, 5000);
    pass(&story, 9000);
    assert_told(&story, "restored:0@4300 ");
}

static void test_same_grant_twice_and_a_new_one(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    grant(&story, 7, 1);
    assert_told(&story, "pulse1@0 ");
    grant(&story, 8, 2);
    assert_told(&story, "pulse1@2 not_opened:7@2 ");
    pulse(&story, 7, 10); /* the first grant's pulse was already on its way */
    pulse(&story, 8, 300);
    sensor(&story, SENSOR_OPEN, 400);
    pass(&story, 1000);
    assert_told(&story, "pulsed:7@10 pulsed:8@300 opened:8@400 ");
}

/* The loop was away: edges arrive late and together, with their own times. */
static void test_events_that_come_late(void **state)
{
    struct story story;

    begin(&story, SENSOR_CLOSED);
    grant(&story, 7, 0);
    pulse(&story, 7, 0);
    sensor(&story, SENSOR_OPEN, 300);
    sensor(&story, SENSOR_CLOSED, 2000);
    pass(&story, 6000);
    assert_told(&story, "pulse1@0 pulsed:7@0 opened:7@300 closed:7@2000 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_and_closes),
        cmocka_unit_test(test_bounce_and_spike),
        cmocka_unit_test(test_three_pulses_then_not_opened),
        cmocka_unit_test(test_late_opening_belongs_to_the_grant_until_its_deadline),
        cmocka_unit_test(test_opens_while_the_second_pulse_is_asked_for),
        cmocka_unit_test(test_opening_at_the_last_moment),
        cmocka_unit_test(test_refused_pulse_is_not_opened),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_forced_and_left_open),
        cmocka_unit_test(test_open_at_start),
        cmocka_unit_test(test_granted_while_open),
        cmocka_unit_test(test_opened_between_grant_and_first_pulse),
        cmocka_unit_test(test_sensor_dies_and_comes_back),
        cmocka_unit_test(test_sensor_dies_during_a_grant),
        cmocka_unit_test(test_never_known_sensor),
        cmocka_unit_test(test_endless_chatter_is_faulty),
        cmocka_unit_test(test_same_grant_twice_and_a_new_one),
        cmocka_unit_test(test_events_that_come_late),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
