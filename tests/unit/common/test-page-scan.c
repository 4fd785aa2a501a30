/* The quick way through a page against the long one, over everything that JSON and HQ can say. */
#include "tests/fuzz/page-compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FEED "0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"
#define HEAD "{\"feed\":\"" FEED "\",\"prev\":0,\"seq\":9,\"more\":false,\"orders\":["
#define TAIL "]}"
#define ORDER                                                                                      \
    "{\"order\":\"HK-1\",\"handle\":\"8f3c0a9d51e27b64\",\"rev\":3,\"seq\":5,"                     \
    "\"branch\":\"hk-canton\",\"status\":\"confirmed\",\"display\":\"王*\",\"lang\":\"zh-Hans\"," \
    "\"ready_from\":1,\"pickup_until\":1791000000000,\"release_at\":null,\"slot\":null,"           \
    "\"code\":{\"epoch\":0,\"kinds\":[\"P1\"],\"secret\":null},"                                   \
    "\"number_digest\":\"c2f0c2f0c2f0c2f0c2f0c2f0c2f0c2f0\",\"disputed\":false,"                   \
    "\"departure\":{\"at\":1790500000000,\"flight\":\"CX500\"},\"member_tag\":null,"               \
    "\"parcels\":[{\"parcel\":\"P-1\",\"barcode\":\"290\",\"size\":\"M\",\"placed\":null,"         \
    "\"items\":[{\"sku\":\"S\",\"name\":{\"en\":\"A "                                              \
    "\\\"b\\\"\",\"zh-Hans\":\"香水\"},\"qty\":1}]}"                                             \
    ",{\"parcel\":\"P-2\",\"size\":\"XL\",\"items\":[]}]}"

static struct page_scan page;
static struct page_tally tally;

/* `n` bytes of exactly their size, so that a sanitizer sees a read past the end. */
static void agree(const char *json, size_t n)
{
    _cleanup_free_ char *copy = malloc(n + (n == 0));
    const char *differs;

    memcpy(copy, json, n);
    differs = page_compare(&page, copy, n, &tally);
    if (differs)
        fail_msg("%s: %.*s", differs, (int)n, json);
}

/* Both ways agree about a page of this one document; true when the quick way takes it by itself. */
static bool plain(const char *document)
{
    char json[8192];
    int n = snprintf(json, sizeof(json), HEAD "%s" TAIL, document);

    agree(json, (size_t)n);
    return page_scan(&page, json, (size_t)n) && page.n_orders == 1 && page.orders[0].plain;
}

/* ORDER with the first `was` replaced. */
static bool plain_with(const char *was, const char *is)
{
    const char *at = strstr(ORDER, was);
    char document[4096];

    assert_non_null(at);
    snprintf(document, sizeof(document), "%.*s%s%s", (int)(at - ORDER), ORDER, is,
             at + strlen(was));
    return plain(document);
}

