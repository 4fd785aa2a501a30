/* Topics, signed envelopes and the readers of messages: good ones are understood, each bad one is
 * refused with a reason that names its member. */
#include "common/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#define ID    "0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"
#define BOOT  "3f2a9c0d4b7e11f0a1b2c3d4e5f60718"
#define TOPIC "pickup/v1/hk-canton-1/down/ack"

/* Made with python3-cryptography from the seed 00 01 … 1f. */
#define ACK "{\"log\":\"6d0d2c0e-71a4-4f0e-9f5b-1d2a3b4c5d6e\",\"through\":17,\"resend\":false}"
#define SIGNATURE                                                                                  \
    "qaDsiONRJdKaKIQh9YeY2yLT3CLk7fL2nXioaf6WT3VkwjwTvvVqV9kdGEJIUrGDmEXpHmIJrJcKrMPBVgwkDA=="

static uint8_t seed[32], public_key[32];

static int make_keys(void **state)
{
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];

    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)i;
    return crypto_sign_seed_keypair(public_key, secret_key, seed);
}

/* --- topics ----------------------------------------------------------------------------------- */

static void test_names_of_banks(void **state)
{
    static const char *const good[] = {"a", "hk-canton-1", "0", "-",
                                       "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {"",
                                      "HK",
                                      "hk_canton",
                                      "hk.canton",
                                      "hk canton",
                                      "+",
                                      "#",
                                      "a/b",
                                      "höng",
                                      "hk\n",
                                      "abcdefghijklmnopqrstuvwxyz0123456"};

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_true(wire_bank_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(wire_bank_valid(bad[i]));
}

static void test_every_topic_is_found_again(void **state)
{
    static const char *const names[WIRE_TOPIC_COUNT] = {
        [WIRE_DOWN_ORDERS] = "pickup/v1/b-1/down/orders",
        [WIRE_DOWN_ACK] = "pickup/v1/b-1/down/ack",
        [WIRE_DOWN_COMMAND] = "pickup/v1/b-1/down/command",
        [WIRE_UP_FETCH] = "pickup/v1/b-1/up/fetch",
        [WIRE_UP_APPLIED] = "pickup/v1/b-1/up/applied",
        [WIRE_UP_EVENTS] = "pickup/v1/b-1/up/events",
        [WIRE_UP_STATUS] = "pickup/v1/b-1/up/status",
        [WIRE_UP_REPLY] = "pickup/v1/b-1/up/reply",
    };

    for (int i = 0; i < WIRE_TOPIC_COUNT; i++) {
        char topic[WIRE_TOPIC_MAX], bank[WIRE_BANK_MAX + 1];
        enum wire_topic kind;

        wire_topic((enum wire_topic)i, "b-1", topic);
        assert_string_equal(topic, names[i]);
        assert_int_equal(wire_topic_parse(topic, &kind, bank), 0);
        assert_int_equal(kind, i);
        assert_string_equal(bank, "b-1");
    }
}

static void test_other_topics_are_not_ours(void **state)
{
    static const char *const bad[] = {
        "",
        "pickup/v1/",
        "pickup/v1/b-1",
        "pickup/v1/b-1/",
        "pickup/v1//up/fetch",
        "pickup/v2/b-1/up/fetch",
        "/pickup/v1/b-1/up/fetch",
        "pickup/v1/b-1/up/fetch/",
        "pickup/v1/b-1/up/fetch/x",
        "pickup/v1/b-1/up",
        "pickup/v1/b-1/down/fetch",
        "pickup/v1/b-1/up/orders",
        "pickup/v1/b-1/UP/fetch",
        "pickup/v1/B-1/up/fetch",
        "pickup/v1/b/1/up/fetch",
        "pickup/v1/abcdefghijklmnopqrstuvwxyz0123456/up/fetch",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        char bank[WIRE_BANK_MAX + 1] = "before";
        enum wire_topic kind = WIRE_TOPIC_COUNT;

        assert_int_equal(wire_topic_parse(bad[i], &kind, bank), -EINVAL);
        assert_string_equal(bank, "before");
        assert_int_equal(kind, WIRE_TOPIC_COUNT);
    }
}

/* --- signed envelopes ------------------------------------------------------------------------- */

static void test_the_signature_is_the_documented_one(void **state)
{
    _cleanup_free_ char *payload = NULL;
    const char *json;
    size_t n, n_json;

    assert_int_equal(wire_sign(seed, TOPIC, ACK, strlen(ACK), &payload, &n), 0);
    assert_int_equal(n, strlen(payload));
    assert_string_equal(payload, SIGNATURE "\n" ACK);
    assert_int_equal(wire_verify(public_key, TOPIC, payload, n, &json, &n_json), 0);
    assert_ptr_equal(json, payload + WIRE_SIGNATURE_LINE);
    assert_int_equal(n_json, strlen(ACK));
}

static int verify(const char *topic, const char *payload, size_t n)
{
    const char *json = NULL;
    size_t n_json = 0;
    int r = wire_verify(public_key, topic, payload, n, &json, &n_json);

    assert_true(r == 0 || json == NULL);
    return r;
}

static void test_a_changed_message_is_noticed(void **state)
{
    static const char good[] = SIGNATURE "\n" ACK;
    size_t n = sizeof(good) - 1;

    assert_int_equal(verify(TOPIC, good, n), 0);
    for (size_t i = 0; i < n; i++) { /* each byte, in signature, newline and text */
        char changed[sizeof(good)];

        memcpy(changed, good, sizeof(good));
        changed[i] ^= 1;
        assert_true(verify(TOPIC, changed, n) < 0);
    }
    assert_int_equal(verify(TOPIC, good, n - 1), -EKEYREJECTED);
    assert_int_equal(verify(TOPIC, SIGNATURE "\n" ACK " ", n + 1), -EKEYREJECTED);
}

/* What HQ said to one bank or on one topic is worthless elsewhere. */
static void test_a_message_counts_only_on_its_topic(void **state)
{
    static const char good[] = SIGNATURE "\n" ACK;
    uint8_t other_key[32];

    assert_int_equal(verify("pickup/v1/hk-canton-2/down/ack", good, sizeof(good) - 1),
                     -EKEYREJECTED);
    assert_int_equal(verify("pickup/v1/hk-canton-1/down/orders", good, sizeof(good) - 1),
                     -EKEYREJECTED);
    memcpy(other_key, public_key, sizeof(other_key));
    other_key[0] ^= 1;
    {
        const char *json;
        size_t n_json;

        assert_int_equal(wire_verify(other_key, TOPIC, good, sizeof(good) - 1, &json, &n_json),
                         -EKEYREJECTED);
    }
}

static void test_what_has_no_signature_line_is_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        ACK,
        SIGNATURE,
        SIGNATURE ACK,
        "\n" ACK,
        /* without padding, with URL's letters, with a blank */
        "qaDsiONRJdKaKIQh9YeY2yLT3CLk7fL2nXioaf6WT3VkwjwTvvVqV9kdGEJIUrGDmEXpHmIJrJcKrMPBVgwkDA"
        "\n" ACK,
        "_aDsiONRJdKaKIQh9YeY2yLT3CLk7fL2nXioaf6WT3VkwjwTvvVqV9kdGEJIUrGDmEXpHmIJrJcKrMPBVgwkDA=="
        "\n" ACK,
        " aDsiONRJdKaKIQh9YeY2yLT3CLk7fL2nXioaf6WT3VkwjwTvvVqV9kdGEJIUrGDmEXpHmIJrJcKrMPBVgwkDA=="
        "\n" ACK,
        SIGNATURE "\r\n" ACK,
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(verify(TOPIC, bad[i], strlen(bad[i])), -EBADMSG);
}

