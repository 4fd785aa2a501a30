/* How long things are kept (docs/disk.md). */
#include "daemon/store-inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SLICE_ROWS      1000 /* looked at in one transaction */
#define SLICE_CHANGES   50   /* erased or dropped in one transaction */
#define GIVE_BACK_PAGES 256
#define SPARE_MIN_BYTES (INT64_C(8) << 20) /* less is not worth giving back */

/* Takes the person out of the events that `find` lists; the digests stay, so the chain still
 * verifies. */
static int erase_events(struct store *store, enum store_statement which,
                        enum store_statement erase_which, const char *number)
{
    for (;;) {
        _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[which];
        _cleanup_free_ char *text = NULL;
        sqlite3_stmt *erase = store->statements[erase_which];
        json_t *event;
        int64_t row;
        int r = db_bind(find, "s", number);

        if (r == 0)
            r = db_step(find);
        if (r <= 0)
            return r;
        row = sqlite3_column_int64(find, 0);
        event = json_loads(db_text(find, 1), 0, NULL);
        json_object_del(event, "personal");
        text = event ? json_dumps(event, JSON_COMPACT) : NULL;
        json_decref(event);
        if (!text)
            return event ? -ENOMEM : -EUCLEAN;
        db_resetp(&find);
        r = db_bind(erase, "is", row, text);
        if (r == 0)
            r = db_run(erase);
        if (r < 0)
            return r;
    }
}

static int erase_document(struct store *store, struct order_record *record)
{
    static const char *const personal[] = {"display",   "lang",     "member_tag",
                                           "departure", "campaign", "number_digest"};
    _cleanup_free_ char *text = NULL;
    sqlite3_stmt *erase = store->statements[ORDER_ERASE];
    json_t *parcel;
    size_t i;
    int r;

    for (i = 0; i < ELEMENTSOF(personal); i++)
        json_object_set_new(record->document, personal[i], json_null());
    json_object_set_new(json_object_get(record->document, "code"), "secret", json_null());
    json_array_foreach (json_object_get(record->document, "parcels"), i, parcel) {
        json_object_set_new(parcel, "personalisation", json_null());
        json_object_set_new(parcel, "items", json_array());
    }
    text = json_dumps(record->document, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    r = db_bind(erase, "ss", record->order->id, text);
    return r < 0 ? r : db_run(erase);
}

static int erase_one(struct store *store, const char *number)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r = store_find_order(store, number, &record);

    if (r > 0)
        r = erase_document(store, record);
    if (r == 0)
        r = erase_events(store, EVENT_PERSONAL, EVENT_ERASE, number);
    return r < 0 ? r : erase_events(store, OLD_PERSONAL, OLD_ERASE, number);
}

/* An order of the slice that something is due for. */
struct due {
    int64_t id;
    char number[ORDER_ID_MAX + 1];
    bool drop, orphan;
};

/* HQ has everything that happened to it, and would send it again whole if it ever mattered. */
static int drop_one(struct store *store, const struct due *due)
{
    sqlite3_stmt *placements = store->statements[PLACEMENTS_CLEAR];
    sqlite3_stmt *epoch = store->statements[EPOCH_CLEAR];
    sqlite3_stmt *order = store->statements[ORDER_DELETE];
    int r = db_bind(placements, "s", due->number);

    if (r == 0)
        r = db_run(placements);
    if (r == 0)
        r = db_bind(epoch, "i", due->id);
    if (r == 0)
        r = db_run(epoch);
    if (r == 0)
        r = db_bind(order, "i", due->id);
    if (r == 0)
        r = db_run(order);
    if (r == 0) {
        store->n_orders--;
        store->n_orphans -= due->orphan;
    }
    return r;
}

/* Returns how many are due; sweep->after moves behind the last row that was looked at. */
static int list_due(struct store *store, int64_t erase_ms, int64_t drop_ms,
                    struct store_sweep *sweep, struct due due[SLICE_CHANGES])
{
    _cleanup_(db_resetp) sqlite3_stmt *slice = store->statements[ORDER_SLICE];
    int n = 0, rows = 0, r = db_bind(slice, "ii", sweep->after, (int64_t)SLICE_ROWS);