static void test_what_hq_writes_takes_the_quick_way(void **state)
{
    assert_true(plain(ORDER));
    assert_true(plain_with("\"slot\":null", "\"slot\":{\"from\":3,\"to\":3}"));
    assert_true(plain_with("\"status\":\"confirmed\"", "\"status\":\"cancelled\""));
    assert_true(plain_with("\"rev\":3", "\"kind\":\"order\",\"rev\":3"));
    assert_true(
        plain_with("{\"order\"", " { \"new\" : [1, {\"a\":[]}, \"\\t\", true] ,\n\"order\""));
    assert_true(plain_with("\"display\":\"王*\"", "\"display\":\"🎁\\\"\\\\\\/\\b\""));
    assert_true(plain_with("CX500", "CX\\\\500"));
    assert_true(plain_with("\"secret\":null",
                           "\"secret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""));
    assert_true(plain_with("\"member_tag\":null", "\"campaign\":\"9.9\""));
}

static void test_what_the_store_must_look_at_takes_the_long_way(void **state)
{
    static const char *const changes[][2] = {
        {"\"placed\":null", "\"placed\":{\"bank\":\"hk-canton-1\",\"door\":4}"},
        {"\"placed\":null", "\"collected\":{\"bank\":\"hk-canton-1\"}"},
        {"\"placed\":null", "\"personalisation\":{\"text\":\"M\"}"},
        {"\"confirmed\"", "\"moved\""},
        {"\"rev\":3", "\"kind\":\"key\",\"rev\":3"},
        {"HK-1", "HK\\n1"},
    };

    for (size_t i = 0; i < ELEMENTSOF(changes); i++)
        assert_false(plain_with(changes[i][0], changes[i][1]));
}

/* Every rule of order_parse(), broken once. */
static void test_promise_10_what_the_long_way_rejects_is_left_to_it(void **state)
{
    static const char *const changes[][2] = {
        {"\"order\":\"HK-1\"", "\"order\":\"\""},
        {"\"order\":\"HK-1\"", "\"order\":7"},
        {"\"order\":\"HK-1\",", ""},
        {"HK-1", "0123456789012345678901234567890123456789012345678901234567890123456"},
        {"8f3c0a9d51e27b64", "8F3C0A9D51E27B64"},
        {"8f3c0a9d51e27b64", "8f3c0a9d51e27b6"},
        {"\"rev\":3", "\"rev\":0"},
        {"\"rev\":3", "\"rev\":-3"},
        {"\"rev\":3", "\"rev\":3.0"},
        {"\"rev\":3", "\"rev\":\"3\""},
        {"\"rev\":3", "\"rev\":9223372036854775808"},
        {"\"confirmed\"", "\"lost\""},
        {"\"confirmed\"", "null"},
        {"\"display\":\"王*\"", "\"display\":1"},
        {"zh-Hans", "zh-Hans-0123456789-0123456789-0123456789"},
        {"\"member_tag\":null", "\"member_tag\":[]"},
        {"\"ready_from\":1", "\"ready_from\":\"1\""},
        {"\"pickup_until\":1791000000000", "\"pickup_until\":true"},
        {"\"slot\":null", "\"slot\":{\"from\":4,\"to\":3}"},
        {"\"slot\":null", "\"slot\":{\"from\":4}"},
        {"\"slot\":null", "\"slot\":[]"},
        {"\"departure\":{\"at\":1790500000000", "\"departure\":{\"at\":\"soon\""},
        {"\"epoch\":0", "\"epoch\":256"},
        {"\"epoch\":0,", ""},
        {"[\"P1\"]", "[\"P3\"]"},
        {"[\"P1\"]", "[1]"},
        {"[\"P1\"]", "\"P1\""},
        {"\"code\":{\"epoch\":0", "\"node\":{\"epoch\":0"},
        {"c2f0c2f0c2f0c2f0c2f0c2f0c2f0c2f0", "c2f0"},
        {"\"disputed\":false", "\"disputed\":0"},
        {"\"parcel\":\"P-1\"", "\"parcel\":\"\""},
        {"\"parcel\":\"P-1\"", "\"parcel\":\"P-2\""},
        {"\"size\":\"M\"", "\"size\":\"m\""},
        {"\"size\":\"M\",", ""},
        {"\"barcode\":\"290\"", "\"barcode\":290"},
        {"\"placed\":null", "\"placed\":7"},
        {"{\"parcel\":\"P-2\",\"size\":\"XL\",\"items\":[]}", "7"},
        {",\"items\":[]", ""},
        {",\"items\":[]", ",\"items\":null"},
        {"\"sku\":\"S\"", "\"sku\":\"\""},
        {"\"qty\":1", "\"qty\":0"},
        {"\"zh-Hans\":\"香水\"", "\"zh-Hans\":\"\""},
        {"\"name\":{", "\"name\":{},\"named\":{"},
        {"\"name\":{", "\"name\":\"A\",\"named\":{"},
        {"\"items\":[{", "\"items\":[7,{"},
        {"\"secret\":null", "\"secret\":\"AAAA\""},
        {"\"secret\":null", "\"secret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\""},
        {"\"member_tag\":null", "\"campaign\":{}"},
        {"\"CX500\"", "500"},
        {"\"seq\":5", "\"seq\":0"},
        {"\"parcels\":[", "\"parcels\":[],\"others\":["},
    };

    for (size_t i = 0; i < ELEMENTSOF(changes); i++)
        if (plain_with(changes[i][0], changes[i][1]))
            fail_msg("%s was taken as plain", changes[i][1]);
}

/* Texts in the place of a document, of a value, of a string's inside. */
static void test_both_ways_agree_about_json(void **state)
{
    static const char *const values[] = {
        "",
        "0",
        "-0",
        "-1",
        "01",
        "1e3",
        "1E+3",
        "1.5",
        ".5",
        "1.",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "null",
        "nul",
        "nulll",
        "true",
        "True",
        "false",
        "[]",
        "{}",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "'a'",
        "{\"\":1}",
        "{\"\":1,\"\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "[[[[[[[[[[[[]]]]]]]]]]]]",
        "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud83c\\udf81\"",
        "\"\\udc00\\ud800\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"\\",
        "\"",
        "\"a",
        "999999999999999999",
        "9999999999999999999",
        "9223372036854775807",
        "1e999",
        "123456789012345678901234567890",
        "/* a */1",
        "1 // b",
        "1 2",
        "\xEF\xBB\xBF\x31",
    };
    static const char *const insides[] = {
        "\x7F",
        "\x01",
        "\x1F",
        "\t",
        "\n",
        "\xC2\x80",
        "\xC1\xBF",
        "\xC0\x80",
        "\xC2",
        "\xC2\xC2",
        "\xE0\x9F\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xED\xA0\x80",
        "\xEF\xBF\xBF",
        "\xE4\xBD",
        "\xF0\x8F\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFF",
        "\x80",
        "\\/",
        "\\\"",
        "\\\\",
        "\\u00e9",
        "\\u0001",
        "1234567\x01",
        "12345678\"",
        "1234567\\n",
        "1234567\xFF",
    };
    char json[8192];

    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        (void)plain(values[i]);
        (void)plain_with("\"slot\":null", values[i]); /* not even a member */
        snprintf(json, sizeof(json), "\"new\":%s", values[i]);
        (void)plain_with("\"slot\":null", json);
        snprintf(json, sizeof(json), "\"rev\":%s", values[i]);
        (void)plain_with("\"rev\":3", json);
        agree(values[i], strlen(values[i]));
    }
    for (size_t i = 0; i < ELEMENTSOF(values); i++) { /* behind the page, and before it */
        agree(json, (size_t)snprintf(json, sizeof(json), HEAD ORDER TAIL " %s", values[i]));
        agree(json, (size_t)snprintf(json, sizeof(json), "%s " HEAD ORDER TAIL, values[i]));
    }
    for (size_t i = 0; i < ELEMENTSOF(insides); i++) {
        (void)plain_with("HK-1", insides[i]);
        (void)plain_with("CX500", insides[i]);
        (void)plain_with("\"flight\"", insides[i]);
        (void)plain_with("zh-Hans\":\"香", insides[i]);
    }
}

static void test_both_ways_agree_about_every_cut_and_every_changed_byte(void **state)
{
    static const char bytes[] = "\"\\{}[],:0-9eE.+ntfua \n\x01\x7F\x80\xC3\xE4\xF0\xFF";
    static const char json[] = HEAD ORDER TAIL;
    const size_t n = sizeof(json) - 1;
    char copy[sizeof(json)];

    for (size_t cut = 0; cut <= n; cut++) {
        agree(json, cut);
        agree(json + cut, n - cut);
        memcpy(copy, json, n);
        memmove(copy + cut, copy + cut + 1, n > cut ? n - cut - 1 : 0);
        agree(copy, n > cut ? n - 1 : n);
    }
    for (size_t at = 0; at < n; at++) {
        memcpy(copy, json, n);
        for (size_t i = 0; i < sizeof(bytes); i++) { /* the terminator too */
            copy[at] = bytes[i];
            agree(copy, n);
        }
    }
    assert_true(tally.scanned > 1000 && tally.plain > 1000);
    assert_true(tally.read > tally.scanned);
}

/* The order of members says nothing, in the page as in its documents. */
static void test_members_may_come_in_any_order(void **state)
{
    json_auto_t *document = json_loads(ORDER, 0, NULL);
    json_t *names[32];
    const char *name;
    json_t *value;
    size_t n = 0;

    srandom(20261125);
    json_object_foreach (document, name, value)
        names[n++] = json_string(name);
    for (int round = 0; round < 300; round++) {
        json_auto_t *shuffled = json_object();
        _cleanup_free_ char *text = NULL;

        for (size_t i = n - 1; i > 0; i--) {
            size_t k = (size_t)random() % (i + 1);
            json_t *other = names[k];

            names[k] = names[i];
            names[i] = other;
        }
        for (size_t i = 0; i < n; i++) {
            name = json_string_value(names[i]);
            json_object_set(shuffled, name, json_object_get(document, name));
        }
        text = json_dumps(shuffled, round % 2 ? JSON_COMPACT : JSON_INDENT(2));
        assert_true(plain(text));
    }
    for (size_t i = 0; i < n; i++)
        json_decref(names[i]);
    static const char turned[] =
        "{\"orders\":[" ORDER "],\"more\":true,\"end\":10,\"seq\":9,\"prev\":4,\"feed\":\"" FEED
        "\",\"new\":{}}";
    agree(turned, strlen(turned));
    assert_true(page_scan(&page, turned, strlen(turned)));
    assert_true(page.more && page.end == 10 && page.rising && page.orders[0].plain);
}

static void test_the_order_of_documents_is_noticed(void **state)
{
    static const char falls[] = HEAD "{\"seq\":5},{\"seq\":4}" TAIL;
    static const char beyond[] = HEAD "{\"seq\":5},{\"seq\":10}" TAIL;
    static const char nameless[] = HEAD "{\"seq\":5},{}" TAIL;
    static const char rises[] = HEAD "{\"seq\":5},{\"seq\":9}" TAIL;

    assert_true(page_scan(&page, falls, strlen(falls)) && !page.rising);
    assert_true(page_scan(&page, beyond, strlen(beyond)) && !page.rising);
    assert_true(page_scan(&page, nameless, strlen(nameless)) && !page.rising);
    assert_true(page_scan(&page, rises, strlen(rises)) && page.rising);
}

/* More than the struct holds is not an error, only not quick. */
static void test_a_page_of_very_many_documents_is_left_to_the_long_way(void **state)
{
    static char json[WIRE_PAYLOAD_MAX];
    size_t n = (size_t)snprintf(json, sizeof(json), HEAD "7");

    for (size_t i = 1; i < PAGE_SCAN_DOCUMENTS + 1; i++)
        n += (size_t)snprintf(json + n, sizeof(json) - n, ",7");
    n += (size_t)snprintf(json + n, sizeof(json) - n, TAIL);
    agree(json, n);
    assert_false(page_scan(&page, json, n));
    assert_int_equal(page.n_orders, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_hq_writes_takes_the_quick_way),
        cmocka_unit_test(test_what_the_store_must_look_at_takes_the_long_way),
        cmocka_unit_test(test_promise_10_what_the_long_way_rejects_is_left_to_it),
        cmocka_unit_test(test_both_ways_agree_about_json),
        cmocka_unit_test(test_both_ways_agree_about_every_cut_and_every_changed_byte),
        cmocka_unit_test(test_members_may_come_in_any_order),
        cmocka_unit_test(test_the_order_of_documents_is_noticed),
        cmocka_unit_test(test_a_page_of_very_many_documents_is_left_to_the_long_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
