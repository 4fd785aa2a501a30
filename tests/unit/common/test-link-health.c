/* What is said of a connection, and since when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/link-health.h"

#include <string.h>

#define NOW INT64_C(1790000000000)

static bool note(struct link_health *health, enum mqtt_state state, enum mqtt_trouble trouble,
                 const char *detail, int64_t second)
{
    return link_health_note(health, state, trouble, detail, NOW + second * 1000,
                            (uint64_t)(second + 1) * 1000000);
}

static void test_the_first_attempt(void **state)
{
    struct link_health health = {0};

    assert_string_equal(link_health_word(&health), "connecting");
    assert_true(note(&health, MQTT_CONNECTING, MQTT_FINE, "connecting to a:1", 0));
    assert_string_equal(link_health_word(&health), "connecting");
    assert_true(note(&health, MQTT_CONNECTED, MQTT_FINE, "connected to a:1", 1));
    assert_string_equal(link_health_word(&health), "connected");
    assert_int_equal(health.since_ms, NOW + 1000);
}

static void test_the_same_trouble_keeps_its_beginning(void **state)
{
    struct link_health health = {0};

    assert_true(note(&health, MQTT_WAITING, MQTT_REFUSED, "refused by 10.0.0.1", 0));
    assert_false(note(&health, MQTT_CONNECTING, MQTT_FINE, "connecting", 5));
    assert_string_equal(health.detail, "refused by 10.0.0.1"); /* the cause, not the attempt */
    assert_false(note(&health, MQTT_WAITING, MQTT_REFUSED, "refused by 10.0.0.2", 9));
    assert_string_equal(health.detail, "refused by 10.0.0.2");
    assert_int_equal(health.since_ms, NOW);
    assert_int_equal(health.since_us, 1000000);
    assert_int_equal(health.attempts, 2);
    assert_true(note(&health, MQTT_WAITING, MQTT_NO_ANSWER, "no answer", 20));
    assert_int_equal(health.since_ms, NOW + 20000);
    assert_string_equal(link_health_word(&health), "no_answer");
    assert_true(note(&health, MQTT_CONNECTED, MQTT_FINE, "connected", 30));
    assert_int_equal(health.attempts, 0);
    assert_true(note(&health, MQTT_WAITING, MQTT_SILENT, "no longer answers", 40));
    assert_int_equal(health.since_ms, NOW + 40000);
}

static void test_a_doubt_needs_a_connection(void **state)
{
    struct link_health health = {0};

    note(&health, MQTT_WAITING, MQTT_REFUSED, "refused", 0);
    assert_false(link_health_doubt(&health, MQTT_HQ_SILENT, "silent", NOW, 1));
    note(&health, MQTT_CONNECTED, MQTT_FINE, "connected", 1);
    assert_true(link_health_doubt(&health, MQTT_HQ_SILENT, "silent", NOW + 5000, 6000000));
    assert_false(link_health_doubt(&health, MQTT_HQ_SILENT, "silent", NOW + 6000, 7000000));
    assert_true(health.up);
    assert_string_equal(link_health_word(&health), "hq_silent");
    assert_int_equal(health.since_ms, NOW + 5000);
    assert_true(link_health_doubt(&health, MQTT_FINE, "HQ answers", NOW + 8000, 9000000));
    assert_string_equal(link_health_word(&health), "connected");
}

static void test_every_trouble_has_a_word_of_its_own(void **state)
{
    for (int i = 0; i < MQTT_TROUBLE_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(mqtt_trouble_name((enum mqtt_trouble)i),
                                    mqtt_trouble_name((enum mqtt_trouble)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_attempt),
        cmocka_unit_test(test_the_same_trouble_keeps_its_beginning),
        cmocka_unit_test(test_a_doubt_needs_a_connection),
        cmocka_unit_test(test_every_trouble_has_a_word_of_its_own),
    };

    return cmocka_run_group_tests_name("link-health", tests, NULL, NULL);
}
