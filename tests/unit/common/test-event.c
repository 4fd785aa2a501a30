/* The audit chain against vectors of an independent implementation (Python's hashlib), and what may
 * and may not be changed without being noticed. */
#include "common/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#define LOG       "6d0d2c0e-71a4-4f0e-9f5b-1d2a3b4c5d6e"
#define LOG_HASH  "be2072cd6986ae30b04c1f912fb6f6cd957e81840451d408defb28bb60ef64c3"
#define HASH_1    "1eba52d83c49a6121420a69ab5ebfd6a88df5288beed9f3542b030ae0b3dc64f"
#define HASH_2    "add6861545a718c041db30b9880695bc6b1c2cb4e5afd7c2e8420223319a2a7c"
#define SALT      "000102030405060708090a0b0c0d0e0f"
#define SALTED    "a76cfad9bd5c4a71929eacbc036e2c065019b73ba45ef2e70656a43727cbbbc0"
#define UNRELATED "0000000000000000000000000000000000000000000000000000000000000000"

/* Every kind of value, characters that JSON escapes, and keys in no order. */
#define EVENT_1                                                                                    \
    "{\"type\":\"collected\",\"order\":\"HK-1\",\"n\":1,\"at\":1790000123456,\"trusted\":true,"    \
    "\"what\":\"\u738b \u00e9 \\/ \\\" \\\\ \\n \\u001f \x7f\",\"slot\":null,\"list\":[3,-1],"     \
    "\"nest\":{\"b\":1,\"a\":2},\"z\":-9223372036854775808}"
#define EVENT_2 "{\"version\":\"0.1.0\",\"n\":2,\"type\":\"boot\"}"

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(value);
    return value;
}

static void assert_hash(const uint8_t hash[EVENT_HASH_BYTES], const char *expected)
{
    char hex[EVENT_HASH_BYTES * 2 + 1];

    sodium_bin2hex(hex, sizeof(hex), hash, EVENT_HASH_BYTES);
    assert_string_equal(hex, expected);
}

static void assert_member(const json_t *event, const char *member, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(event, member)), expected);
}

/* Two sealed events of one log. */
static void make_chain(json_t **ret_first, json_t **ret_second)
{
    uint8_t hash[EVENT_HASH_BYTES];

    *ret_first = parsed(EVENT_1);
    *ret_second = parsed(EVENT_2);
    event_chain_start(LOG, hash);
    assert_int_equal(event_seal(*ret_first, hash), 0);
    assert_int_equal(event_seal(*ret_second, hash), 0);
}

static int verify(const json_t *event, const char *previous)
{
    uint8_t hash[EVENT_HASH_BYTES], before[EVENT_HASH_BYTES];
    int r;

    assert_int_equal(
        sodium_hex2bin(hash, sizeof(hash), previous, strlen(previous), NULL, NULL, NULL), 0);
    memcpy(before, hash, sizeof(before));
    r = event_verify(event, hash);
    if (r < 0)
        assert_memory_equal(hash, before, sizeof(hash)); /* a failure moves nothing */
    return r;
}

static void test_the_chain_begins_with_the_log(void **state)
{
    uint8_t hash[EVENT_HASH_BYTES];

    event_chain_start(LOG, hash);
    assert_hash(hash, LOG_HASH);
}

static void test_the_canonical_form_is_the_documented_one(void **state)
{
    json_auto_t *first, *second;

    make_chain(&first, &second);
    assert_member(first, "hash", HASH_1);
    assert_member(second, "hash", HASH_2);
}

static void test_a_sealed_chain_is_verified(void **state)
{
    json_auto_t *first, *second;
    uint8_t hash[EVENT_HASH_BYTES];

    make_chain(&first, &second);
    event_chain_start(LOG, hash);
    assert_int_equal(event_verify(first, hash), 0);
    assert_hash(hash, HASH_1);
    assert_int_equal(event_verify(second, hash), 0);
    assert_hash(hash, HASH_2);
}

static void test_the_order_of_the_members_does_not_count(void **state)
{
    json_auto_t *first = parsed("{\"b\":{\"x\":1,\"y\":[{\"q\":1,\"p\":2}]},\"a\":0}");
    json_auto_t *second = parsed("{\"a\":0,\"b\":{\"y\":[{\"p\":2,\"q\":1}],\"x\":1}}");
    uint8_t previous[EVENT_HASH_BYTES] = {1}, one[EVENT_HASH_BYTES], other[EVENT_HASH_BYTES];

    assert_int_equal(event_hash(first, previous, one), 0);
    assert_int_equal(event_hash(second, previous, other), 0);
    assert_memory_equal(one, other, sizeof(one));
}

static void test_any_change_is_noticed(void **state)
{
    static const char *const changes[] = {
        "{\"order\":\"HK-2\"}",       "{\"n\":2}",
        "{\"trusted\":false}",        "{\"slot\":0}",
        "{\"list\":[-1,3]}",          "{\"new\":1}",
        "{\"nest\":{\"a\":2}}",       "{\"hash\":null}",
        "{\"hash\":\"" HASH_2 "\"}",  "{\"hash\":\"\"}",
        "{\"personal_digest\":\"\"}",
    };
    json_auto_t *first, *second;

    make_chain(&first, &second);
    assert_int_equal(verify(first, LOG_HASH), 0);
    for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
        json_auto_t *copy = json_deep_copy(first), *change = parsed(changes[i]);

        assert_int_equal(json_object_update(copy, change), 0);
        assert_int_equal(verify(copy, LOG_HASH), -EBADMSG);
    }
    assert_int_equal(json_object_del(first, "list"), 0);
    assert_int_equal(verify(first, LOG_HASH), -EBADMSG);
}

