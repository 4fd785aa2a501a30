#include "hq/store.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

int store_open(const char *folder, bool make, struct store **ret_store, char **ret_error)
{
    _cleanup_(store_freep) struct store *store = NULL;
    _cleanup_free_ char *path = NULL;
    bool memory = strcmp(folder, ":memory:") == 0;
    int r;

    *ret_error = NULL;
    if (sodium_init() < 0)
        return -EIO;
    if (asprintf(&path, memory ? "%s" : "%s/hq.db", folder) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (!memory && !make && access(path, F_OK) < 0) {
        r = -errno;
        if (asprintf(ret_error,
                     "%s: %s; make it with 'pickup-hq init', or name another folder "
                     "with --state=",
                     path, strerror(-r)) < 0)
            *ret_error = NULL;
        return r;
    }
    store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    r = db_open(path, STORE_APPLICATION_ID, store_migrations, store_n_migrations, &store->db,
                ret_error);
    if (r >= 0)
        r = db_prepare_all(store->db, store_sql, S_COUNT, store->sql);
    if (r < 0)
        return r;
    *ret_store = TAKE_PTR(store);
    return 0;
}

struct store *store_free(struct store *store)
{
    if (!store)
        return NULL;
    db_finalize_all(store->sql, S_COUNT);
    db_free(store->db);
    free(store);
    return NULL;
}

int store_begin(struct store *store)
{
    return db_begin(store->db);
}

int store_commit(struct store *store)
{
    return db_commit(store->db);
}

void store_rollback(struct store *store)
{
    db_rollback(store->db);
}

static int set_meta(struct store *store, const char *key, const char *value)
{
    int r = db_bind(store->sql[S_META_SET], "ss", key, value);

    return r < 0 ? r : db_run(store->sql[S_META_SET]);
}

static int get_meta(struct store *store, const char *key, char **ret_value)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_META_GET];
    int r = db_bind(s, "s", key);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    r = db_copy_text(s, 0, ret_value);
    return r < 0 ? r : 1;
}

int store_set_link(struct store *store, const char *word, const char *detail, int64_t since_ms)
{
    char since[24];
    int r;

    snprintf(since, sizeof(since), "%lld", (long long)since_ms);
    r = set_meta(store, "link_word", word);
    if (r >= 0)
        r = set_meta(store, "link_detail", detail);
    return r < 0 ? r : set_meta(store, "link_since", since);
}

int store_link(struct store *store, char **ret_word, char **ret_detail, int64_t *ret_since_ms)
{
    _cleanup_free_ char *since = NULL, *word = NULL, *detail = NULL;
    int r = get_meta(store, "link_word", &word);

    if (r > 0)
        r = get_meta(store, "link_detail", &detail);
    if (r > 0)
        r = get_meta(store, "link_since", &since);
    if (r <= 0)
        return r;
    *ret_word = TAKE_PTR(word);
    *ret_detail = TAKE_PTR(detail);
    *ret_since_ms = strtoll(since, NULL, 10);
    return 1;
}

int store_new_feed(struct store *store, char ret_feed[UUID_LENGTH + 1])
{
    char feed[UUID_LENGTH + 1];
    int r;

    uuid_make(feed);
    r = set_meta(store, "feed", feed);
    if (r >= 0)
        memcpy(ret_feed, feed, sizeof(feed));
    return r;
}

int store_feed(struct store *store, char ret_feed[UUID_LENGTH + 1])
{
    _cleanup_free_ char *feed = NULL;
    int r = get_meta(store, "feed", &feed);

    if (r <= 0)
        return r < 0 ? r : -ENODATA;
    snprintf(ret_feed, UUID_LENGTH + 1, "%s", feed);
    return 0;
}

int store_seq(struct store *store, const char *branch, int64_t *ret_seq)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_SEQ_GET];
    int r = db_bind(s, "s", branch);

    if (r >= 0)
        r = db_step(s);
    if (r < 0)
        return r;
    *ret_seq = r > 0 ? sqlite3_column_int64(s, 0) : 0;
    return 0;
}

int store_count_documents(struct store *store, const char *branch, int64_t after,
                          int64_t *ret_count)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_DOCUMENTS_COUNT];
    int r = db_bind(s, "si", branch, after);

    if (r >= 0)
        r = db_step(s);
    if (r < 0)
        return r;
    *ret_count = sqlite3_column_int64(s, 0);
    return 0;
}

static int next_seq(struct store *store, const char *branch, int64_t *ret_seq)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_SEQ_NEXT];
    int64_t seq;
    int r = db_bind(s, "s", branch);

    if (r >= 0)
        r = db_step(s);
    if (r < 0)
        return r;
    seq = sqlite3_column_int64(s, 0);
    r = db_step(s); /* RETURNING: the change is complete once the statement is done */
    if (r < 0)
        return r;
    *ret_seq = seq;
    return 0;
}

int store_document(struct store *store, const char *branch, const char *kind, const char *name,
                   json_t **ret_document)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_DOCUMENT_GET];
    int r = db_bind(s, "sss", branch, kind, name);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    *ret_document = json_loads(db_text(s, 0), 0, NULL);
    return *ret_document ? 1 : -EUCLEAN;
}

