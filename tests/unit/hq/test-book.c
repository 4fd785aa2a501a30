#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/book.h"
#include "hq/order-view.h"

#include "branches.h"

#include <errno.h>
#include <string.h>

#define NOW INT64_C(1790000000000)
#define LOG "6d0d3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"

static const uint8_t number_key[NUMBER_KEY_BYTES] = {1, 2, 3};

static int open_store(void **state)
{
    char *error;
    struct store *store;

    if (store_open(":memory:", true, &store, &error) < 0)
        return -1;
    *state = store;
    return store_begin(store);
}

static int close_store(void **state)
{
    store_commit(*state);
    store_free(*state);
    return 0;
}

/* An order with parcels NAME-0, NAME-1 …; `more` are further members. */
static json_t *row(const char *name, int n_parcels, const char *more)
{
    json_t *order = json_pack("{s:s,s:s,s:[]}", "order", name, "branch", "hk-canton", "parcels");
    json_auto_t *members = json_loads(more, 0, NULL);

    assert_non_null(members);
    for (int i = 0; i < n_parcels; i++)
        json_array_append_new(json_object_get(order, "parcels"),
                              json_pack("{s:o,s:s,s:[{s:s,s:{s:s},s:i}]}", "parcel",
                                        json_sprintf("%s-%d", name, i), "size", "S", "items", "sku",
                                        "A", "name", "en", "x", "qty", 1));
    json_object_update(order, members);
    return order;
}

/* Enters a row; with `member` it must be rejected for that. */
static enum book_outcome enter(struct store *store, json_t *order, const char *member)
{
    _cleanup_(draft_problem_done) struct draft_problem problem = {0};
    _cleanup_(draft_freep) struct draft *draft = NULL;
    enum book_outcome outcome;

    assert_int_equal(draft_read(order, &branches, &draft, &problem), 0);
    assert_int_equal(book_enter(store, number_key, draft, &outcome, &problem), 0);
    assert_int_equal(outcome == BOOK_REJECTED, member != NULL);
    if (member)
        assert_string_equal(problem.member, member);
    json_decref(order);
    return outcome;
}

static json_t *document_of(struct store *store, const char *name)
{
    json_t *document = NULL;

    assert_int_equal(store_document(store, "hk-canton", "order", name, &document), 1);
    return document;
}

static json_int_t integer_of(struct store *store, const char *name, const char *member)
{
    json_auto_t *document = document_of(store, name);

    return json_integer_value(json_object_get(document, member));
}

static enum order_state state_of(struct store *store, const char *name)
{
    json_auto_t *document = document_of(store, name);
    struct order_view view;

    assert_int_equal(order_view(document, NOW, &view), 0);
    return view.state;
}

static int report(struct store *store, const char *bank, const char *type, int64_t at,
                  const char *order, const char *parcel, int door)
{
    json_auto_t *event = json_pack("{s:i,s:I,s:s,s:s,s:s?,s:i}", "n", 5, "at", (json_int_t)at,
                                   "type", type, "order", order, "parcel", parcel, "door", door);

    return book_evidence(store, "hk-canton", bank, LOG, event);
}