static void test_a_dropped_doubled_or_foreign_event_is_noticed(void **state)
{
    json_auto_t *first, *second;

    make_chain(&first, &second);
    assert_int_equal(verify(second, LOG_HASH), -EBADMSG); /* the first is missing */
    assert_int_equal(verify(first, HASH_1), -EBADMSG);    /* it comes twice */
    assert_int_equal(verify(first, UNRELATED), -EBADMSG); /* another log */
}

static void test_a_hash_in_capitals_is_another_text(void **state)
{
    json_auto_t *first, *second;
    char capitals[EVENT_HASH_BYTES * 2 + 1] = HASH_1;

    make_chain(&first, &second);
    for (char *c = capitals; *c; c++)
        if (*c >= 'a')
            *c = (char)(*c - 'a' + 'A');
    json_object_set_new(first, "hash", json_string(capitals));
    assert_int_equal(verify(first, LOG_HASH), -EBADMSG);
}

/* Real numbers have no single text, so an event with one can be neither sealed nor verified. */
static void test_what_has_no_canonical_form_is_refused(void **state)
{
    static const char *const bad[] = {"{\"n\":1.5}", "{\"n\":1,\"a\":[{\"b\":[1e3]}]}", "[1]",
                                      "[]"};

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        uint8_t hash[EVENT_HASH_BYTES] = {7}, before[EVENT_HASH_BYTES] = {7};
        json_auto_t *event = parsed(bad[i]);

        assert_int_equal(event_seal(event, hash), -EBADMSG);
        assert_int_equal(event_verify(event, hash), -EBADMSG);
        assert_memory_equal(hash, before, sizeof(hash));
    }
}

static void test_personal_members_enter_as_a_salted_digest(void **state)
{
    json_auto_t *event = parsed("{\"n\":1,\"personal\":{\"salt\":\"" SALT "\",\"member_tag\":"
                                "\"gold\"},\"personal_digest\":\"" SALTED "\"}");

    assert_true(event_personal_matches(event));
    json_object_set_new(json_object_get(event, "personal"), "member_tag", json_string("silver"));
    assert_false(event_personal_matches(event));
    json_object_del(event, "personal");
    assert_true(event_personal_matches(event)); /* erased: nothing is left to check */
}

static void test_personal_members_without_digest_or_salt_do_not_match(void **state)
{
    static const char *const bad[] = {
        "{\"personal\":{\"salt\":\"" SALT "\",\"member_tag\":\"gold\"}}",
        "{\"personal\":{\"member_tag\":\"gold\"},\"personal_digest\":\"" SALTED "\"}",
        "{\"personal\":{\"salt\":\"short\",\"member_tag\":\"gold\"},\"personal_digest\":\"" SALTED
        "\"}",
        "{\"personal\":{\"salt\":\"" SALT SALT SALT "\"},\"personal_digest\":\"" SALTED "\"}",
        "{\"personal\":null,\"personal_digest\":\"" SALTED "\"}",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        json_auto_t *event = parsed(bad[i]);

        assert_false(event_personal_matches(event));
    }
}

static void test_each_event_has_a_salt_of_its_own(void **state)
{
    json_auto_t *one = parsed("{\"n\":1}"), *other = parsed("{\"n\":1}");
    json_auto_t *mine = parsed("{\"member_tag\":\"gold\"}"),
                *yours = parsed("{\"member_tag\":\"gold\"}");
    const char *digest;

    assert_int_equal(event_set_personal(one, mine), 0);
    assert_int_equal(event_set_personal(other, yours), 0);
    digest = json_string_value(json_object_get(one, "personal_digest"));
    assert_int_equal(strlen(digest), EVENT_HASH_BYTES * 2);
    assert_string_not_equal(digest, json_string_value(json_object_get(other, "personal_digest")));
    assert_true(event_personal_matches(one) && event_personal_matches(other));
}

static void test_promise_9_the_chain_is_verifiable_after_erasure(void **state)
{
    json_auto_t *first = parsed(EVENT_1), *second = parsed(EVENT_2);
    json_auto_t *personal = parsed("{\"member_tag\":\"gold\"}");
    uint8_t hash[EVENT_HASH_BYTES];

    event_chain_start(LOG, hash);
    assert_int_equal(event_set_personal(first, personal), 0);
    assert_int_equal(event_seal(first, hash), 0);
    assert_int_equal(event_seal(second, hash), 0);
    assert_int_equal(json_object_del(first, "personal"), 0);
    event_chain_start(LOG, hash);
    assert_int_equal(event_verify(first, hash), 0);
    assert_int_equal(event_verify(second, hash), 0);
    assert_true(event_personal_matches(first));
    json_object_set_new(first, "personal_digest", json_string(SALTED)); /* put under another */
    event_chain_start(LOG, hash);
    assert_int_equal(event_verify(first, hash), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_chain_begins_with_the_log),
        cmocka_unit_test(test_the_canonical_form_is_the_documented_one),
        cmocka_unit_test(test_a_sealed_chain_is_verified),
        cmocka_unit_test(test_the_order_of_the_members_does_not_count),
        cmocka_unit_test(test_any_change_is_noticed),
        cmocka_unit_test(test_a_dropped_doubled_or_foreign_event_is_noticed),
        cmocka_unit_test(test_a_hash_in_capitals_is_another_text),
        cmocka_unit_test(test_what_has_no_canonical_form_is_refused),
        cmocka_unit_test(test_personal_members_enter_as_a_salted_digest),
        cmocka_unit_test(test_personal_members_without_digest_or_salt_do_not_match),
        cmocka_unit_test(test_each_event_has_a_salt_of_its_own),
        cmocka_unit_test(test_promise_9_the_chain_is_verifiable_after_erasure),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