static void test_the_limit_is_128_kib_of_json(void **state)
{
    _cleanup_free_ char *json = malloc(WIRE_PAYLOAD_MAX + 1), *payload = NULL, *large = NULL;
    size_t n;

    assert_non_null(json);
    memset(json, ' ', WIRE_PAYLOAD_MAX + 1);
    memcpy(json, "{}", 2);
    assert_int_equal(wire_sign(seed, TOPIC, json, WIRE_PAYLOAD_MAX + 1, &payload, &n), -EMSGSIZE);
    assert_null(payload);
    assert_int_equal(wire_sign(seed, TOPIC, json, WIRE_PAYLOAD_MAX, &payload, &n), 0);
    assert_int_equal(n, WIRE_SIGNATURE_LINE + WIRE_PAYLOAD_MAX);
    assert_int_equal(verify(TOPIC, payload, n), 0);
    large = malloc(n + 1);
    assert_non_null(large);
    memcpy(large, payload, n);
    large[n] = ' ';
    assert_int_equal(verify(TOPIC, large, n + 1), -EBADMSG);
    {
        json_auto_t *object = NULL;
        _cleanup_free_ char *reason = NULL;

        assert_int_equal(wire_parse(json, WIRE_PAYLOAD_MAX, &object, &reason), 0);
        assert_null(reason);
    }
    {
        json_t *object = NULL;
        _cleanup_free_ char *reason = NULL;

        assert_int_equal(wire_parse(json, WIRE_PAYLOAD_MAX + 1, &object, &reason), -EBADMSG);
        assert_non_null(strstr(reason, "131072"));
    }
}