static void test_new_order(void **state)
{
    struct store_order first, second;
    json_auto_t *document = NULL;
    uint8_t digest[NUMBER_DIGEST_BYTES];
    char hex[33];

    assert_int_equal(enter(*state, row("A", 2, "{\"source_rev\":4}"), NULL), BOOK_IMPORTED);
    assert_int_equal(enter(*state, row("B", 1, "{}"), NULL), BOOK_IMPORTED);
    assert_int_equal(store_order(*state, "A", &first), 1);
    assert_int_equal(store_order(*state, "B", &second), 1);
    assert_int_equal(first.source_rev, 4);
    assert_int_equal(second.source_rev, -1);
    assert_string_not_equal(first.handle, second.handle);
    assert_string_not_equal(first.number, second.number);
    document = document_of(*state, "A");
    number_digest(number_key, first.number, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(json_string_value(json_object_get(document, "number_digest")), hex);
    assert_string_equal(json_string_value(json_object_get(document, "handle")), first.handle);
    assert_int_equal(integer_of(*state, "A", "rev"), 1);
    assert_int_equal(integer_of(*state, "A", "seq"), 1);
    assert_int_equal(integer_of(*state, "B", "seq"), 2);
    assert_null(strstr(hex, first.number));
}

static void test_again(void **state)
{
    int64_t seq;

    enter(*state, row("A", 1, "{\"source_rev\":4}"), NULL);
    assert_int_equal(enter(*state, row("A", 1, "{\"source_rev\":4}"), NULL), BOOK_UNCHANGED);
    assert_int_equal(enter(*state, row("A", 1, "{\"source_rev\":6}"), NULL), BOOK_UNCHANGED);
    assert_int_equal(store_seq(*state, "hk-canton", &seq), 0);
    assert_int_equal(seq, 1);
    enter(*state, row("A", 1, "{\"source_rev\":5,\"display\":\"x\"}"), "source_rev");
    assert_int_equal(enter(*state, row("A", 1, "{\"source_rev\":6,\"display\":\"x\"}"), NULL),
                     BOOK_CHANGED);
    assert_int_equal(enter(*state, row("A", 1, "{\"display\":\"y\"}"), NULL), BOOK_CHANGED);
    enter(*state, row("A", 1, "{\"source_rev\":5}"), "source_rev"); /* still remembered */
    assert_int_equal(integer_of(*state, "A", "rev"), 3);
    assert_int_equal(integer_of(*state, "A", "seq"), 3);
}

static void test_another_branch(void **state)
{
    enter(*state, row("A", 1, "{}"), NULL);
    enter(*state, row("A", 1, "{\"branch\":\"hk-airport\"}"), "branch");
}

static void test_labels(void **state)
{
    static const char barcode[] =
        "{\"parcels\":[{\"parcel\":\"X\",\"barcode\":\"A-0\",\"size\":\"S\",\"items\":"
        "[{\"sku\":\"A\",\"name\":{\"en\":\"x\"},\"qty\":1}]}]}";
    int64_t seq;

    enter(*state, row("A", 2, "{}"), NULL);
    enter(*state, row("B", 0, barcode), "parcels[0].barcode");
    assert_int_equal(store_seq(*state, "hk-canton", &seq), 0);
    assert_int_equal(seq, 1); /* nothing of it was written */
    assert_int_equal(enter(*state, row("A", 1, "{}"), NULL), BOOK_CHANGED); /* A-1 is free again */
    assert_int_equal(enter(*state, row("A", 2, "{}"), NULL), BOOK_CHANGED);
}

static void test_evidence_of_two_banks(void **state)
{
    enter(*state, row("A", 2, "{}"), NULL);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_ANNOUNCED);
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "A", "A-0", 7), 1);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_PARTLY_STOCKED);
    assert_int_equal(report(*state, "hk-canton-2", "stocked", NOW, "A", "A-1", 3), 1);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_READY);
    assert_int_equal(report(*state, "hk-canton-1", "parcel_collected", NOW, "A", "A-0", 7), 1);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_COLLECTING);
    /* The order's own event covers what lies in that bank, and nothing elsewhere. */
    assert_int_equal(report(*state, "hk-canton-1", "collected", NOW, "A", NULL, 0), 0);
    assert_int_equal(report(*state, "hk-canton-2", "collected", NOW, "A", NULL, 0), 1);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_COLLECTED);
    assert_int_equal(integer_of(*state, "A", "rev"), 5);
    /* It never goes back. */
    assert_int_equal(report(*state, "hk-canton-2", "stocked", NOW + 9, "A", "A-1", 3), 0);
    assert_int_equal(enter(*state, row("A", 2, "{\"display\":\"x\"}"), NULL), BOOK_CHANGED);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_COLLECTED);
}

