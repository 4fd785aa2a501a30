/* Taking over from a damaged store what can still be read: what the bank alone knows (placements,
 * doors, grants without an outcome), and the events that HQ may not have. Orders and keys come from
 * HQ again. Each table is read from its front until a page fails, and then from its end, so one bad
 * page costs the rows of that page only. */
#include "daemon/store-damage.h"

#include "common/db-wal.h"
#include "daemon/audit.h"
#include "daemon/store-inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct rescue {
    struct store *store;
    sqlite3 *old;
    char log[37];
    int64_t acked; /* -1 = not readable */
    int64_t events, placements;
    bool whole; /* every row of every table was read */
};

/* What is copied as it is. `?1` is the row to begin behind. */
struct copy {
    const char *from, *where, *insert, *columns;
    int n_columns;
};

enum { COPY_PLACEMENTS, COPY_COUNT = 8 };
static const struct copy copies[COPY_COUNT] = {
    /* Nobody has looked since: it may have been opened by a grant that is lost. */
    [COPY_PLACEMENTS] = {"placements", "1",
                         "INSERT OR IGNORE INTO placements (parcel, number, door, state, since)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)",
                         "parcel, number, door, CASE state WHEN 1 THEN 2 ELSE state END, since", 5},
    {"epochs", "1", "INSERT OR IGNORE INTO epochs (handle, epoch) VALUES (?1, ?2)", "handle, epoch",
     2},
    {"doors", "1",
     "INSERT OR IGNORE INTO doors (door, jammed, faulty, reason, since) VALUES (?1,?2,?3,?4,?5)",
     "door, jammed, faulty, reason, since", 5},
    {"sessions", "ended_at IS NULL",
     "INSERT OR IGNORE INTO sessions (id, kind, number, staff, role, actor, boot, begun_us)"
     " VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
     "id, kind, number, staff, role, actor, boot, begun_us", 8},
    {"grants",
     "(+outcome = 0 OR +session IN (SELECT id FROM sessions NOT INDEXED WHERE ended_at IS NULL))",
     "INSERT OR IGNORE INTO grants (id, session, door, parcel, number, purpose, actor, boot,"
     " deadline_us, pulses, at, outcome, pulsed, closed, confirmed)"
     " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
     "id, session, door, parcel, number, purpose, actor, boot, deadline_us, pulses, at, outcome,"
     " pulsed, closed, confirmed",
     15},
    {"commands", "1",
     "INSERT OR IGNORE INTO commands (id, at, result, reason) VALUES (?1,?2,?3,?4)",
     "id, at, result, reason", 4},
    {"meta", "key GLOB 'clock_*' OR key GLOB 'number_*' OR key GLOB 'log:*'",
     "INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)", "key, value", 2},
    /* What an earlier rescue brought, and HQ has not taken yet. */
    {"old_events", "1",
     "INSERT OR IGNORE INTO old_events (log, n, number, event, personal) VALUES (?1,?2,?3,?4,?5)",
     "log, n, number, event, personal", 5},
};

static int insert_row(sqlite3_stmt *from, sqlite3_stmt *insert, int n_columns)
{
    int code = SQLITE_OK;

    for (int i = 0; i < n_columns && code == SQLITE_OK; i++)
        code = sqlite3_bind_value(insert, i + 1, sqlite3_column_value(from, i));
    return code == SQLITE_OK ? db_run(insert) : db_error(code);
}

/* Reads in one direction as far as it goes. Returns 0, also when the old store failed: then
 * *ret_end is false. Negative = the new store failed. */
