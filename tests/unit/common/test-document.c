/* Documents of the feed: each member that is missing or mistyped rejects its document, with a
 * reason that names it; unknown members do not. */
#include "common/document.h"
#include "common/order.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#define BANK   "hk-canton-1"
#define LOG_ID "6d0d2c0e-71a4-4f0e-9f5b-1d2a3b4c5d6e"
#define KEY    "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

static const char order_text[] =
    "{\"order\":\"HK-1\",\"handle\":\"8f3c5a1e90b7d246\",\"rev\":3,\"seq\":1042,"
    "\"branch\":\"hk-canton\",\"status\":\"confirmed\",\"display\":\"\u738b*\","
    "\"lang\":\"zh-Hans\",\"ready_from\":10,\"pickup_until\":20,\"release_at\":null,"
    "\"slot\":{\"from\":11,\"to\":12},"
    "\"code\":{\"epoch\":1,\"kinds\":[\"P1\"],\"secret\":\"" KEY "\"},"
    "\"number_digest\":\"0c8ba9627baec6666c262531fdb02319\",\"disputed\":false,"
    "\"id_check\":true,\"low_door\":false,\"departure\":{\"at\":30,\"flight\":\"CX500\"},"
    "\"campaign\":\"summer\",\"member_tag\":\"gold\",\"new\":{\"later\":1},"
    "\"parcels\":[{\"parcel\":\"P-1\",\"barcode\":\"29\",\"size\":\"M\","
    "\"personalisation\":{\"text\":\"Li\",\"checked\":true},"
    "\"placed\":{\"bank\":\"hk-canton-2\",\"door\":7,\"since\":1,\"log\":\"" LOG_ID "\",\"n\":4},"
    "\"collected\":null,"
    "\"items\":[{\"sku\":\"PF-1\",\"name\":{\"en\":\"Perfume\"},\"qty\":1}]},"
    "{\"parcel\":\"P-2\",\"size\":\"XL\",\"collected\":{\"bank\":\"hk-canton-1\",\"at\":5},"
    "\"items\":[]}]}";

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(value);
    return value;
}

/* Lays `change` over `document`: objects are merged, arrays are walked, everything else replaces.
 * The text "-" removes the member. */
static void change(json_t *document, const json_t *change_by)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)change_by, name, value) {
        json_t *old = json_object_get(document, name);

        if (json_is_string(value) && strcmp(json_string_value(value), "-") == 0)
            assert_int_equal(json_object_del(document, name), 0);
        else if (json_is_object(old) && json_is_object(value) && json_object_size(value) > 0)
            change(old, value);
        else if (json_is_array(old) && json_is_object(value))
            change(json_array_get(old, 0), value);
        else
            assert_int_equal(json_object_set(document, name, value), 0);
    }
}

static void test_an_order_is_read(void **state)
{
    _cleanup_(order_freep) struct order *order = NULL;
    json_auto_t *document = parsed(order_text);
    _cleanup_free_ char *reason = NULL;

    assert_int_equal(order_parse(document, BANK, &order, &reason), 0);
    assert_string_equal(order->id, "HK-1");
    assert_true(order->handle == UINT64_C(0x8f3c5a1e90b7d246));
    assert_int_equal(order->rev, 3);
    assert_int_equal(order->epoch, 1);
    assert_true(order->p1_opens && !order->p2_opens && order->has_number && order->id_check);
    assert_int_equal(order->slot_from, 11);
    assert_int_equal(order->departure_at, 30);
    assert_int_equal(order->n_parcels, 2);
    assert_string_equal(order->parcels[0].elsewhere_bank, "hk-canton-2");
    assert_int_equal(order->parcels[0].elsewhere_door, 7);
    assert_true(order->parcels[0].personalised && order->parcels[0].quality_checked);
    assert_false(order->parcels[1].collected_elsewhere);
}

static void test_a_tombstone_needs_little(void **state)
{
    _cleanup_(order_freep) struct order *order = NULL;
    json_auto_t *document = parsed("{\"order\":\"HK-1\",\"handle\":\"8f3c5a1e90b7d246\",\"rev\":4,"
                                   "\"status\":\"moved\"}");
    _cleanup_free_ char *reason = NULL;

    assert_int_equal(order_parse(document, BANK, &order, &reason), 0);
    assert_int_equal(order->status, ORDER_MOVED);
}

/* What is laid over the good document, and the member that the reason must name. */
struct bad {
    const char *change, *names;
};

