#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/draft-value.h"
#include "hq/draft.h"

#include "branches.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ITEM "{\"sku\":\"PF-1\",\"name\":{\"en\":\"Perfume\"},\"qty\":1}"
#define ROW                                                                                        \
    "{\"order\":\"A-1\",\"source_rev\":3,\"branch\":\"hk-canton\",\"display\":\"王*\","           \
    "\"lang\":\"zh-Hans\",\"ready_from\":1790000000000,\"pickup_until\":1791000000000,"            \
    "\"parcels\":[{\"parcel\":\"P-1\",\"barcode\":\"29\",\"size\":\"M\",\"items\":[" ITEM "]}]}"

/* The good row with the members of `patch` in place of its own. */
static json_t *row_with(const char *patch)
{
    json_t *row = json_loads(ROW, 0, NULL);
    json_auto_t *changes = json_loads(patch, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(row);
    if (!changes)
        fail_msg("not JSON: %s", patch);
    json_object_update(row, changes);
    return row;
}

static struct draft *draft_of(const char *patch)
{
    json_auto_t *row = row_with(patch);
    _cleanup_(draft_problem_done) struct draft_problem problem;
    struct draft *draft = NULL;
    int r = draft_read(row, &branches, &draft, &problem);

    if (r < 0)
        fail_msg("%s: %s %s", patch, problem.member, problem.reason);
    return draft;
}

static void test_good_row(void **state)
{
    static const char document[] =
        "{\"branch\":\"hk-canton\",\"campaign\":null,\"departure\":null,\"display\":\"王*\","
        "\"id_check\":false,\"lang\":\"zh-Hans\",\"low_door\":false,\"member_tag\":null,"
        "\"order\":\"A-1\",\"parcels\":[{\"barcode\":\"29\",\"items\":[" ITEM "],"
        "\"parcel\":\"P-1\",\"personalisation\":null,\"size\":\"M\"}],"
        "\"pickup_until\":1791000000000,\"ready_from\":1790000000000,\"release_at\":null,"
        "\"slot\":null,\"status\":\"confirmed\"}";
    _cleanup_(draft_freep) struct draft *draft = draft_of("{}");
    json_auto_t *expected = json_loads(document, 0, NULL);

    assert_string_equal(draft->order, "A-1");
    assert_string_equal(draft->branch, "hk-canton");
    assert_int_equal(draft->source_rev, 3);
    assert_true(json_equal(draft->document, expected));
}

/* The digest says whether anything changed: not by another order of members, an explicit default or
 * another way to write a time; by everything else. */
static void test_digest(void **state)
{
    static const char *const same[] = {
        "{\"source_rev\":9}",
        "{\"status\":\"confirmed\",\"id_check\":false,\"slot\":null,\"campaign\":null}",
        "{\"ready_from\":\"2026-09-21T14:13:20Z\"}",
        "{\"ready_from\":\"2026-09-21 22:13:20.000+08:00\"}",
    };
    static const char *const other[] = {
        "{\"display\":\"李*\"}",
        "{\"id_check\":true}",
        "{\"ready_from\":\"2026-09-21T14:13:21Z\"}",
        "{\"status\":\"cancelled\"}",
        "{\"branch\":\"hk-airport\"}",
    };
    _cleanup_(draft_freep) struct draft *first = draft_of("{}");

    for (size_t i = 0; i < ELEMENTSOF(same); i++) {
        _cleanup_(draft_freep) struct draft *draft = draft_of(same[i]);

        assert_memory_equal(draft->digest, first->digest, sizeof(first->digest));
    }
    for (size_t i = 0; i < ELEMENTSOF(other); i++) {
        _cleanup_(draft_freep) struct draft *draft = draft_of(other[i]);

        assert_memory_not_equal(draft->digest, first->digest, sizeof(first->digest));
    }
}

static void refused(const json_t *row, const char *what, const char *member, const char *words)
{
    _cleanup_(draft_problem_done) struct draft_problem problem = {0};
    struct draft *draft = NULL;

    if (draft_read(row, &branches, &draft, &problem) != -EBADMSG)
        fail_msg("taken: %s", what);
    assert_null(draft);
    if (strcmp(problem.member, member) != 0 || !strstr(problem.reason, words))
        fail_msg("%s: %s %s", what, problem.member, problem.reason);
    assert_true(strlen(problem.remedy) > 4);
}

#define PARCELS(members) "{\"parcels\":[{\"parcel\":\"P-1\",\"size\":\"S\"," members "}]}"
#define ITEMS(item)      PARCELS("\"items\":[{" item "}]")
#define LONG_65          "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg"

static void test_bad_rows(void **state)
{
    static const struct {
        const char *patch, *member, *words;
    } bad[] = {
        {"{\"order\":null}", "order", "missing"},
        {"{\"order\":\"\"}", "order", "empty"},
        {"{\"order\":7}", "order", "text"},
        {"{\"order\":\"" LONG_65 "\"}", "order", "65 bytes"},
        {"{\"order\":\"a\\u0007b\"}", "order", "control"},
        {"{\"order\":\"a\\u007f\"}", "order", "control"},
        {"{\"order\":\" a\"}", "order", "white space"},
        {"{\"branch\":null}", "branch", "missing"},
        {"{\"branch\":\"paris\"}", "branch", "'paris'"},
        {"{\"source_rev\":-1}", "source_rev", "whole number"},
        {"{\"source_rev\":\"3\"}", "source_rev", "whole number"},
        {"{\"status\":\"moved\"}", "status", "'moved'"},
        {"{\"status\":1}", "status", "text"},
        {"{\"display\":\"01234567890123456789012\"}", "display", "phone"},
        {"{\"display\":\"abcdefghijabcdefghijabcdefghij***\"}", "display", "33 characters"},
        {"{\"lang\":\"c\"}", "lang", "BCP 47"},
        {"{\"lang\":\"zh-\"}", "lang", "BCP 47"},
        {"{\"lang\":\"zh_CN\"}", "lang", "BCP 47"},
        {"{\"lang\":\"123456789\"}", "lang", "BCP 47"},
        {"{\"ready_from\":\"soon\"}", "ready_from", "not a time"},
        {"{\"ready_from\":1790000000}", "ready_from", "seconds"},
        {"{\"ready_from\":5}", "ready_from", "2000"},
        {"{\"ready_from\":-1}", "ready_from", "2000"},
        {"{\"ready_from\":1.5}", "ready_from", "time"},
        {"{\"pickup_until\":1790000000000}", "pickup_until", "not after"},
        {"{\"release_at\":1791000000000}", "release_at", "not before"},
        {"{\"slot\":[]}", "slot", "object"},
        {"{\"slot\":{\"from\":1790000000000}}", "slot.to", "missing"},
        {"{\"slot\":{\"from\":1790000000000,\"to\":1790000000000}}", "slot.to", "not after"},
        {"{\"slot\":{\"from\":1790000000000,\"till\":1}}", "slot.till", "not known"},
        {"{\"departure\":{\"flight\":\"CX500\"}}", "departure.at", "missing"},
        {"{\"departure\":{\"at\":1790000000000,\"flight\":\"CX500 and more to come\"}}",
         "departure.flight", "16"},
        {"{\"id_check\":1}", "id_check", "true or false"},
        {"{\"low_door\":\"yes\"}", "low_door", "true or false"},
        {"{\"campaign\":\"" LONG_65 "\"}", "campaign", "65 bytes"},
        {"{\"member_tag\":{}}", "member_tag", "text"},
        {"{\"handle\":\"00\"}", "handle", "made by HQ"},
        {"{\"seq\":1}", "seq", "made by HQ"},
        {"{\"dispaly\":\"x\"}", "dispaly", "not known"},
        {"{\"parcels\":null}", "parcels", "missing"},
        {"{\"parcels\":[]}", "parcels", "empty"},
        {"{\"parcels\":5}", "parcels", "array"},
        {"{\"parcels\":[5]}", "parcels[0]", "object"},
        {PARCELS("\"colour\":1"), "parcels[0].colour", "not known"},
        {PARCELS("\"barcode\":\"\""), "parcels[0].barcode", "empty"},
        {PARCELS("\"placed\":null"), "parcels[0].placed", "not known"},
        {PARCELS("\"personalisation\":{\"text\":5}"), "parcels[0].personalisation.text", "text"},
        {PARCELS("\"personalisation\":{\"text\":\"x\",\"checked\":1}"),
         "parcels[0].personalisation.checked", "true or false"},
        {PARCELS("\"items\":{}"), "parcels[0].items", "array"},
        {ITEMS("\"sku\":\"a\",\"name\":{\"en\":\"x\"},\"qty\":0"), "parcels[0].items[0].qty",
         "1 to 9999"},
        {ITEMS("\"sku\":\"a\",\"name\":{\"en\":\"x\"}"), "parcels[0].items[0].qty", "missing"},
        {ITEMS("\"name\":{\"en\":\"x\"},\"qty\":1"), "parcels[0].items[0].sku", "missing"},
        {ITEMS("\"sku\":\"a\",\"qty\":1"), "parcels[0].items[0].name", "missing"},
        {ITEMS("\"sku\":\"a\",\"name\":{\"en\":\"\"},\"qty\":1"), "parcels[0].items[0].name.en",
         "empty"},
        {"{\"parcels\":[{\"parcel\":\"P-1\",\"size\":\"S\",\"items\":[" ITEM "]},"
         "{\"parcel\":\"P-2\",\"barcode\":\"P-1\",\"size\":\"S\",\"items\":[" ITEM "]}]}",
         "parcels[1].barcode", "number of parcel 1"},
        {"{\"parcels\":[{\"parcel\":\"P-1\",\"size\":\"m\",\"items\":[" ITEM "]}]}",
         "parcels[0].size", "'m'"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        json_auto_t *row = row_with(bad[i].patch);

        refused(row, bad[i].patch, bad[i].member, bad[i].words);
    }
}

static void test_not_an_object(void **state)
{
    json_auto_t *text = json_string("order"), *list = json_array();

    refused(text, "text", "the row", "object");
    refused(list, "list", "the row", "object");
    refused(json_null(), "null", "the row", "object");
}

static void test_too_many_parcels(void **state)
{
    json_auto_t *row = row_with("{\"parcels\":[]}");
    json_t *parcels = json_object_get(row, "parcels"), *item = json_loads(ITEM, 0, NULL);
    struct draft *draft = NULL;
    _cleanup_(draft_problem_done) struct draft_problem problem;

    for (int i = 0; i < 64; i++)
        json_array_append_new(parcels,
                              json_pack("{s:o,s:s,s:[O]}", "parcel", json_sprintf("P-%d", i),
                                        "size", "S", "items", item));
    assert_int_equal(draft_read(row, &branches, &draft, &problem), 0);
    draft_free(draft);
    json_array_append_new(
        parcels, json_pack("{s:s,s:s,s:[o]}", "parcel", "P-64", "size", "S", "items", item));
    refused(row, "65 parcels", "parcels", "at most 64");
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* or -errno */
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-12-01T10:00:00+08:00", 1796090400000},
        {"2026-12-01T10:00:00+0800", 1796090400000},
        {"2026-12-01T10:00:00+08", 1796090400000},
        {"2026-12-01 10:00+08:00", 1796090400000},
        {"2026-11-30T20:30:00-05:30", 1796090400000},
        {"2026-12-01T02:00:00.250Z", 1796090400250},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2026-12-01T10:00:00", -ENOTUNIQ},
        {"2026-12-01T10:00", -ENOTUNIQ},
        {"2026-12-01", -EINVAL},
        {"2026-02-29T00:00:00Z", -EINVAL},
        {"2026-13-01T00:00:00Z", -EINVAL},
        {"2026-12-00T00:00:00Z", -EINVAL},
        {"2026-12-01T24:00:00Z", -EINVAL},
        {"2026-12-01T10:60:00Z", -EINVAL},
        {"2026-12-01T10:00:00+15:00", -EINVAL},
        {"2026-12-01T10:00:00+08:0", -EINVAL},
        {"2026-12-01T10:00:00+08:00 ", -EINVAL},
        {"2026-12-01T10:00:00.Z", -EINVAL},
        {"26-12-01T10:00:00Z", -EINVAL},
        {"2026/12/01 10:00:00Z", -EINVAL},
        {"", -EINVAL},
    };

    for (size_t i = 0; i < ELEMENTSOF(times); i++) {
        int64_t ms = -77;
        int r = draft_parse_time(times[i].text, &ms);

        if (times[i].ms < 0 ? r != times[i].ms || ms != -77 : r != 0 || ms != times[i].ms)
            fail_msg("%s: %d, %lld", times[i].text, r, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_row),         cmocka_unit_test(test_digest),
        cmocka_unit_test(test_bad_rows),         cmocka_unit_test(test_not_an_object),
        cmocka_unit_test(test_too_many_parcels), cmocka_unit_test(test_times),
    };

    return cmocka_run_group_tests_name("draft", tests, NULL, NULL);
}
