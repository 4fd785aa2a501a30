#include "daemon/store-inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct order_record *order_record_free(struct order_record *record)
{
    if (!record)
        return NULL;
    order_free(record->order);
    json_decref(record->document);
    free(record->placements);
    free(record);
    return NULL;
}

/* Reads the row that `statement` (ORDER_COLUMNS) stands on. */
static int read_record(struct store *store, sqlite3_stmt *statement,
                       struct order_record **ret_record)
{
    _cleanup_(order_record_freep) struct order_record *record = calloc(1, sizeof(*record));
    _cleanup_free_ char *reason = NULL;
    int64_t epoch;
    int r;

    if (!record)
        return -ENOMEM;
    record->document = json_loads(db_text(statement, 2), 0, NULL);
    if (!record->document)
        return -EUCLEAN;
    r = order_parse(record->document, store->bank, &record->order, &reason);
    if (r < 0)
        return r == -EBADMSG ? -EUCLEAN : r;
    record->orphan = sqlite3_column_int64(statement, 3) != store->generation;
    if (db_text(statement, 7) && strcmp(db_text(statement, 7), store->boot) == 0)
        record->id_seen_until_us = (uint64_t)sqlite3_column_int64(statement, 4);
    record->erased = sqlite3_column_int(statement, 5) != 0;
    epoch = sqlite3_column_int64(statement, 6);
    record->epoch = epoch > record->order->epoch ? (uint8_t)epoch : record->order->epoch;
    record->placements = calloc(record->order->n_parcels + 1, sizeof(*record->placements));
    if (!record->placements)
        return -ENOMEM;
    for (size_t i = 0; i < record->order->n_parcels; i++) {
        r = store_get_placement(store, record->order->parcels[i].id, &record->placements[i]);
        if (r < 0)
            return r;
    }
    *ret_record = TAKE_PTR(record);
    return 1;
}

static int step_record(struct store *store, sqlite3_stmt *statement,
                       struct order_record **ret_record)
{
    int r = db_step(statement);

    return r <= 0 ? r : read_record(store, statement, ret_record);
}

static int find_by_text(struct store *store, enum store_statement which, const char *text,
                        struct order_record **ret_record)
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[which];
    int r = db_bind(find, "s", text);

    return r < 0 ? r : step_record(store, find, ret_record);
}

int store_find_order(struct store *store, const char *number, struct order_record **ret_record)
{
    return find_by_text(store, ORDER_BY_NUMBER, number, ret_record);
}

int store_find_label(struct store *store, const char *label, struct order_record **ret_record)
{
    return find_by_text(store, ORDER_BY_PARCEL, label, ret_record);
}

int store_find_handle(struct store *store, uint64_t handle, struct order_record **ret_record)
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[ORDER_BY_HANDLE];
    int r = db_bind(find, "i", (int64_t)handle);

    return r < 0 ? r : step_record(store, find, ret_record);
}

int store_find_digest(struct store *store, const uint8_t digest[16],
                      struct order_record **ret_record)
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[ORDER_BY_DIGEST];
    int r = db_bind(find, "b", digest, (size_t)16);

    return r < 0 ? r : step_record(store, find, ret_record);
}

int store_each_order(struct store *store, const char *text, bool placed_only, int64_t limit,
                     int64_t offset, store_order_fn fn, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *list = store->statements[ORDER_LIST];
    int r = db_bind(list, "siii", text, (int64_t)placed_only, limit, offset);

    while (r >= 0) {
        _cleanup_(order_record_freep) struct order_record *record = NULL;

        r = step_record(store, list, &record);
        if (r <= 0)
            return r;
        r = fn(userdata, record);
        if (r != 0)
            return r;
    }
    return r;
}

/* What is stored under an order's number. */
struct before {
    int64_t id; /* 0 = nothing */
    int64_t ended_at;
    bool orphan; /* an earlier feed has named it, and this one not yet */
};

/* Is `rev` newer than what is stored? 1 = yes. */
static int is_newer(struct store *store, struct slice number, int64_t rev,
                    struct before *ret_before)
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[ORDER_REV];
    int r = db_bind(find, "t", number.at, number.n);

    *ret_before = (struct before){0};
    if (r == 0)
        r = db_step(find);
    if (r < 0)
        return r;
    if (r == 0)
        return 1;
    ret_before->id = sqlite3_column_int64(find, 0);
    ret_before->ended_at = sqlite3_column_int64(find, 3);
    ret_before->orphan = sqlite3_column_int64(find, 2) != store->generation;
    return ret_before->orphan || sqlite3_column_int64(find, 1) < rev;
}

static int put_parcels(struct store *store, const struct scanned_order *order, int64_t id)
{
    sqlite3_stmt *insert = store->statements[PARCEL_INSERT];
    int r = 0;

    for (size_t i = 0; r == 0 && i < order->n_parcels; i++) {
        const struct scanned_parcel *parcel = &order->parcels[i];

        r = db_bind(insert, "tti", parcel->id.at, parcel->id.n, parcel->barcode.at,
                    parcel->barcode.n, id);
        if (r == 0)
            r = db_run(insert);
    }
    return r;
}