int store_put_document(struct store *store, const char *branch, const char *kind, const char *name,
                       json_t *document)
{
    json_int_t rev = json_integer_value(json_object_get(document, "rev"));
    _cleanup_free_ char *body = NULL;
    int64_t seq = 0;
    int r = next_seq(store, branch, &seq);

    if (r < 0)
        return r;
    if (json_object_set_new(document, "rev", json_integer(rev + 1)) < 0 ||
        json_object_set_new(document, "seq", json_integer(seq)) < 0)
        return -ENOMEM;
    body = json_dumps(document, JSON_COMPACT);
    if (!body)
        return -ENOMEM;
    r = db_bind(store->sql[S_DOCUMENT_PUT], "sssis", branch, kind, name, seq, body);
    return r < 0 ? r : db_run(store->sql[S_DOCUMENT_PUT]);
}

int store_documents(struct store *store, const char *branch, int64_t after, int64_t through,
                    store_document_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_DOCUMENTS_AFTER];
    int r = db_bind(s, "sii", branch, after, through);

    if (r < 0)
        return r;
    while ((r = db_step(s)) > 0) {
        const char *body = db_text(s, 1);

        r = each(userdata, sqlite3_column_int64(s, 0), body, strlen(body));
        if (r <= 0)
            break;
    }
    return r;
}

/* Copies a column of a row that we wrote, so it fits. */
static void take_text(sqlite3_stmt *s, int column, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%s", db_text(s, column) ?: "");
}

int store_order(struct store *store, const char *name, struct store_order *ret_order)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_ORDER_GET];
    struct store_order order = {.source_rev = -1};
    int r = db_bind(s, "s", name);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    order.id = sqlite3_column_int64(s, 0);
    take_text(s, 1, order.branch, sizeof(order.branch));
    take_text(s, 2, order.handle, sizeof(order.handle));
    take_text(s, 3, order.number, sizeof(order.number));
    if (sqlite3_column_type(s, 4) != SQLITE_NULL)
        order.source_rev = sqlite3_column_int64(s, 4);
    if (sqlite3_column_bytes(s, 5) != STORE_DIGEST_BYTES)
        return -EUCLEAN;
    memcpy(order.draft_digest, sqlite3_column_blob(s, 5), STORE_DIGEST_BYTES);
    take_text(s, 6, order.called_back, sizeof(order.called_back));
    *ret_order = order;
    return 1;
}

int store_add_order(struct store *store, const char *name, struct store_order *order)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_ORDER_ADD];
    int r = db_bind(s, "ssssib", name, order->branch, order->handle, order->number,
                    order->source_rev, order->draft_digest, sizeof(order->draft_digest));

    if (r >= 0)
        r = db_step(s);
    if (r < 0)
        return r;
    order->id = sqlite3_column_int64(s, 0);
    r = db_step(s);
    return r < 0 ? r : 0;
}

int store_set_order(struct store *store, const struct store_order *order)
{
    int r = db_bind(store->sql[S_ORDER_SET], "ibi", order->source_rev, order->draft_digest,
                    sizeof(order->draft_digest), order->id);

    return r < 0 ? r : db_run(store->sql[S_ORDER_SET]);
}

int store_place_order(struct store *store, const struct store_order *order)
{
    int r = db_bind(store->sql[S_ORDER_PLACE], "sssi", order->branch, order->number,
                    *order->called_back ? order->called_back : NULL, order->id);

    return r < 0 ? r : db_run(store->sql[S_ORDER_PLACE]);
}

int store_number_used(struct store *store, const char *branch, const char *number)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_NUMBER_USED];
    int r = db_bind(s, "ss", branch, number);

    return r < 0 ? r : db_step(s);
}

int store_handle_used(struct store *store, const char *handle)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_HANDLE_USED];
    int r = db_bind(s, "s", handle);

    return r < 0 ? r : db_step(s);
}

int store_label_owner(struct store *store, const char *branch, const char *label, char **ret_order)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_LABEL_OWNER];
    int r = db_bind(s, "ss", branch, label);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    r = db_copy_text(s, 0, ret_order);
    return r < 0 ? r : 1;
}

int store_add_label(struct store *store, const char *branch, const char *label, int64_t order_id)
{
    int r = db_bind(store->sql[S_LABEL_ADD], "ssi", branch, label, order_id);

    return r < 0 ? r : db_run(store->sql[S_LABEL_ADD]);
}

int store_delete_labels(struct store *store, int64_t order_id)
{
    int r = db_bind(store->sql[S_LABELS_DELETE], "i", order_id);

    return r < 0 ? r : db_run(store->sql[S_LABELS_DELETE]);
}

int store_orders(struct store *store, int64_t after, store_order_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_ORDERS_LIST];
    int r = db_bind(s, "i", after);

    if (r < 0)
        return r;
    while ((r = db_step(s)) > 0) {
        r = each(userdata, sqlite3_column_int64(s, 0), db_text(s, 1));
        if (r <= 0)
            break;
    }
    return r;
}
