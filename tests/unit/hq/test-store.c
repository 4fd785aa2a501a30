#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOG "6d0d3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"

static int open_memory(void **state)
{
    char *error;
    struct store *store;

    if (store_open(":memory:", true, &store, &error) < 0)
        return -1;
    *state = store;
    return 0;
}

static int close_memory(void **state)
{
    store_free(*state);
    return 0;
}

static void put(struct store *store, const char *branch, const char *name, int64_t expected_seq)
{
    json_auto_t *document = json_pack("{s:s}", "policy", name);

    assert_int_equal(store_put_document(store, branch, "policy", name, document), 0);
    assert_int_equal(json_integer_value(json_object_get(document, "seq")), expected_seq);
}

struct seen {
    int64_t seqs[8];
    size_t n, most;
};

static int see(void *userdata, int64_t seq, const char *body, size_t n_body)
{
    struct seen *seen = userdata;

    assert_int_equal(strlen(body), n_body);
    seen->seqs[seen->n++] = seq;
    return seen->n < seen->most;
}

static void test_feeds(void **state)
{
    struct seen all = {.most = 8}, part = {.most = 8}, two = {.most = 2};
    int64_t seq;

    put(*state, "hk-canton", "a", 1);
    put(*state, "hk-canton", "b", 2);
    put(*state, "hk-canton", "c", 3);
    put(*state, "hk-airport", "a", 1); /* each branch counts for itself */
    put(*state, "hk-canton", "a", 4);  /* moves to the end */
    assert_int_equal(store_documents(*state, "hk-canton", 0, 9, see, &all), 0);
    assert_int_equal(all.n, 3);
    assert_int_equal(all.seqs[0], 2);
    assert_int_equal(all.seqs[2], 4);
    assert_int_equal(store_documents(*state, "hk-canton", 2, 3, see, &part), 0);
    assert_int_equal(part.n, 1);
    assert_int_equal(part.seqs[0], 3);
    assert_int_equal(store_documents(*state, "hk-canton", 0, 9, see, &two), 0);
    assert_int_equal(two.n, 2);
    assert_int_equal(store_seq(*state, "hk-canton", &seq), 0);
    assert_int_equal(seq, 4);
    assert_int_equal(store_seq(*state, "nowhere", &seq), 0);
    assert_int_equal(seq, 0);
}

static void test_rollback_takes_the_seq_back(void **state)
{
    int64_t seq;

    put(*state, "hk-canton", "a", 1);
    assert_int_equal(store_begin(*state), 0);
    put(*state, "hk-canton", "b", 2);
    store_rollback(*state);
    assert_int_equal(store_seq(*state, "hk-canton", &seq), 0);
    assert_int_equal(seq, 1);
    put(*state, "hk-canton", "c", 2);
}

static void test_feed_identity(void **state)
{
    char first[UUID_LENGTH + 1] = "", second[UUID_LENGTH + 1] = "", now[UUID_LENGTH + 1] = "";

    assert_int_equal(store_feed(*state, now), -ENODATA);
    assert_int_equal(store_new_feed(*state, first), 0);
    assert_int_equal(store_new_feed(*state, second), 0);
    assert_int_equal(store_feed(*state, now), 0);
    assert_string_equal(now, second);
    assert_string_not_equal(first, second);
}

static void test_bank(void **state)
{
    json_auto_t *online =
        json_pack("{s:b,s:s,s:s,s:i}", "online", 1, "boot", "abc", "feed", LOG, "cursor", 9);
    json_auto_t *offline = json_pack("{s:b}", "online", 0);
    const struct wire_applied applied = {.feed = LOG, .through = 11};
    struct store_bank bank;

    assert_int_equal(store_bank(*state, "b", &bank), 0);
    assert_int_equal(store_bank_status(*state, "b", online, 1000), 0);
    assert_int_equal(store_bank_status(*state, "b", offline, 2000), 0);
    assert_int_equal(store_bank_applied(*state, "b", &applied, 3000), 0);
    assert_int_equal(store_bank(*state, "b", &bank), 1);
    assert_false(bank.online);
    assert_string_equal(bank.boot, "abc"); /* what is known of it stays */
    assert_int_equal(bank.applied, 11);
    assert_int_equal(bank.seen_at, 3000);
    assert_int_equal(json_integer_value(json_object_get(bank.status, "cursor")), 9);
    store_bank_done(&bank);
}