static int put_row(struct store *store, const struct scanned_order *order, int64_t id,
                   int64_t ended_at)
{
    sqlite3_stmt *put = store->statements[id ? ORDER_UPDATE : ORDER_INSERT];
    int r = db_bind(put, "tiiiitbi", order->number.at, order->number.n, (int64_t)order->handle,
                    order->rev, order->seq, store->generation, order->text.at, order->text.n,
                    order->has_number ? order->number_digest : NULL, sizeof(order->number_digest),
                    order->pickup_until);

    if (r == 0 && ended_at)
        r = db_error(sqlite3_bind_int64(put, 9, ended_at));
    return r < 0 ? r : db_run(put);
}

/* Tries to put a new row: 1 = done, 0 = there is a row with this number already. SQLite keeps a
 * copy of every page that it changes while a savepoint is open, which would cost as much as the
 * insert; so what was inserted is deleted again by hand. */
static int insert_order(struct store *store, const struct scanned_order *order, int64_t ended_at)
{
    sqlite3_stmt *delete = store->statements[ORDER_DELETE];
    int64_t id;
    int r = put_row(store, order, 0, ended_at), q;

    if (r < 0)
        return r;
    if (sqlite3_changes(store->db->handle) == 0)
        return 0;
    id = sqlite3_last_insert_rowid(store->db->handle);
    r = put_parcels(store, order, id);
    if (r == 0)
        store->n_orders++;
    if (r != -EEXIST)
        return r < 0 ? r : 1;
    q = db_bind(delete, "i", id);
    if (q == 0)
        q = db_run(delete); /* and its parcels with it */
    return q < 0 ? q : -EEXIST;
}

static int update_order(struct store *store, const struct scanned_order *order, int64_t id,
                        int64_t ended_at)
{
    sqlite3_stmt *clear = store->statements[PARCELS_CLEAR];
    int r = db_run(store->statements[SAVEPOINT]);

    if (r < 0)
        return r;
    r = put_row(store, order, id, ended_at);
    if (r == 0)
        r = db_bind(clear, "i", id);
    if (r == 0)
        r = db_run(clear);
    if (r == 0)
        r = put_parcels(store, order, id);
    if (r == -EEXIST) {
        int q = db_run(store->statements[SAVEPOINT_UNDO]);

        r = q < 0 ? q : r;
    }
    if (r == 0 || r == -EEXIST) {
        int q = db_run(store->statements[SAVEPOINT_DONE]);

        r = q < 0 ? q : r;
    }
    return r;
}

static bool has_ended(const struct scanned_order *order)
{
    return order->status == ORDER_CANCELLED || order->status == ORDER_RETURNED;
}

/* Did HQ take an order up again that it had ended? What was collected stays ended. */
static int was_called_back(struct store *store, struct slice number)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    char text[ORDER_ID_MAX + 1];
    int r;

    snprintf(text, sizeof(text), "%.*s", (int)number.n, number.at);
    r = store_find_order(store, text, &record);
    if (r <= 0)
        return r;
    return record->order->status != ORDER_CONFIRMED && record->order->status != ORDER_HELD;
}

static int end_of(struct store *store, const struct scanned_order *order, int64_t now_ms,
                  struct before *before)
{
    int r = 0;

    if (has_ended(order)) {
        before->ended_at = before->ended_at ? before->ended_at : now_ms;
    } else if (before->ended_at) {
        r = was_called_back(store, order->number);
        if (r > 0)
            before->ended_at = 0;
    }
    return r < 0 ? r : 0;
}

/* Replaces the row that is there already. 1 = done, 0 = not newer. */
static int replace_order(struct store *store, const struct scanned_order *order, int64_t now_ms)
{
    struct before before;
    int r = is_newer(store, order->number, order->rev, &before);

    if (r <= 0)
        return r;
    r = end_of(store, order, now_ms, &before);
    if (r == 0)
        r = update_order(store, order, before.id, before.ended_at);
    if (r < 0)
        return r;
    store->n_orphans -= before.orphan;
    return 1;
}

/* Most orders are new: they cost no look-up. */
int store_put_scanned(struct store *store, const struct scanned_order *order, int64_t now_ms)
{
    int r = insert_order(store, order, has_ended(order) ? now_ms : 0);

    if (r == 0)
        r = replace_order(store, order, now_ms);
    if (r <= 0)
        return r;
    /* An HQ that was restored may not take a hand-over back. */
    r = order->epoch > 0 ? store_raise_epoch(store, order->handle, order->epoch) : 0;
    return r < 0 ? r : 1;
}

static struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

/* What a parsed order puts into its row; `text` is its document. */
static struct scanned_order row_of(const struct order *order, int64_t seq, const char *text,
                                   struct scanned_parcel parcels[ORDER_PARCELS_MAX])
{
    struct scanned_order row = {
        .text = slice_of(text),
        .number = slice_of(order->id),
        .handle = order->handle,
        .rev = order->rev,
        .seq = seq,
        .status = order->status,
        .pickup_until = order->pickup_until,
        .epoch = order->epoch,
        .has_number = order->has_number,
        .parcels = parcels,
        .n_parcels = order->n_parcels,
    };