/* --- parsing ---------------------------------------------------------------------------------- */

static void test_only_a_strict_object_is_parsed(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "{} {}",
        "{}x",
        "[]",
        "null",
        "\"text\"",
        "1",
        "{\"a\":1,\"a\":2}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":}",
        "{\"a\":NaN}",
        "{\"a\":\"\xff\"}",
        "{a:1}",
        "{\"a\":1,}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":9223372036854775808}",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_free_ char *reason = NULL;
        json_t *object = NULL;

        assert_int_equal(wire_parse(bad[i], strlen(bad[i]), &object, &reason), -EBADMSG);
        assert_null(object);
        assert_true(reason && *reason);
    }
    {
        _cleanup_free_ char *reason = NULL;
        json_t *object = NULL;

        assert_int_equal(wire_parse("{\"a\":1}\0{}", 10, &object, &reason), -EBADMSG);
    }
}

/* --- readers ---------------------------------------------------------------------------------- */

/* One bad message and the member that the reason must name. */
struct bad {
    const char *json, *names;
};

typedef int (*reader_fn)(const char *json, char **ret_reason);

static void refuse(reader_fn reader, const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *reason = NULL;

        assert_int_equal(reader(bad[i].json, &reason), -EBADMSG);
        assert_non_null(reason);
        if (!strstr(reason, bad[i].names))
            fail_msg("%s: the reason '%s' does not name %s", bad[i].json, reason, bad[i].names);
    }
}

static int read_orders(const char *json, char **ret_reason)
{
    _cleanup_(wire_orders_done) struct wire_orders message = {};

    return wire_orders_read(json, strlen(json), &message, ret_reason);
}

static int read_fetch(const char *json, char **ret_reason)
{
    struct wire_fetch message;

    return wire_fetch_read(json, strlen(json), &message, ret_reason);
}

static int read_applied(const char *json, char **ret_reason)
{
    struct wire_applied message;

    return wire_applied_read(json, strlen(json), &message, ret_reason);
}

static int read_events(const char *json, char **ret_reason)
{
    _cleanup_(wire_events_done) struct wire_events message = {};

    return wire_events_read(json, strlen(json), &message, ret_reason);
}

static int read_ack(const char *json, char **ret_reason)
{
    struct wire_ack message;

    return wire_ack_read(json, strlen(json), &message, ret_reason);
}

static void test_pages_of_orders(void **state)
{
    static const char live[] = "{\"feed\":\"" ID "\",\"prev\":7,\"seq\":9,\"more\":true,"
                               "\"orders\":[{},5],\"new\":{}}",
                      answer[] = "{\"feed\":\"" ID "\",\"prev\":0,\"seq\":0,\"end\":0,"
                                 "\"more\":false,\"orders\":[]}";
    _cleanup_(wire_orders_done) struct wire_orders first = {}, second = {};
    _cleanup_free_ char *reason = NULL;

    assert_int_equal(wire_orders_read(live, strlen(live), &first, &reason), 0);
    assert_string_equal(first.feed, ID);
    assert_int_equal(first.prev, 7);
    assert_int_equal(first.seq, 9);
    assert_int_equal(first.end, -1);
    assert_true(first.more);
    assert_int_equal(json_array_size(first.orders), 2); /* each is judged by itself */
    assert_int_equal(wire_orders_read(answer, strlen(answer), &second, &reason), 0);
    assert_int_equal(second.end, 0);
    assert_false(second.more);
    assert_null(reason);
}

