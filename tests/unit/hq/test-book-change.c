/* What HQ does to orders: which banks are waited for, and what settles it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/book-change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1790000000000)
#define LOG "6d0d3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"

static const uint8_t number_key[NUMBER_KEY_BYTES] = {1, 2, 3};
static char feed[UUID_LENGTH + 1];

/* An order A with the parcels, the first in a door of bank-1. */
static int open_store(void **state)
{
    json_auto_t *document =
        json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:{s:i,s:[s],s:n},s:s,s:[{s:s,s:n,s:n},{s:s,s:n,s:n}]}",
                  "order", "A", "handle", "8f3c0a9d51e27b64", "rev", 0, "seq", 0, "branch", "here",
                  "status", "confirmed", "code", "epoch", 0, "kinds", "P1", "secret",
                  "number_digest", "00000000000000000000000000000000", "parcels", "parcel", "A-0",
                  "placed", "collected", "parcel", "A-1", "placed", "collected");
    struct store_order order = {.branch = "here", .handle = "8f3c0a9d51e27b64", .number = "1"};
    json_auto_t *event = json_pack("{s:i,s:I,s:s,s:s,s:s,s:i}", "n", 1, "at", (json_int_t)NOW,
                                   "type", "stocked", "order", "A", "parcel", "A-0", "door", 7);
    struct store *store;
    char *error;

    if (store_open(":memory:", true, &store, &error) < 0 || store_begin(store) < 0)
        return -1;
    *state = store;
    assert_int_equal(store_new_feed(store, feed), 0);
    assert_int_equal(store_add_order(store, "A", &order), 0);
    assert_int_equal(store_put_document(store, "here", "order", "A", document), 0);
    return book_evidence(store, "here", "bank-1", LOG, event) == 1 ? 0 : -1;
}

static int close_store(void **state)
{
    store_free(*state);
    return 0;
}

static int change(struct store *store, enum book_change what, const char *to)
{
    const struct book_change_request request = {.order = "A",
                                                .change = what,
                                                .to_branch = to,
                                                .actor = "may",
                                                .reason = "test",
                                                .now_ms = NOW};
    _cleanup_free_ char *problem = NULL;
    int r = book_change(store, number_key, &request, &problem);

    assert_int_equal(r == -EBADMSG, problem != NULL);
    return r;
}

static int collect_outcome(void *userdata, const struct store_change *change)
{
    char *text = userdata;

    strcat(text, change->kind);
    strcat(text, "=");
    strcat(text, change->outcome ? change->outcome : "pending");
    strcat(text, " ");
    return 1;
}

static void expect(struct store *store, const char *outcomes)
{
    char text[256] = "";

    assert_true(store_changes_of_order(store, "A", collect_outcome, text) >= 0);
    assert_string_equal(text, outcomes);
}

static void applied(struct store *store, const char *bank, const char *of_feed, int64_t through)
{
    struct wire_applied applied = {.through = through};

    snprintf(applied.feed, sizeof(applied.feed), "%s", of_feed);
    assert_int_equal(store_bank_applied(store, bank, &applied, NOW), 0);
    assert_int_equal(book_settle(store, "here", NOW), 0);
}

static void test_the_holding_bank_is_waited_for(void **state)
{
    json_auto_t *banks = NULL;
    int64_t seq = 0;

    assert_int_equal(change(*state, CHANGE_CANCEL, NULL), 1);
    expect(*state, "cancel=pending ");
    assert_int_equal(store_seq(*state, "here", &seq), 0);
    assert_int_equal(book_change_waits_for(*state, "here", "A", seq, &banks), 0);
    assert_int_equal(json_array_size(banks), 1);
    assert_string_equal(json_string_value(json_array_get(banks, 0)), "bank-1");
    applied(*state, "bank-2", feed, seq);      /* holds nothing */
    applied(*state, "bank-1", feed, seq - 1);  /* not far enough */
    applied(*state, "bank-1", "another", seq); /* another history */
    expect(*state, "cancel=pending ");
    applied(*state, "bank-1", feed, seq);
    expect(*state, "cancel=done ");
    assert_int_equal(change(*state, CHANGE_CANCEL, NULL), 0);
    assert_int_equal(change(*state, CHANGE_HANDOVER, NULL), -EBADMSG);
}