static int copy_one_way(struct rescue *rescue, const struct copy *copy, const char *direction,
                        sqlite3_stmt *insert, int64_t *ret_rows, bool *ret_end)
{
    sqlite3_stmt *from = NULL;
    _cleanup_free_ char *sql = NULL;
    int code, r = 0;

    *ret_end = false;
    if (asprintf(&sql, "SELECT %s FROM %s NOT INDEXED WHERE %s ORDER BY %s.rowid %s", copy->columns,
                 copy->from, copy->where, copy->from, direction) < 0) {
        sql = NULL;
        return -ENOMEM;
    }
    code = sqlite3_prepare_v2(rescue->old, sql, -1, &from, NULL);
    while (code == SQLITE_OK && r == 0 && (code = sqlite3_step(from)) == SQLITE_ROW) {
        code = SQLITE_OK;
        r = insert_row(from, insert, copy->n_columns);
        /* A value of the wrong type or a door that is twice occupied: it was damaged. */
        if (r == -EEXIST) {
            rescue->whole = false;
            r = 0;
        } else {
            *ret_rows += sqlite3_changes(rescue->store->db->handle);
        }
    }
    *ret_end = code == SQLITE_DONE;
    sqlite3_finalize(from);
    return r;
}

static int copy_table(struct rescue *rescue, const struct copy *copy, int64_t *ret_rows)
{
    sqlite3_stmt *insert = NULL;
    bool end = false, unused;
    int r = db_prepare(rescue->store->db, copy->insert, &insert);

    if (r == 0)
        r = copy_one_way(rescue, copy, "ASC", insert, ret_rows, &end);
    if (r == 0 && !end) {
        rescue->whole = false;
        r = copy_one_way(rescue, copy, "DESC", insert, ret_rows, &unused);
    }
    sqlite3_finalize(insert);
    return r;
}