static void test_bad_pages_of_orders(void **state)
{
#define PAGE(feed, prev, seq, rest) "{\"feed\":" feed ",\"prev\":" prev ",\"seq\":" seq "," rest "}"
#define REST                        "\"more\":false,\"orders\":[]"
    static const struct bad bad[] = {
        {"{\"prev\":0,\"seq\":0," REST "}", "feed"},
        {PAGE("null", "0", "0", REST), "feed"},
        {PAGE("\"short\"", "0", "0", REST), "feed"},
        {PAGE("\"" ID "0\"", "0", "0", REST), "feed"},
        {PAGE("\"" ID "\"", "-1", "0", REST), "prev"},
        {PAGE("\"" ID "\"", "\"0\"", "0", REST), "prev"},
        {PAGE("\"" ID "\"", "0.0", "0", REST), "prev"},
        {PAGE("\"" ID "\"", "5", "4", REST), "seq"},
        {PAGE("\"" ID "\"", "5", "true", REST), "seq"},
        {PAGE("\"" ID "\"", "5", "7", "\"end\":6," REST), "end"},
        {PAGE("\"" ID "\"", "5", "7", "\"end\":null," REST), "end"},
        {PAGE("\"" ID "\"", "5", "7", "\"orders\":[]"), "more"},
        {PAGE("\"" ID "\"", "5", "7", "\"more\":0,\"orders\":[]"), "more"},
        {PAGE("\"" ID "\"", "5", "7", "\"more\":true"), "orders"},
        {PAGE("\"" ID "\"", "5", "7", "\"more\":true,\"orders\":{}"), "orders"},
        {"[]", "object"},
    };

    refuse(read_orders, bad, ELEMENTSOF(bad));
}

static void test_fetches(void **state)
{
    static const char first[] = "{\"feed\":null,\"after\":0,\"max_bytes\":1,\"new\":1}";
    struct wire_fetch message = {.feed = ID, .after = 1040, .max_bytes = 1 << 20}, got;
    _cleanup_free_ char *reason = NULL, *text = wire_fetch_write(&message), *null = NULL;

    assert_string_equal(text, "{\"feed\":\"" ID "\",\"after\":1040,\"max_bytes\":1048576}");
    assert_int_equal(wire_fetch_read(text, strlen(text), &got, &reason), 0);
    assert_string_equal(got.feed, ID);
    assert_int_equal(got.after, 1040);
    assert_int_equal(got.max_bytes, 1 << 20);
    assert_int_equal(wire_fetch_read(first, strlen(first), &got, &reason), 0);
    assert_string_equal(got.feed, "");
    null = wire_fetch_write(&got);
    assert_string_equal(null, "{\"feed\":null,\"after\":0,\"max_bytes\":1}");
}

static void test_bad_fetches(void **state)
{
    static const struct bad bad[] = {
        {"{\"after\":0,\"max_bytes\":1}", "feed"},
        {"{\"feed\":5,\"after\":0,\"max_bytes\":1}", "feed"},
        {"{\"feed\":\"\",\"after\":0,\"max_bytes\":1}", "feed"},
        {"{\"feed\":null,\"max_bytes\":1}", "after"},
        {"{\"feed\":null,\"after\":-1,\"max_bytes\":1}", "after"},
        {"{\"feed\":null,\"after\":0}", "max_bytes"},
        {"{\"feed\":null,\"after\":0,\"max_bytes\":0}", "max_bytes"},
        {"{\"feed\":null,\"after\":0,\"max_bytes\":null}", "max_bytes"},
    };

    refuse(read_fetch, bad, ELEMENTSOF(bad));
}

static void test_applied(void **state)
{
    struct wire_applied message = {.feed = ID, .through = 1042}, got;
    _cleanup_free_ char *reason = NULL, *text = wire_applied_write(&message);
    static const struct bad bad[] = {
        {"{\"through\":1}", "feed"},
        {"{\"feed\":null,\"through\":1}", "feed"},
        {"{\"feed\":\"" ID "\"}", "through"},
        {"{\"feed\":\"" ID "\",\"through\":-1}", "through"},
        {"{\"feed\":\"" ID "\",\"through\":\"1\"}", "through"},
        {"{\"feed\":\"" ID "\",\"through\":1,\"log\":\"x\",\"last_event\":1}", "log"},
        {"{\"feed\":\"" ID "\",\"through\":1,\"log\":\"" ID "\"}", "last_event"},
    };

    assert_string_equal(text, "{\"feed\":\"" ID "\",\"through\":1042}");
    assert_int_equal(wire_applied_read(text, strlen(text), &got, &reason), 0);
    assert_string_equal(got.feed, ID);
    assert_int_equal(got.through, 1042);
    refuse(read_applied, bad, ELEMENTSOF(bad));
    snprintf(message.log, sizeof(message.log), "%s", ID);
    message.last_event = 17;
    free(text);
    text = wire_applied_write(&message);
    assert_int_equal(wire_applied_read(text, strlen(text), &got, &reason), 0);
    assert_string_equal(got.log, ID);
    assert_int_equal(got.last_event, 17);
}