static void test_log(void **state)
{
    json_auto_t *event = json_pack("{s:i,s:i,s:s,s:s,s:s}", "n", 1, "at", 5, "type", "opened",
                                   "order", "A", "hash", "00ff");
    struct store_log log, again;
    char hash[EVENT_HASH_BYTES * 2 + 1];
    uint8_t start[EVENT_HASH_BYTES];

    assert_int_equal(store_log(*state, "b", LOG, &log), 0);
    assert_int_equal(store_add_log(*state, "b", LOG, &log), 0);
    event_chain_start(LOG, start);
    assert_memory_equal(log.hash, start, sizeof(start));
    assert_int_equal(store_event_hash(*state, log.id, 1, hash), 0);
    assert_int_equal(store_add_event(*state, log.id, 1, event, &(int64_t){0}), 0);
    assert_int_equal(store_add_event(*state, log.id, 1, event, &(int64_t){0}),
                     -EEXIST); /* never twice */
    assert_int_equal(store_event_hash(*state, log.id, 1, hash), 1);
    assert_string_equal(hash, "00ff");
    log.through = 1;
    log.hash[0] ^= 1;
    assert_int_equal(store_move_log(*state, &log), 0);
    assert_int_equal(store_log(*state, "other", LOG, &again), 0); /* a log belongs to its bank */
    assert_int_equal(store_log(*state, "b", LOG, &again), 1);
    assert_int_equal(again.through, 1);
    assert_memory_equal(again.hash, log.hash, sizeof(log.hash));
    assert_false(again.forked);
    assert_int_equal(store_fork_log(*state, &log), 0);
    assert_int_equal(store_log(*state, "b", LOG, &again), 1);
    assert_true(again.forked);
}

static void test_alarms_are_kept_once(void **state)
{
    json_auto_t *all = NULL, *others = NULL;

    assert_int_equal(store_alarm(*state, "b", LOG, 4, "fork", "text", 1000), 1);
    assert_int_equal(store_alarm(*state, "b", LOG, 4, "fork", "text", 2000), 0);
    assert_int_equal(store_alarm(*state, "b", LOG, 5, "fork", "text", 2000), 1);
    assert_int_equal(store_alarms(*state, NULL, &all), 0);
    assert_int_equal(json_array_size(all), 2);
    assert_int_equal(store_alarms(*state, "c", &others), 0);
    assert_int_equal(json_array_size(others), 0);
}

static int count(void *userdata, const char *id, const char *bank, const char *body)
{
    ++*(int *)userdata;
    return 1;
}

static int unsent(struct store *store, int64_t now_ms)
{
    int n = 0;

    assert_int_equal(store_unsent_commands(store, now_ms, count, &n), 0);
    return n;
}

static void test_commands(void **state)
{
    _cleanup_free_ char *result = NULL, *reason = NULL;
    bool sent = true;

    assert_int_equal(store_add_command(*state, "c-1", "b", 5000, "{}"), 0);
    assert_int_equal(unsent(*state, 4999), 1);
    assert_int_equal(unsent(*state, 5000), 0); /* the deadline */
    assert_int_equal(store_command(*state, "c-1", &sent, &result, &reason), 0);
    assert_false(sent);
    assert_int_equal(store_command_sent(*state, "c-1"), 0);
    assert_int_equal(unsent(*state, 1), 0);
    assert_int_equal(store_command_result(*state, "c-1", "other", "done", NULL), 0);
    assert_int_equal(store_command(*state, "c-1", &sent, &result, &reason), 0); /* not its bank */
    assert_true(sent);
    assert_int_equal(store_command_result(*state, "c-1", "b", "refused", "late"), 0);
    assert_int_equal(store_command_result(*state, "c-1", "b", "done", NULL), 0);
    assert_int_equal(store_command(*state, "c-1", &sent, &result, &reason), 1);
    assert_string_equal(result, "refused");
    assert_string_equal(reason, "late");
}

static void test_unsent_commands_lapse(void **state)
{
    _cleanup_free_ char *result = NULL, *reason = NULL;
    bool sent;

    assert_int_equal(store_add_command(*state, "c-1", "b", 5000, "{}"), 0);
    assert_int_equal(store_lapse_commands(*state, 4999), 0);
    assert_int_equal(unsent(*state, 4999), 1);
    assert_int_equal(store_lapse_commands(*state, 5000), 0);
    assert_int_equal(unsent(*state, 4999), 0);
    assert_int_equal(store_command(*state, "c-1", &sent, &result, &reason), 1);
    assert_string_equal(result, "failed");
}

static void test_open(void **state)
{
    char folder[] = "/tmp/test-store-XXXXXX", path[64];
    _cleanup_free_ char *error = NULL;
    struct store *store = NULL;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(store_open(folder, false, &store, &error), -ENOENT);
    assert_non_null(strstr(error, "pickup-hq init"));
    free(TAKE_PTR(error));
    assert_int_equal(store_open(folder, true, &store, &error), 0);
    store_free(store);
    assert_int_equal(store_open(folder, false, &store, &error), 0);
    store_free(store);
    snprintf(path, sizeof(path), "%s/hq.db", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

#define memory_test(f) cmocka_unit_test_setup_teardown(f, open_memory, close_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        memory_test(test_feeds),         memory_test(test_rollback_takes_the_seq_back),
        memory_test(test_feed_identity), memory_test(test_bank),
        memory_test(test_log),           memory_test(test_alarms_are_kept_once),
        memory_test(test_commands),      memory_test(test_unsent_commands_lapse),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