/* One value of the old store's meta table: 1 = read. */
static int old_meta(struct rescue *rescue, const char *key, char *ret_text, size_t size)
{
    sqlite3_stmt *get = NULL;
    int found = 0;

    if (sqlite3_prepare_v2(rescue->old, "SELECT value FROM meta WHERE key = ?1", -1, &get, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_text(get, 1, key, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(get) == SQLITE_ROW && sqlite3_column_text(get, 0)) {
        snprintf(ret_text, size, "%s", (const char *)sqlite3_column_text(get, 0));
        found = 1;
    }
    sqlite3_finalize(get);
    return found;
}

static void read_identity(struct rescue *rescue)
{
    char text[40];

    rescue->acked = -1;
    if (old_meta(rescue, "log", text, sizeof(text)) && strlen(text) == 36)
        snprintf(rescue->log, sizeof(rescue->log), "%s", text);
    else
        rescue->whole = false;
    if (old_meta(rescue, "acked", text, sizeof(text)))
        rescue->acked = strtoll(text, NULL, 10);
    else if (*rescue->log)
        rescue->acked = 0; /* HQ has never acknowledged anything, or nobody can tell */
}

static int copy_events(struct rescue *rescue)
{
    _cleanup_free_ char *columns = NULL, *where = NULL;
    struct copy copy = {"events", NULL,
                        "INSERT OR IGNORE INTO old_events (log, n, number, event, personal)"
                        " VALUES (?1,?2,?3,?4,?5)",
                        NULL, 5};

    if (!*rescue->log)
        return 0; /* nobody could say whose they are */
    if (asprintf(&columns, "'%s', n, number, event, personal", rescue->log) < 0) {
        columns = NULL;
        return -ENOMEM;
    }
    if (asprintf(&where, "n > %lld", (long long)rescue->acked) < 0) {
        where = NULL;
        return -ENOMEM;
    }
    copy.columns = columns;
    copy.where = where;
    return copy_table(rescue, &copy, &rescue->events);
}

/* The hash that the first rescued event continues: of the newest that HQ has. */
static bool hash_before(struct rescue *rescue, uint8_t ret_hash[EVENT_HASH_BYTES])
{
    sqlite3_stmt *get = NULL;
    json_t *event = NULL;
    const char *hash;
    size_t n = 0;

    if (rescue->acked == 0) {
        event_chain_start(rescue->log, ret_hash);
        return true;
    }
    if (sqlite3_prepare_v2(rescue->old, "SELECT event FROM events WHERE n = ?1", -1, &get, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_int64(get, 1, rescue->acked) == SQLITE_OK && sqlite3_step(get) == SQLITE_ROW)
        event = json_loads((const char *)sqlite3_column_text(get, 0), 0, NULL);
    hash = json_string_value(json_object_get(event, "hash"));
    if (hash)
        (void)sodium_hex2bin(ret_hash, EVENT_HASH_BYTES, hash, strlen(hash), NULL, &n, NULL);
    json_decref(event);
    sqlite3_finalize(get);
    return n == EVENT_HASH_BYTES;
}

/* Is the event what was written? `known` = the hash before it is. Moves the hash on. */
static bool event_is_right(const json_t *event, int64_t n, bool known,
                           uint8_t hash[EVENT_HASH_BYTES])
{
    const char *own = json_string_value(json_object_get(event, "hash"));
    size_t bytes = 0;

    if (json_integer_value(json_object_get(event, "n")) != n || !own)
        return false;
    if (known)
        return event_verify(event, hash) == 0;
    (void)sodium_hex2bin(hash, EVENT_HASH_BYTES, own, strlen(own), NULL, &bytes, NULL);
    return bytes == EVENT_HASH_BYTES;
}

/* Throws out the rescued events that were damaged: HQ would stop at them. */
static int check_events(struct rescue *rescue)
{
    sqlite3_stmt *forget = rescue->store->statements[OLD_FORGET];
    int64_t before = rescue->acked > 0 ? rescue->acked : 0;
    uint8_t hash[EVENT_HASH_BYTES];
    bool known = *rescue->log && hash_before(rescue, hash);

    for (;;) {
        _cleanup_(db_resetp) sqlite3_stmt *list = rescue->store->statements[OLD_LIST];
        json_t *event;
        bool right;
        int64_t n;
        int r = db_bind(list, "sii", rescue->log, before, (int64_t)1);

        if (r == 0)
            r = db_step(list);
        if (r <= 0)
            return r;
        n = sqlite3_column_int64(list, 0);
        event = json_loads(db_text(list, 1), 0, NULL);
        right = event_is_right(event, n, known && n == before + 1, hash);
        json_decref(event);
        db_resetp(&list);
        if (n != before + 1)
            rescue->whole = false;
        if (!right) {
            rescue->whole = false;
            rescue->events--;
            r = db_bind(forget, "si", rescue->log, n);
            if (r == 0)
                r = db_run(forget);
            if (r < 0)
                return r;
        }
        known = right;
        before = n;
    }
}

/* Ids of grants and sessions must not come again: a kiosk may still speak of the old ones. */
static int skip_ids(struct rescue *rescue)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "INSERT INTO sqlite_sequence (name, seq) SELECT t, 0 FROM (SELECT 'grants' AS t UNION"
             " SELECT 'sessions') WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = t);"
             "UPDATE sqlite_sequence SET seq = max(seq + 1000, strftime('%%s', 'now'))"
             " WHERE name IN ('grants', 'sessions')");
    return db_exec(rescue->store->db, sql);
}

static int note(struct rescue *rescue, const char *name)
{
    struct store *store = rescue->store;
    char key[48];
    int r = 0;

    snprintf(key, sizeof(key), "log:%s", rescue->log);
    if (*rescue->log)
        r = store_set_integer(store, key, rescue->whole);
    if (r == 0)
        r = store_set_text(store, "rescued", name);
    if (r == 0)
        r = audit_add(store, "store_rebuilt",
                      json_pack("{ss ss* sI sI sb}", "aside", name, "old_log",
                                *rescue->log ? rescue->log : NULL, "events",
                                (json_int_t)rescue->events, "placements",
                                (json_int_t)rescue->placements, "whole", (int)rescue->whole));
    return r;
}

static int take_over(struct rescue *rescue, const char *name)
{
    int64_t rows = 0;
    int r = 0;

    if (rescue->old) {
        read_identity(rescue);
        for (size_t i = 0; r == 0 && i < COPY_COUNT; i++)
            r = copy_table(rescue, &copies[i], i == COPY_PLACEMENTS ? &rescue->placements : &rows);
        if (r == 0)
            r = copy_events(rescue);
        if (r == 0)
            r = check_events(rescue);
    }
    if (r == 0)
        r = skip_ids(rescue);
    return r < 0 ? r : note(rescue, name);
}

/* Opens the old store without changing it; rescue->old stays NULL when it cannot be opened. */
static int open_old(struct rescue *rescue, const char *state, const char *name)
{
    _cleanup_free_ char *path = NULL, *wal = NULL;

    if (asprintf(&path, "%s/%s", state, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (asprintf(&wal, "%s-wal", path) < 0) {
        wal = NULL;
        return -ENOMEM;
    }
    rescue->whole = db_wal_check(wal) == 0;
    if (sqlite3_open_v2(path, &rescue->old, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        sqlite3_close(rescue->old);
        rescue->old = NULL;
        rescue->whole = false;
        return 0;
    }
    sqlite3_db_config(rescue->old, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_exec(rescue->old, "PRAGMA query_only = ON; PRAGMA cell_size_check = ON;", NULL,
                       NULL, NULL);
    return 0;
}

int store_rescue(struct store *store, const char *state, const char *name)
{
    struct rescue rescue = {.store = store};
    _cleanup_free_ char *done = NULL;
    int r = store_get_text(store, "rescued", &done);

    if (r < 0 || (r > 0 && strcmp(done, name) == 0))
        return r < 0 ? r : 0;
    r = open_old(&rescue, state, name);
    if (r == 0)
        r = store_begin(store);
    if (r == 0)
        r = take_over(&rescue, name);
    r = store_finish(store, r);
    sqlite3_close(rescue.old);
    if (r < 0)
        return r;
    free(store->rescue_note);
    if (asprintf(&store->rescue_note,
                 "the store was damaged and is kept as %s; %lld events for HQ and %lld placements "
                 "were rescued from it, %s",
                 name, (long long)rescue.events, (long long)rescue.placements,
                 rescue.whole ? "all that it held" : "not all that it held") < 0)
        store->rescue_note = NULL;
    return 0;
}

const char *store_rescue_note(const struct store *store)
{
    return store->rescue_note;
}

int store_knows_log(struct store *store, const char *log)
{
    int64_t whole = 0;
    char key[48];
    int r;

    snprintf(key, sizeof(key), "log:%s", log);
    r = store_get_integer(store, key, &whole);
    return r < 0 ? r : r == 0 ? -ENOENT : whole != 0;
}

int store_old_log(struct store *store, char ret_log[37])
{
    _cleanup_(db_resetp) sqlite3_stmt *find = store->statements[OLD_LOG];
    int r = db_step(find);

    if (r > 0)
        snprintf(ret_log, 37, "%s", db_text(find, 0));
    return r;
}

int store_old_list(struct store *store, const char *log, int64_t after, int64_t limit,
                   size_t max_bytes, json_t **ret_events)
{
    sqlite3_stmt *list = store->statements[OLD_LIST];
    int r = db_bind(list, "sii", log, after, limit);

    return r < 0 ? r : audit_read(list, max_bytes, ret_events);
}

int store_old_acked(struct store *store, const char *log, int64_t through)
{
    sqlite3_stmt *delete = store->statements[OLD_DELETE];
    int r = db_bind(delete, "si", log, through);

    return r < 0 ? r : db_run(delete);
}

int store_old_count(struct store *store, int64_t *ret_n)
{
    _cleanup_(db_resetp) sqlite3_stmt *count = store->statements[OLD_COUNT];
    int r = db_step(count);

    if (r > 0)
        *ret_n = sqlite3_column_int64(count, 0);
    return r < 0 ? r : 0;
}
