/* The bank's store on a real database in a folder of its own. */
#include "common/event.h"
#include "daemon/audit.h"
#include "daemon/store-inner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define BOOT "0123456789abcdef0123456789abcdef"

struct place {
    char folder[64];
    struct store *store;
};

static void open_store(struct place *place)
{
    _cleanup_free_ char *problem = NULL;

    assert_int_equal(store_open(place->folder, "hk-canton-1", BOOT, &place->store, &problem), 0);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->folder, sizeof(place->folder), "/tmp/pickup-store-XXXXXX");
    if (!place || !mkdtemp(place->folder))
        return -1;
    open_store(place);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"bank.db", "bank.db-wal", "bank.db-shm", "bank.db.lock"};
    struct place *place = *state;

    store_free(place->store);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", place->folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(place->folder);
    free(place);
    return 0;
}

/* Puts one order with one parcel; returns what store_put_order() said. */
static int put(struct store *store, const char *number, const char *handle, const char *parcel,
               int rev)
{
    _cleanup_(order_freep) struct order *order = NULL;
    _cleanup_free_ char *reason = NULL;
    json_t *document =
        json_pack("{ss ss si si ss ss s{si s[s] sn} ss s[{ss ss s[]}]}", "order", number, "handle",
                  handle, "rev", rev, "seq", rev, "branch", "hk-canton", "status", "confirmed",
                  "code", "epoch", 0, "kinds", "P1", "secret", "display", "W*", "parcels", "parcel",
                  parcel, "size", "S", "items");
    int r;

    assert_non_null(document);
    assert_int_equal(order_parse(document, "hk-canton-1", &order, &reason), 0);
    assert_int_equal(store_begin(store), 0);
    r = store_put_order(store, order, document, rev, 1000);
    assert_int_equal(store_commit(store), 0);
    json_decref(document);
    return r;
}

static void test_an_older_document_changes_nothing(void **state)
{
    struct place *place = *state;

    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 2), 1);
    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 2), 0);
    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 1), 0);
    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 3), 1);
    assert_int_equal(store_order_count(place->store), 1);
}

static void test_a_parcel_of_another_order_is_refused_and_nothing_stays(void **state)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    struct place *place = *state;

    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 1), 1);
    assert_int_equal(put(place->store, "B", "00000000000000b1", "P-A", 1), -EEXIST);
    assert_int_equal(store_find_order(place->store, "B", &record), 0);
    assert_int_equal(store_find_label(place->store, "P-A", &record), 1);
    assert_string_equal(record->order->id, "A");
}

static void test_a_rollback_takes_events_and_numbers_back(void **state)
{
    struct place *place = *state;

    assert_int_equal(store_begin(place->store), 0);
    assert_int_equal(audit_add(place->store, "boot", json_pack("{ss}", "version", "1")), 0);
    assert_int_equal(store_last_event(place->store), 1);
    store_rollback(place->store);
    assert_int_equal(store_last_event(place->store), 0);
}

static void test_a_batch_that_the_disk_did_not_take_is_noticed(void **state)
{
    struct place *place = *state;
    int r = 0;

    assert_int_equal(db_exec(place->store->db, "PRAGMA max_page_count = 1"), 0);
    assert_int_equal(store_batch_begin(place->store), 1);
    assert_int_equal(store_set_integer(place->store, "cursor", 7), 0);
    for (int i = 0; i < 10000 && r == 0; i++)
        r = audit_add(place->store, "tamper", json_pack("{si}", "door", i));
    assert_int_equal(r, -ENOSPC);
    /* A customer comes: what the batch has lost must not be taken for written. */
    (void)store_begin(place->store);
    store_rollback(place->store);
    assert_true(store_take_batch_lost(place->store));
    assert_false(store_take_batch_lost(place->store));
    assert_int_equal(store_last_event(place->store), 0);
}

/* A visit inside a batch: its commit ends both, its rollback takes back only its own. */
static void test_promise_4_a_visit_joins_the_batch_and_undoes_only_itself(void **state)
{
    struct place *place = *state;
    int64_t cursor = 0, other = 0;

    assert_int_equal(store_batch_begin(place->store), 1);
    assert_int_equal(store_set_integer(place->store, "cursor", 7), 0);
    assert_int_equal(audit_add(place->store, "tamper", json_pack("{si}", "door", 1)), 0);
    assert_int_equal(store_begin(place->store), 0);
    assert_int_equal(store_set_integer(place->store, "other", 1), 0);
    assert_int_equal(audit_add(place->store, "tamper", json_pack("{si}", "door", 2)), 0);
    assert_int_equal(store_last_event(place->store), 2);
    store_rollback(place->store);
    assert_true(store_in_batch(place->store));
    assert_false(store_take_batch_lost(place->store));
    assert_int_equal(store_last_event(place->store), 1);
    assert_int_equal(store_get_integer(place->store, "other", &other), 0);

    assert_int_equal(store_begin(place->store), 0);
    assert_int_equal(store_set_integer(place->store, "other", 2), 0);
    assert_int_equal(store_commit(place->store), 0);
    assert_false(store_in_batch(place->store));
    store_free(place->store);
    open_store(place);
    assert_int_equal(store_get_integer(place->store, "cursor", &cursor), 1);
    assert_int_equal(store_get_integer(place->store, "other", &other), 1);
    assert_true(cursor == 7 && other == 2);
    assert_int_equal(store_last_event(place->store), 1);
}