    while (r >= 0 && n < SLICE_CHANGES && (r = db_step(slice)) > 0) {
        bool erased = sqlite3_column_int(slice, 2) != 0;
        int64_t ended_ms = sqlite3_column_int64(slice, 3);

        rows++;
        sweep->after = sqlite3_column_int64(slice, 0);
        if (sqlite3_column_type(slice, 3) == SQLITE_NULL || sqlite3_column_int(slice, 5) ||
            ended_ms >= erase_ms)
            continue;
        due[n].drop = ended_ms < drop_ms;
        if (erased && !due[n].drop)
            continue;
        due[n].id = sweep->after;
        due[n].orphan = sqlite3_column_int64(slice, 4) != store->generation;
        snprintf(due[n++].number, sizeof(due->number), "%s", db_text(slice, 1));
    }
    sweep->more = n == SLICE_CHANGES;
    if (r >= 0 && !sweep->more && rows < SLICE_ROWS)
        sweep->after = 0; /* the end: from the start again */
    return r < 0 ? r : n;
}

int store_sweep_ended(struct store *store, int64_t erase_ms, int64_t drop_ms,
                      struct store_sweep *sweep)
{
    struct store_sweep next = {.after = sweep->after};
    struct due due[SLICE_CHANGES];
    int n = list_due(store, erase_ms, drop_ms, &next, due);

    for (int i = 0; i < n; i++) {
        /* Also before it is dropped: its events stay. */
        int r = erase_one(store, due[i].number);

        if (r == 0 && due[i].drop)
            r = drop_one(store, &due[i]);
        if (r < 0)
            return r;
        next.erased++;
        next.dropped += due[i].drop;
    }
    if (n < 0)
        return n;
    *sweep = next;
    return 0;
}

int store_waiting_since(struct store *store, int64_t acked, int64_t *ret_ms)
{
    _cleanup_(db_resetp) sqlite3_stmt *since = store->statements[EVENT_WAITING_SINCE];
    int64_t old = 0;
    int r = store_old_count(store, &old);

    *ret_ms = old > 0 ? 0 : INT64_MAX;
    if (r < 0 || old > 0)
        return r;
    r = db_bind(since, "i", acked);
    if (r == 0)
        r = db_step(since);
    if (r > 0)
        *ret_ms = sqlite3_column_int64(since, 0);
    return r < 0 ? r : 0;
}

int store_prune(struct store *store, int64_t before_ms)
{
    static const enum store_statement which[] = {GRANTS_PRUNE, SESSIONS_PRUNE, COMMANDS_PRUNE};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTSOF(which); i++) {
        r = db_bind(store->statements[which[i]], "i", before_ms);
        if (r == 0)
            r = db_run(store->statements[which[i]]);
    }
    return r;
}

int store_size(struct store *store, struct store_size *ret_size)
{
    struct store_size size = {};
    _cleanup_free_ char *wal = NULL;
    struct statvfs fs;
    struct stat st;
    int r = db_size(store->db, &size.used_bytes, &size.spare_bytes);

    if (r < 0)
        return r;
    if (*store->path) {
        if (asprintf(&wal, "%s-wal", store->path) < 0) {
            wal = NULL;
            return -ENOMEM;
        }
        if (stat(wal, &st) == 0)
            size.wal_bytes = st.st_size;
        if (statvfs(store->path, &fs) < 0)
            return -errno;
        size.disk_free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    }
    *ret_size = size;
    return 0;
}

int store_tidy(struct store *store, bool erased)
{
    int64_t used = 0, spare = 0;
    int r = db_size(store->db, &used, &spare);

    if (r == 0 && spare > SPARE_MIN_BYTES && spare > used / 4)
        r = db_give_back(store->db, GIVE_BACK_PAGES);
    if (r == 0 && erased)
        r = db_truncate_wal(store->db);
    return r;
}