static void test_bad_orders(void **state)
{
    static const struct bad bad[] = {
        {"{\"order\":\"-\"}", "order"},
        {"{\"order\":\"\"}", "order"},
        {"{\"order\":\"12345678901234567890123456789012345678901234567890123456789012345\"}",
         "order"},
        {"{\"handle\":\"-\"}", "handle"},
        {"{\"handle\":\"8F3C5A1E90B7D246\"}", "handle"},
        {"{\"handle\":\"8f3c\"}", "handle"},
        {"{\"rev\":0}", "rev"},
        {"{\"rev\":\"3\"}", "rev"},
        {"{\"branch\":\"-\"}", "branch"},
        {"{\"branch\":5}", "branch"},
        {"{\"status\":\"sold\"}", "status"},
        {"{\"status\":null}", "status"},
        {"{\"display\":[]}", "display"},
        {"{\"lang\":1}", "lang"},
        {"{\"ready_from\":-1}", "ready_from"},
        {"{\"pickup_until\":2.5}", "pickup_until"},
        {"{\"release_at\":\"now\"}", "release_at"},
        {"{\"slot\":[]}", "slot"},
        {"{\"slot\":{\"from\":\"-\"}}", "slot.from"},
        {"{\"slot\":{\"to\":10}}", "slot.to"},
        {"{\"code\":\"-\"}", "code"},
        {"{\"code\":{\"epoch\":256}}", "code.epoch"},
        {"{\"code\":{\"kinds\":\"P1\"}}", "code.kinds"},
        {"{\"code\":{\"kinds\":[\"P1\",\"P3\"]}}", "code.kinds[1]"},
        {"{\"code\":{\"secret\":\"c2hvcnQ=\"}}", "code.secret"},
        {"{\"code\":{\"secret\":5}}", "code.secret"},
        {"{\"number_digest\":\"0c8b\"}", "number_digest"},
        {"{\"disputed\":0}", "disputed"},
        {"{\"id_check\":\"no\"}", "id_check"},
        {"{\"low_door\":1}", "low_door"},
        {"{\"departure\":5}", "departure"},
        {"{\"departure\":{\"at\":\"noon\"}}", "departure.at"},
        {"{\"departure\":{\"flight\":500}}", "departure.flight"},
        {"{\"campaign\":{}}", "campaign"},
        {"{\"member_tag\":7}", "member_tag"},
        {"{\"parcels\":\"-\"}", "parcels"},
        {"{\"parcels\":[]}", "parcels"},
        {"{\"parcels\":[1]}", "parcels[0]"},
        {"{\"parcels\":{\"parcel\":\"-\"}}", "parcels[0].parcel"},
        {"{\"parcels\":{\"parcel\":\"P-2\"}}", "parcels[1].parcel"},
        {"{\"parcels\":{\"barcode\":29}}", "parcels[0].barcode"},
        {"{\"parcels\":{\"size\":\"XXL\"}}", "parcels[0].size"},
        {"{\"parcels\":{\"personalisation\":true}}", "parcels[0].personalisation"},
        {"{\"parcels\":{\"personalisation\":{\"text\":\"-\"}}}", "parcels[0].personalisation.text"},
        {"{\"parcels\":{\"personalisation\":{\"checked\":\"yes\"}}}",
         "parcels[0].personalisation.checked"},
        {"{\"parcels\":{\"placed\":\"door 7\"}}", "parcels[0].placed"},
        {"{\"parcels\":{\"placed\":{\"bank\":\"-\"}}}", "parcels[0].placed.bank"},
        {"{\"parcels\":{\"placed\":{\"door\":0}}}", "parcels[0].placed.door"},
        {"{\"parcels\":{\"placed\":{\"since\":\"-\"}}}", "parcels[0].placed.since"},
        {"{\"parcels\":{\"placed\":{\"log\":5}}}", "parcels[0].placed.log"},
        {"{\"parcels\":{\"placed\":{\"n\":0}}}", "parcels[0].placed.n"},
        {"{\"parcels\":{\"collected\":{}}}", "parcels[0].collected.bank"},
        {"{\"parcels\":{\"collected\":{\"bank\":\"b\"}}}", "parcels[0].collected.at"},
        {"{\"parcels\":{\"items\":\"-\"}}", "parcels[0].items"},
        {"{\"parcels\":{\"items\":[1]}}", "parcels[0].items[0]"},
        {"{\"parcels\":{\"items\":{\"sku\":\"-\"}}}", "parcels[0].items[0].sku"},
        {"{\"parcels\":{\"items\":{\"name\":\"Perfume\"}}}", "parcels[0].items[0].name"},
        {"{\"parcels\":{\"items\":{\"name\":{}}}}", "parcels[0].items[0].name"},
        {"{\"parcels\":{\"items\":{\"name\":{\"en\":5}}}}", "parcels[0].items[0].name.en"},
        {"{\"parcels\":{\"items\":{\"qty\":0}}}", "parcels[0].items[0].qty"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        json_auto_t *document = parsed(order_text), *by = parsed(bad[i].change);
        _cleanup_(order_freep) struct order *order = NULL;
        _cleanup_free_ char *reason = NULL;

        change(document, by);
        if (order_parse(document, BANK, &order, &reason) != -EBADMSG)
            fail_msg("%s was accepted", bad[i].change);
        if (!strstr(reason, bad[i].names))
            fail_msg("%s: '%s' does not name %s", bad[i].change, reason, bad[i].names);
    }
}

static const struct {
    const char *kind, *name, *text;
} good_documents[] = {
    {"staff", "17",
     "{\"staff\":17,\"rev\":1,\"name\":\"Li\",\"role\":\"stocker\",\"pin_digest\":"
     "\"7e9063966479e759d176041cf272d873\",\"revoked\":false,\"valid_from_s\":4294967296,\"new\":"
     "1}"},
    {"staff", "4294967295", "{\"staff\":4294967295,\"rev\":1,\"role\":\"manager\"}"},
    {"key", "code-1",
     "{\"key\":\"code-1\",\"rev\":1,\"purpose\":\"code\",\"key_id\":1,\"public\":\"" KEY
     "\",\"revoked\":true}"},
    {"key", "number", "{\"key\":\"number\",\"rev\":1,\"purpose\":\"number\",\"generation\":1}"},
    {"policy", "branch",
     "{\"policy\":\"branch\",\"rev\":1,\"number\":852,\"retention_s\":86400,\"banks\":[\"b\"]}"},
    {"recall", "R-7", "{\"recall\":\"R-7\",\"rev\":9,\"skus\":[\"LQ-3\"],\"active\":true}"},
};

static void test_small_documents_are_read(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(good_documents); i++) {
        json_auto_t *document = parsed(good_documents[i].text);
        _cleanup_free_ char *name = NULL, *reason = NULL;
        int64_t rev = 0;

        if (document_read(document, good_documents[i].kind, &name, &rev, &reason) != 0)
            fail_msg("%s: %s", good_documents[i].text, reason);
        assert_string_equal(name, good_documents[i].name);
        assert_int_equal(rev, i == 5 ? 9 : 1);
    }
}