    memcpy(row.number_digest, order->number_digest, sizeof(row.number_digest));
    for (size_t i = 0; i < order->n_parcels; i++)
        parcels[i] = (struct scanned_parcel){slice_of(order->parcels[i].id),
                                             slice_of(order->parcels[i].barcode)};
    return row;
}

int store_put_order(struct store *store, const struct order *order, const json_t *document,
                    int64_t seq, int64_t now_ms)
{
    _cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
    struct scanned_parcel parcels[ORDER_PARCELS_MAX];
    struct scanned_order row;

    if (!text)
        return -ENOMEM;
    row = row_of(order, seq, text, parcels);
    return store_put_scanned(store, &row, now_ms);
}

int store_put_moved(struct store *store, const char *number, int64_t rev, int64_t seq,
                    int64_t now_ms)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    struct scanned_parcel parcels[ORDER_PARCELS_MAX];
    _cleanup_free_ char *text = NULL;
    struct scanned_order row;
    struct before before;
    int r = is_newer(store, slice_of(number), rev, &before);

    if (r <= 0 || !before.id)
        return r < 0 ? r : 0;
    r = store_find_order(store, number, &record);
    if (r <= 0)
        return r;
    /* What staff still have to take out of the doors stays readable. */
    if (json_object_set_new(record->document, "status", json_string("moved")) < 0 ||
        json_object_set_new(record->document, "rev", json_integer(rev)) < 0 ||
        !(text = json_dumps(record->document, JSON_COMPACT)))
        return -ENOMEM;
    row = row_of(record->order, seq, text, parcels);
    row.rev = rev;
    row.has_number = false;
    r = put_row(store, &row, before.id, before.ended_at ? before.ended_at : now_ms);
    if (r == 0)
        store->n_orphans -= before.orphan;
    return r < 0 ? r : 1;
}

int store_order_ended(struct store *store, const char *number, int64_t now_ms)
{
    sqlite3_stmt *set = store->statements[ORDER_ENDED];
    int r = db_bind(set, "si", number, now_ms);

    return r < 0 ? r : db_run(set);
}

int store_set_id_seen(struct store *store, const char *number, uint64_t until_us)
{
    sqlite3_stmt *set = store->statements[ORDER_ID_SEEN];
    int r = db_bind(set, "sis", number, (int64_t)until_us, store->boot);

    return r < 0 ? r : db_run(set);
}

int store_put_document(struct store *store, const char *kind, const char *name, int64_t rev,
                       const json_t *document)
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[DOCUMENT_REV];
    _cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
    sqlite3_stmt *set = store->statements[DOCUMENT_SET];
    int r = db_bind(find, "ss", kind, name);

    if (!text)
        return -ENOMEM;
    if (r == 0)
        r = db_step(find);
    if (r < 0)
        return r;
    if (r > 0 && sqlite3_column_int64(find, 1) == store->generation &&
        sqlite3_column_int64(find, 0) >= rev)
        return 0;
    db_resetp(&find);
    r = db_bind(set, "ssiis", kind, name, rev, store->generation, text);
    if (r == 0)
        r = db_run(set);
    return r < 0 ? r : 1;
}

int store_find_document(struct store *store, const char *kind, const char *name,
                        json_t **ret_document)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[DOCUMENT_GET];
    int r = db_bind(get, "ss", kind, name);

    if (r == 0)
        r = db_step(get);
    if (r <= 0)
        return r;
    *ret_document = json_loads(db_text(get, 0), 0, NULL);
    return *ret_document ? 1 : -EUCLEAN;
}

int store_each_document(struct store *store, const char *kind, store_document_fn fn, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *list = store->statements[DOCUMENT_LIST];
    int r = db_bind(list, "s", kind);

    while (r >= 0) {
        json_t *document;

        r = db_step(list);
        if (r <= 0)
            return r;
        document = json_loads(db_text(list, 0), 0, NULL);
        r = document ? fn(userdata, document) : -EUCLEAN;
        json_decref(document);
        if (r != 0)
            return r;
    }
    return r;
}

int store_new_generation(struct store *store)
{
    store->generation++;
    store->n_orphans = store->n_orders;
    return store_set_integer(store, "generation", store->generation);
}

int64_t store_generation(const struct store *store)
{
    return store->generation;
}

int store_raise_epoch(struct store *store, uint64_t handle, uint8_t epoch)
{
    sqlite3_stmt *raise = store->statements[EPOCH_RAISE];
    int r = db_bind(raise, "ii", (int64_t)handle, (int64_t)epoch);

    return r < 0 ? r : db_run(raise);
}

int store_get_epoch(struct store *store, uint64_t handle, uint8_t *ret_epoch)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[EPOCH_GET];
    int r = db_bind(get, "i", (int64_t)handle);

    if (r == 0)
        r = db_step(get);
    if (r > 0)
        *ret_epoch = (uint8_t)sqlite3_column_int(get, 0);
    return r;
}