static void test_what_happened_before_must_be_here(void **state)
{
    struct wire_applied applied = {.through = 100, .log = LOG, .last_event = 7};
    json_auto_t *event =
        json_pack("{s:i,s:I,s:s,s:s,s:s,s:i}", "n", 6, "at", (json_int_t)NOW, "type",
                  "parcel_collected", "order", "A", "parcel", "A-0", "door", 7);
    json_auto_t *document = NULL;
    struct store_log log;

    memcpy(applied.feed, feed, sizeof(applied.feed));
    change(*state, CHANGE_HANDOVER, NULL);
    assert_int_equal(store_add_log(*state, "bank-1", LOG, &log), 0);
    log.through = 5;
    assert_int_equal(store_move_log(*state, &log), 0);
    assert_int_equal(store_bank_applied(*state, "bank-1", &applied, NOW), 0);
    assert_int_equal(book_settle(*state, "here", NOW), 0);
    expect(*state, "handover=pending "); /* events 6 and 7 are on their way */
    assert_int_equal(book_evidence(*state, "here", "bank-1", LOG, event), 1);
    expect(*state, "handover=overtaken ");
    assert_int_equal(store_document(*state, "here", "order", "A", &document), 1);
    assert_true(json_is_true(json_object_get(document, "disputed")));
}

static void test_staff_take_the_parcel_out(void **state)
{
    json_auto_t *event = json_pack("{s:i,s:I,s:s,s:s,s:s,s:i}", "n", 2, "at", (json_int_t)NOW,
                                   "type", "unstocked", "order", "A", "parcel", "A-0", "door", 7);

    change(*state, CHANGE_CANCEL, NULL);
    assert_int_equal(book_evidence(*state, "here", "bank-1", LOG, event), 1);
    assert_int_equal(book_settle(*state, "here", NOW), 0);
    expect(*state, "cancel=done ");
}

static void test_a_hold_does_not_bring_a_pending_code_forward(void **state)
{
    json_auto_t *banks = NULL, *again = NULL;

    assert_int_equal(change(*state, CHANGE_HANDOVER, NULL), 1);
    assert_int_equal(change(*state, CHANGE_HOLD, NULL), 1);
    expect(*state, "handover=pending hold=pending ");
    assert_int_equal(book_code_pending(*state, "A", &banks), 1);
    assert_int_equal(change(*state, CHANGE_RELEASE, NULL), 1);
    expect(*state, "handover=pending hold=replaced release=pending ");
    assert_int_equal(change(*state, CHANGE_HANDOVER, NULL), 1);
    expect(*state, "handover=replaced hold=replaced release=pending handover=pending ");
    applied(*state, "bank-1", feed, 100);
    assert_int_equal(book_code_pending(*state, "A", &again), 0);
}

static void test_a_move_is_waited_for_at_the_branch_that_was_left(void **state)
{
    json_auto_t *there = NULL, *here = NULL;
    json_auto_t *event =
        json_pack("{s:i,s:I,s:s,s:s,s:s,s:i}", "n", 2, "at", (json_int_t)NOW, "type",
                  "parcel_collected", "order", "A", "parcel", "A-0", "door", 7);

    assert_int_equal(change(*state, CHANGE_MOVE, "here"), -EBADMSG);
    assert_int_equal(change(*state, CHANGE_MOVE, "there"), 1);
    expect(*state, "move=pending ");
    assert_int_equal(change(*state, CHANGE_CANCEL, NULL), 1); /* at the new branch, at once */
    expect(*state, "move=pending cancel=done ");
    assert_int_equal(book_evidence(*state, "here", "bank-1", LOG, event), 1);
    expect(*state, "move=overtaken cancel=done ");
    assert_int_equal(store_document(*state, "there", "order", "A", &there), 1);
    assert_true(json_is_true(json_object_get(there, "disputed")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(there, "code"), "epoch")),
                     1);
    assert_int_equal(store_document(*state, "here", "order", "A", &here), 1);
    assert_string_equal(json_string_value(json_object_get(here, "status")), "moved");
}

static void test_an_epoch_that_a_bank_knows_is_learnt_again(void **state)
{
    json_auto_t *event = json_pack("{s:i,s:I,s:s,s:s,s:i}", "n", 2, "at", (json_int_t)NOW, "type",
                                   "epoch_raised", "order", "A", "epoch", 3);
    json_auto_t *document = NULL;

    assert_int_equal(book_evidence(*state, "here", "bank-1", LOG, event), 1);
    assert_int_equal(book_evidence(*state, "here", "bank-1", LOG, event), 0);
    assert_int_equal(store_document(*state, "here", "order", "A", &document), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(document, "code"), "epoch")), 3);
    assert_true(json_is_null(json_object_get(document, "number_digest"))); /* died with it */
}

#define store_test(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_the_holding_bank_is_waited_for),
        store_test(test_what_happened_before_must_be_here),
        store_test(test_staff_take_the_parcel_out),
        store_test(test_a_hold_does_not_bring_a_pending_code_forward),
        store_test(test_a_move_is_waited_for_at_the_branch_that_was_left),
        store_test(test_an_epoch_that_a_bank_knows_is_learnt_again),
    };

    return cmocka_run_group_tests_name("book-change", tests, NULL, NULL);
}
