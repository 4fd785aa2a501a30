#include "daemon/store-inner.h"

#include "common/db-wal.h"
#include "common/uuid.h"
#include "daemon/store-damage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION_ID 0x50554231 /* "PUB1" */

/* Where the chain of events stands, from the newest event. */
static int read_chain(struct store *store)
{
    _cleanup_(db_resetp) sqlite3_stmt *last = store->statements[EVENT_LAST];
    json_t *event;
    const char *hash;
    size_t n = 0;
    int r = db_step(last);

    if (r < 0)
        return r;
    if (r == 0) {
        event_chain_start(store->log, store->chain.hash);
        return 0;
    }
    event = json_loads(db_text(last, 1), 0, NULL);
    hash = json_string_value(json_object_get(event, "hash"));
    store->chain.last_n = sqlite3_column_int64(last, 0);
    if (json_is_true(json_object_get(event, "trusted")))
        store->newest_trusted_ms = json_integer_value(json_object_get(event, "at"));
    if (!hash || sodium_hex2bin(store->chain.hash, sizeof(store->chain.hash), hash, strlen(hash),
                                NULL, &n, NULL) < 0)
        n = 0;
    json_decref(event);
    return n == EVENT_HASH_BYTES ? 0 : -EUCLEAN;
}

/* The bank's log gets its name when the store is made. */
static int read_log(struct store *store)
{
    _cleanup_free_ char *log = NULL;
    int r = store_get_text(store, "log", &log);

    if (r < 0)
        return r;
    if (r > 0) {
        snprintf(store->log, sizeof(store->log), "%s", log);
        return 0;
    }
    uuid_make(store->log);
    r = store_begin(store);
    if (r < 0)
        return r;
    return store_finish(store, store_set_text(store, "log", store->log));
}

/* The number of orders is kept with them; to count them would read a whole index at every start. */
static int read_numbers(struct store *store)
{
    _cleanup_(db_resetp) sqlite3_stmt *count = store->statements[ORDER_COUNT];
    int r = store_get_integer(store, "orders", &store->n_orders);

    if (r == 0) { /* a store of an earlier version */
        r = db_step(count);
        if (r > 0)
            store->n_orders = sqlite3_column_int64(count, 0);
    }
    if (r >= 0)
        r = store_get_integer(store, "orphans", &store->n_orphans);
    return r < 0 ? r : store_get_integer(store, "generation", &store->generation);
}

static int make_folder(const char *state, char **ret_error)
{
    if (mkdir(state, 0750) < 0 && errno != EEXIST) {
        int r = -errno;

        if (asprintf(ret_error, "%s cannot be made: %s. Make the folder, or give another --state.",
                     state, strerror(-r)) < 0)
            *ret_error = NULL;
        return r;
    }
    return 0;
}

static int read_all(struct store *store, const char *bank, const char *boot, char **ret_error)
{
    int r;

    store->bank = strdup(bank);
    if (!store->bank)
        return -ENOMEM;
    snprintf(store->boot, sizeof(store->boot), "%s", boot);
    r = db_prepare_all(store->db, store_sql, STORE_STATEMENTS, store->statements);
    if (r == 0)
        r = read_log(store);
    if (r == 0)
        r = read_chain(store);
    if (r >= 0)
        r = read_numbers(store);
    if (r < 0 && asprintf(ret_error, "%s cannot be read: %s", *store->path ? store->path : "memory",
                          strerror(-r)) < 0)
        *ret_error = NULL;
    return r < 0 ? r : 0;
}

/* Something is wrong with the write-ahead log that SQLite would pass over. */
static int check_wal(struct store *store, char **ret_error)
{
    _cleanup_free_ char *wal = NULL;
    int r;

    if (asprintf(&wal, "%s-wal", store->path) < 0) {
        wal = NULL;
        return -ENOMEM;
    }
    r = db_wal_check(wal);
    if (r < 0 && asprintf(ret_error, "%s cannot be trusted: %s", wal,
                          r == -EUCLEAN ? "commits in it are damaged" : strerror(-r)) < 0)
        *ret_error = NULL;
    return r;
}

int store_open(const char *state, const char *bank, const char *boot, struct store **ret_store,
               char **ret_error)
{
    _cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
    char aside[STORE_ASIDE_MAX];
    int resume, r;

    *ret_error = NULL;
    if (!store || asprintf(&store->path, "%s/" STORE_FILE, state) < 0)
        return -ENOMEM;
    r = make_folder(state, ret_error);
    if (r < 0)
        return r;
    resume = store_aside_resume(state, aside);
    r = resume < 0 ? resume : check_wal(store, ret_error);
    if (r == 0)
        r = db_open(store->path, APPLICATION_ID, store_migrations, store_n_migrations, &store->db,
                    ret_error);
    if (r == 0)
        r = db_checkpoint_aside(store->db);
    if (r == 0)
        r = read_all(store, bank, boot, ret_error);
    if (r == 0 && resume > 0) {
        r = store_rescue(store, state, aside);
        if (r == 0)
            r = store_aside_done(state);
    }
    if (r < 0) {
        if (!*ret_error &&
            asprintf(ret_error, "the store in %s cannot be opened: %s", state, strerror(-r)) < 0)
            *ret_error = NULL;
        store_abandon(TAKE_PTR(store));
        return r;
    }
    *ret_store = TAKE_PTR(store);
    return 0;
}