static void test_late_evidence(void **state)
{
    json_auto_t *document = NULL;
    const json_t *placed;

    enter(*state, row("A", 1, "{}"), NULL);
    assert_int_equal(report(*state, "hk-canton-2", "stocked", NOW + 100, "A", "A-0", 3), 1);
    /* It had lain in bank 1 before; that bank's reports come late. */
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "A", "A-0", 7), 0);
    assert_int_equal(report(*state, "hk-canton-1", "unstocked", NOW + 50, "A", "A-0", 7), 0);
    document = document_of(*state, "A");
    placed = json_object_get(json_array_get(json_object_get(document, "parcels"), 0), "placed");
    assert_string_equal(json_string_value(json_object_get(placed, "bank")), "hk-canton-2");
    assert_string_equal(json_string_value(json_object_get(placed, "log")), LOG);
    assert_int_equal(json_integer_value(json_object_get(placed, "n")), 5);
    assert_int_equal(report(*state, "hk-canton-2", "unstocked", NOW + 200, "A", "A-0", 3), 1);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_ANNOUNCED);
}

static void test_evidence_of_no_use(void **state)
{
    enter(*state, row("A", 1, "{}"), NULL);
    assert_int_equal(report(*state, "hk-canton-1", "opened", NOW, "A", "A-0", 7), 0);
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "B", "A-0", 7), 0);
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "A", "A-9", 7), 0);
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "A", NULL, 7), 0);
    assert_int_equal(report(*state, "hk-canton-1", "stocked", NOW, "A", "A-0", 0), 0);
    assert_int_equal(integer_of(*state, "A", "rev"), 1);
}

static void test_removed_parcels(void **state)
{
    enter(*state, row("A", 2, "{}"), NULL);
    report(*state, "hk-canton-1", "stocked", NOW, "A", "A-1", 7);
    enter(*state, row("A", 1, "{}"), "parcels");
    report(*state, "hk-canton-1", "parcel_collected", NOW, "A", "A-1", 7);
    enter(*state, row("A", 1, "{}"), "parcels");
}

static void test_a_change_keeps_the_placements(void **state)
{
    json_auto_t *before = NULL, *after = NULL;

    enter(*state, row("A", 2, "{}"), NULL);
    report(*state, "hk-canton-1", "stocked", NOW, "A", "A-0", 7);
    report(*state, "hk-canton-2", "stocked", NOW, "A", "A-1", 3);
    before = document_of(*state, "A");
    assert_int_equal(enter(*state, row("A", 2, "{\"display\":\"x\"}"), NULL), BOOK_CHANGED);
    after = document_of(*state, "A");
    assert_true(json_equal(json_object_get(before, "parcels"), json_object_get(after, "parcels")));
    assert_true(json_equal(json_object_get(before, "code"), json_object_get(after, "code")));
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_READY);
}

static void test_collected_after_cancelling(void **state)
{
    enter(*state, row("A", 1, "{}"), NULL);
    report(*state, "hk-canton-1", "stocked", NOW, "A", "A-0", 7);
    enter(*state, row("A", 1, "{\"status\":\"cancelled\"}"), NULL);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_CANCELLED);
    report(*state, "hk-canton-1", "parcel_collected", NOW, "A", "A-0", 7);
    assert_int_equal(state_of(*state, "A"), ORDER_STATE_DISPUTED);
}

static void test_publish(void **state)
{
    for (int i = 0; i < 3; i++) {
        json_auto_t *document = json_pack("{s:s,s:s,s:i,s:i,s:i}", "kind", "policy", "policy",
                                          "branch", "rev", 0, "seq", 0, "number", i == 2);

        assert_int_equal(book_publish(*state, "hk-canton", "policy", "branch", document), i != 1);
        assert_int_equal(json_integer_value(json_object_get(document, "rev")), i == 2 ? 2 : 1);
    }
}

#define store_test(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_new_order),
        store_test(test_again),
        store_test(test_another_branch),
        store_test(test_labels),
        store_test(test_evidence_of_two_banks),
        store_test(test_late_evidence),
        store_test(test_evidence_of_no_use),
        store_test(test_removed_parcels),
        store_test(test_a_change_keeps_the_placements),
        store_test(test_collected_after_cancelling),
        store_test(test_publish),
    };

    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