static void test_events(void **state)
{
    static const char good[] = "{\"log\":\"" ID "\",\"first\":17,\"boot\":\"" BOOT "\","
                               "\"events\":[{\"n\":17}],\"new\":[]}";
    _cleanup_(wire_events_done) struct wire_events message = {};
    _cleanup_free_ char *reason = NULL;
    static const struct bad bad[] = {
        {"{\"first\":1,\"boot\":\"" BOOT "\",\"events\":[]}", "log"},
        {"{\"log\":\"" BOOT "\",\"first\":1,\"boot\":\"" BOOT "\",\"events\":[]}", "log"},
        {"{\"log\":\"" ID "\",\"boot\":\"" BOOT "\",\"events\":[]}", "first"},
        {"{\"log\":\"" ID "\",\"first\":0,\"boot\":\"" BOOT "\",\"events\":[]}", "first"},
        {"{\"log\":\"" ID "\",\"first\":1,\"events\":[]}", "boot"},
        {"{\"log\":\"" ID "\",\"first\":1,\"boot\":\"" ID "\",\"events\":[]}", "boot"},
        {"{\"log\":\"" ID "\",\"first\":1,\"boot\":\"" BOOT "\"}", "events"},
        {"{\"log\":\"" ID "\",\"first\":1,\"boot\":\"" BOOT "\",\"events\":{}}", "events"},
    };

    assert_int_equal(wire_events_read(good, strlen(good), &message, &reason), 0);
    assert_string_equal(message.log, ID);
    assert_string_equal(message.boot, BOOT);
    assert_int_equal(message.first, 17);
    assert_int_equal(json_array_size(message.events), 1);
    refuse(read_events, bad, ELEMENTSOF(bad));
}

static void test_acknowledgements(void **state)
{
    static const char brief[] = "{\"log\":\"" ID "\",\"through\":0}";
    struct wire_ack message = {.log = ID, .through = 17, .resend = true}, got;
    _cleanup_free_ char *reason = NULL, *text = wire_ack_write(&message);
    static const struct bad bad[] = {
        {"{\"through\":1,\"resend\":false}", "log"},
        {"{\"log\":17,\"through\":1,\"resend\":false}", "log"},
        {"{\"log\":\"" ID "\",\"resend\":false}", "through"},
        {"{\"log\":\"" ID "\",\"through\":-1,\"resend\":false}", "through"},
        {"{\"log\":\"" ID "\",\"through\":1,\"resend\":null}", "resend"},
        {"{\"log\":\"" ID "\",\"through\":1,\"resend\":1}", "resend"},
    };

    assert_string_equal(text, "{\"log\":\"" ID "\",\"through\":17,\"resend\":true}");
    assert_int_equal(wire_ack_read(text, strlen(text), &got, &reason), 0);
    assert_int_equal(got.through, 17);
    assert_true(got.resend);
    assert_int_equal(wire_ack_read(brief, strlen(brief), &got, &reason), 0);
    assert_false(got.resend); /* may be absent */
    refuse(read_ack, bad, ELEMENTSOF(bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_banks),
        cmocka_unit_test(test_every_topic_is_found_again),
        cmocka_unit_test(test_other_topics_are_not_ours),
        cmocka_unit_test(test_the_signature_is_the_documented_one),
        cmocka_unit_test(test_a_changed_message_is_noticed),
        cmocka_unit_test(test_a_message_counts_only_on_its_topic),
        cmocka_unit_test(test_what_has_no_signature_line_is_malformed),
        cmocka_unit_test(test_the_limit_is_128_kib_of_json),
        cmocka_unit_test(test_only_a_strict_object_is_parsed),
        cmocka_unit_test(test_pages_of_orders),
        cmocka_unit_test(test_bad_pages_of_orders),
        cmocka_unit_test(test_fetches),
        cmocka_unit_test(test_bad_fetches),
        cmocka_unit_test(test_applied),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_acknowledgements),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, make_keys, NULL);
}