static void test_the_chain_goes_on_after_a_restart_and_verifies(void **state)
{
    struct place *place = *state;
    uint8_t hash[EVENT_HASH_BYTES];
    json_t *events = NULL, *event;
    size_t i;

    for (int k = 0; k < 3; k++) {
        assert_int_equal(store_begin(place->store), 0);
        assert_int_equal(audit_add(place->store, "tamper", json_pack("{si}", "door", k + 1)), 0);
        assert_int_equal(store_commit(place->store), 0);
        place->store = store_free(place->store);
        open_store(place);
    }
    assert_int_equal(audit_list(place->store, 0, 100, 1 << 20, &events), 0);
    assert_int_equal(json_array_size(events), 3);
    event_chain_start(store_log(place->store), hash);
    json_array_foreach (events, i, event) {
        assert_int_equal(event_verify(event, hash), 0);
        assert_int_equal(json_integer_value(json_object_get(event, "n")), i + 1);
    }
    json_decref(events);
}

/* One slice from the start; how many orders it erased. */
static int sweep(struct store *store, int64_t erase_ms, int64_t drop_ms)
{
    struct store_sweep sweep = {};

    assert_int_equal(store_sweep_ended(store, erase_ms, drop_ms, &sweep), 0);
    assert_true(!sweep.more && sweep.after == 0);
    return sweep.erased;
}

static void test_a_person_is_erased_and_the_chain_still_verifies(void **state)
{
    struct place *place = *state;
    uint8_t hash[EVENT_HASH_BYTES];
    json_t *events = NULL, *event;
    _cleanup_(order_record_freep) struct order_record *record = NULL;

    assert_int_equal(put(place->store, "A", "00000000000000a1", "P-A", 1), 1);
    assert_int_equal(store_begin(place->store), 0);
    assert_int_equal(audit_add_personal(place->store, "collected", json_pack("{ss}", "order", "A"),
                                        json_pack("{ss}", "member_tag", "gold-4711")),
                     0);
    assert_int_equal(store_order_ended(place->store, "A", 2000), 0);
    assert_int_equal(sweep(place->store, 1999, 0), 0);
    assert_int_equal(sweep(place->store, 2001, 0), 1);
    assert_int_equal(sweep(place->store, 2001, 0), 0);
    assert_int_equal(store_commit(place->store), 0);
    assert_int_equal(audit_list(place->store, 0, 10, 1 << 20, &events), 0);
    event = json_array_get(events, 0);
    assert_null(json_object_get(event, "personal"));
    event_chain_start(store_log(place->store), hash);
    assert_int_equal(event_verify(event, hash), 0);
    json_decref(events);
    assert_int_equal(store_find_order(place->store, "A", &record), 1);
    assert_null(record->order->display);
}

static void test_an_epoch_never_goes_back(void **state)
{
    struct place *place = *state;
    uint8_t epoch = 0;

    assert_int_equal(store_begin(place->store), 0);
    assert_int_equal(store_raise_epoch(place->store, UINT64_MAX, 3), 0);
    assert_int_equal(store_raise_epoch(place->store, UINT64_MAX, 2), 0);
    assert_int_equal(store_commit(place->store), 0);
    assert_int_equal(store_get_epoch(place->store, UINT64_MAX, &epoch), 1);
    assert_int_equal(epoch, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_older_document_changes_nothing),
        TEST(test_a_parcel_of_another_order_is_refused_and_nothing_stays),
        TEST(test_a_rollback_takes_events_and_numbers_back),
        TEST(test_a_batch_that_the_disk_did_not_take_is_noticed),
        TEST(test_promise_4_a_visit_joins_the_batch_and_undoes_only_itself),
        TEST(test_the_chain_goes_on_after_a_restart_and_verifies),
        TEST(test_a_person_is_erased_and_the_chain_still_verifies),
        TEST(test_an_epoch_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