static void test_bad_small_documents(void **state)
{
    static const struct {
        int good; /* which one it is laid over */
        struct bad bad;
    } rows[] = {
        {0, {"{\"staff\":\"17\"}", "staff"}},
        {0, {"{\"staff\":0}", "staff"}},
        {0, {"{\"rev\":\"-\"}", "rev"}},
        {0, {"{\"name\":5}", "name"}},
        {0, {"{\"role\":\"-\"}", "role"}},
        {0, {"{\"role\":\"owner\"}", "role"}},
        {0, {"{\"pin_digest\":\"0000\"}", "pin_digest"}},
        {0, {"{\"revoked\":1}", "revoked"}},
        {0, {"{\"valid_from_s\":\"1\"}", "valid_from_s"}},
        {2, {"{\"key\":\"-\"}", "key"}},
        {2, {"{\"purpose\":\"feed\"}", "purpose"}},
        {2, {"{\"key_id\":256}", "key_id"}},
        {2, {"{\"key_id\":\"-\"}", "key_id"}},
        {2, {"{\"public\":\"c2hvcnQ=\"}", "public"}},
        {2, {"{\"public\":\"-\"}", "public"}},
        {2, {"{\"revoked\":\"no\"}", "revoked"}},
        {3, {"{\"generation\":0}", "generation"}},
        {4, {"{\"policy\":\"-\"}", "policy"}},
        {4, {"{\"number\":65536}", "number"}},
        {4, {"{\"retention_s\":\"-\"}", "retention_s"}},
        {4, {"{\"banks\":[]}", "banks"}},
        {4, {"{\"banks\":[\"b\",5]}", "banks[1]"}},
        {5, {"{\"recall\":7}", "recall"}},
        {5, {"{\"skus\":\"LQ-3\"}", "skus"}},
        {5, {"{\"reason\":5}", "reason"}},
        {5, {"{\"active\":\"-\"}", "active"}},
        {5, {"{\"active\":null}", "active"}},
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        json_auto_t *document = parsed(good_documents[rows[i].good].text);
        json_auto_t *by = parsed(rows[i].bad.change);
        _cleanup_free_ char *name = NULL, *reason = NULL;
        int64_t rev = 0;

        change(document, by);
        if (document_read(document, good_documents[rows[i].good].kind, &name, &rev, &reason) !=
            -EBADMSG)
            fail_msg("%s was accepted", rows[i].bad.change);
        assert_null(name);
        if (!strstr(reason, rows[i].bad.names))
            fail_msg("%s: '%s' does not name %s", rows[i].bad.change, reason, rows[i].bad.names);
    }
}

static void test_an_unknown_kind_is_named_as_such(void **state)
{
    json_auto_t *document = parsed("{\"coupon\":\"C-1\",\"rev\":1}");
    _cleanup_free_ char *name = NULL, *reason = NULL;
    int64_t rev = 0;

    assert_int_equal(document_read(document, "coupon", &name, &rev, &reason), -EBADMSG);
    assert_non_null(strstr(reason, "kind"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_is_read),
        cmocka_unit_test(test_a_tombstone_needs_little),
        cmocka_unit_test(test_bad_orders),
        cmocka_unit_test(test_small_documents_are_read),
        cmocka_unit_test(test_bad_small_documents),
        cmocka_unit_test(test_an_unknown_kind_is_named_as_such),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