int store_open_standin(const char *bank, const char *boot, struct store **ret_store)
{
    _cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
    _cleanup_free_ char *problem = NULL;
    int r;

    if (!store || !(store->path = strdup("")))
        return -ENOMEM;
    r = db_open(":memory:", APPLICATION_ID, store_migrations, store_n_migrations, &store->db,
                &problem);
    if (r == 0)
        r = read_all(store, bank, boot, &problem);
    if (r < 0)
        return r;
    *store->log = '\0';
    store->stands_in = true;
    *ret_store = TAKE_PTR(store);
    return 0;
}

struct store *store_abandon(struct store *store)
{
    if (store && store->db)
        db_abandon(store->db);
    return store_free(store);
}

struct store *store_free(struct store *store)
{
    if (!store)
        return NULL;
    if (store->db) {
        store_rollback(store);
        db_finalize_all(store->statements, STORE_STATEMENTS);
        db_free(store->db);
    }
    free(store->bank);
    free(store->path);
    free(store->rescue_note);
    free(store);
    return NULL;
}

static struct store_memory remember(const struct store *store)
{
    return (struct store_memory){store->chain, store->n_orders, store->n_orphans,
                                 store->generation};
}

static void take_back(struct store *store, const struct store_memory *memory)
{
    store->chain = memory->chain;
    store->n_orders = memory->n_orders;
    store->n_orphans = memory->n_orphans;
    store->generation = memory->generation;
}

static int begin(struct store *store)
{
    /* What is written into a stand-in would be lost, and nobody would know. */
    int r = store->stands_in ? -EROFS : db_begin(store->db);

    if (r < 0)
        return r;
    store->at_begin = remember(store);
    store->in_transaction = true;
    return 0;
}

static void undo(struct store *store)
{
    take_back(store, &store->at_begin);
    store->batch_lost = store->batch_lost || store->in_batch;
    store->in_transaction = store->in_batch = store->joined = false;
}

bool store_take_batch_lost(struct store *store)
{
    return TAKE(store->batch_lost, false);
}

int store_begin(struct store *store)
{
    int r;

    /* SQLite rolls everything back by itself when the disk is full. */
    if (store->in_batch && sqlite3_get_autocommit(store->db->handle))
        undo(store);
    if (!store->in_batch)
        return begin(store);
    r = db_run(store->statements[JOIN]);
    if (r < 0) {
        store_rollback(store);
        return r;
    }
    store->at_join = remember(store);
    store->joined = true;
    return 0;
}

int store_commit(struct store *store)
{
    int r = 0;

    if (store->n_orders != store->at_begin.n_orders)
        r = store_set_integer(store, "orders", store->n_orders);
    if (r >= 0 && store->n_orphans != store->at_begin.n_orphans)
        r = store_set_integer(store, "orphans", store->n_orphans);

    if (r < 0)
        db_rollback(store->db);
    else
        r = db_commit(store->db);
    if (r < 0) {
        undo(store);
        return r;
    }
    store->in_transaction = store->in_batch = store->joined = false;
    return 0;
}

/* Takes back only what was done inside the batch; false when all of it is lost. */
static bool leave_batch(struct store *store)
{
    if (sqlite3_get_autocommit(store->db->handle) || db_run(store->statements[JOIN_UNDO]) < 0 ||
        db_run(store->statements[JOIN_DONE]) < 0)
        return false;
    take_back(store, &store->at_join);
    store->joined = false;
    return true;
}

void store_rollback(struct store *store)
{
    if (!store->in_transaction || (store->joined && leave_batch(store)))
        return;
    db_rollback(store->db);
    undo(store);
}

int store_finish(struct store *store, int r)
{
    if (r >= 0) {
        int q = store_commit(store);

        r = q < 0 ? q : r;
    }
    if (r < 0)
        store_rollback(store);
    return r;
}

int store_batch_begin(struct store *store)
{
    int r;

    if (store->in_batch)
        return 0;
    r = begin(store);
    if (r < 0)
        return r;
    store->in_batch = true;
    return 1;
}

bool store_in_batch(const struct store *store)
{
    return store->in_batch;
}

bool store_wants_pause(struct store *store)
{
    return !store->in_transaction && db_log_is_full(store->db);
}

int store_batch_end(struct store *store)
{
    return store->in_batch ? store_commit(store) : 0;
}

const char *store_log(const struct store *store)
{
    return store->log;
}

int64_t store_last_event(const struct store *store)
{
    return store->chain.last_n;
}

int64_t store_orphan_count(const struct store *store)
{
    return store->n_orphans;
}

int64_t store_newest_trusted_ms(const struct store *store)
{
    return store->newest_trusted_ms;
}

int64_t store_order_count(const struct store *store)
{
    return store->n_orders;
}

void store_set_clock_trusted(struct store *store, bool trusted)
{
    store->clock_trusted = trusted;
}

int store_get_integer(struct store *store, const char *key, int64_t *ret_value)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[META_GET];
    int r = db_bind(get, "s", key);

    if (r == 0)
        r = db_step(get);
    if (r > 0)
        *ret_value = sqlite3_column_int64(get, 0);
    return r;
}

int store_get_text(struct store *store, const char *key, char **ret_value)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[META_GET];
    int r = db_bind(get, "s", key);

    if (r == 0)
        r = db_step(get);
    if (r > 0 && db_copy_text(get, 0, ret_value) < 0)
        return -ENOMEM;
    return r;
}

int store_set_integer(struct store *store, const char *key, int64_t value)
{
    sqlite3_stmt *set = store->statements[META_SET];
    int r = db_bind(set, "si", key, value);

    return r < 0 ? r : db_run(set);
}

int store_set_text(struct store *store, const char *key, const char *value)
{
    sqlite3_stmt *set = store->statements[META_SET];
    int r = db_bind(set, "ss", key, value);

    return r < 0 ? r : db_run(set);
}
