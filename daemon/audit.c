#include "daemon/audit.h"

#include "common/clock.h"
#include "daemon/store-inner.h"

#include <errno.h>
#include <string.h>

static int stamp(struct store *store, json_t *event, const char *type, int64_t now_ms)
{
    if (json_object_set_new(event, "n", json_integer(store->chain.last_n + 1)) < 0 ||
        json_object_set_new(event, "at", json_integer(now_ms)) < 0 ||
        json_object_set_new(event, "trusted", json_boolean(store->clock_trusted)) < 0 ||
        json_object_set_new(event, "boot", json_string(store->boot)) < 0 ||
        json_object_set_new(event, "mono", json_integer((json_int_t)clock_boot_us())) < 0 ||
        json_object_set_new(event, "type", json_string(type)) < 0)
        return -ENOMEM;
    return 0;
}

static int append(struct store *store, const char *type, json_t *event, bool personal)
{
    sqlite3_stmt *insert = store->statements[EVENT_INSERT];
    struct store_chain next = store->chain;
    _cleanup_free_ char *text = NULL;
    int64_t now_ms = clock_now_ms();
    int r = stamp(store, event, type, now_ms);

    if (r == 0)
        r = event_seal(event, next.hash);
    if (r < 0)
        return r;
    text = json_dumps(event, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    next.last_n++;
    r = db_bind(insert, "iissi", next.last_n, now_ms,
                json_string_value(json_object_get(event, "order")), text, (int64_t)personal);
    if (r == 0)
        r = db_run(insert);
    if (r == 0)
        store->chain = next;
    return r;
}

int audit_add(struct store *store, const char *type, json_t *members)
{
    int r = members ? append(store, type, members, false) : -ENOMEM;

    json_decref(members);
    return r;
}

int audit_add_personal(struct store *store, const char *type, json_t *members, json_t *personal)
{
    int r = members && personal ? event_set_personal(members, personal) : -ENOMEM;

    if (r == 0)
        r = append(store, type, members, true);
    json_decref(members);
    json_decref(personal);
    return r;
}

int audit_read(sqlite3_stmt *statement, size_t max_bytes, json_t **ret_events)
{
    _cleanup_(db_resetp) sqlite3_stmt *list = statement;
    json_t *events = json_array();
    int64_t next = 0;
    size_t bytes = 0;
    int r = events ? 0 : -ENOMEM;

    while (r >= 0 && (r = db_step(list)) > 0) {
        const char *text = db_text(list, 1);
        int64_t n = sqlite3_column_int64(list, 0);

        bytes += strlen(text) + 1;
        if (json_array_size(events) > 0 && (bytes > max_bytes || n != next))
            break;
        next = n + 1;
        if (json_array_append_new(events, json_loads(text, 0, NULL)) < 0)
            r = -EUCLEAN;
    }
    if (r < 0) {
        json_decref(events);
        return r;
    }
    *ret_events = events;
    return 0;
}

int audit_list(struct store *store, int64_t after, int64_t limit, size_t max_bytes,
               json_t **ret_events)
{
    sqlite3_stmt *list = store->statements[EVENT_LIST];
    int r = db_bind(list, "ii", after, limit);

    return r < 0 ? r : audit_read(list, max_bytes, ret_events);
}

int audit_oldest(struct store *store, int64_t *ret_n)
{
    _cleanup_(db_resetp) sqlite3_stmt *oldest = store->statements[EVENT_OLDEST];
    int r = db_step(oldest);

    if (r < 0)
        return r;
    *ret_n = sqlite3_column_int64(oldest, 0);
    return 0;
}

/* The first event that must not go; -ENOENT when there is none at all. */
static int first_kept(struct store *store, int64_t through, int64_t before_ms, int64_t *ret_n)
{
    _cleanup_(db_resetp) sqlite3_stmt *kept = store->statements[EVENT_KEPT];
    int r = db_bind(kept, "ii", through, before_ms);

    if (r == 0)
        r = db_step(kept);
    if (r < 0)
        return r;
    if (r == 0 || sqlite3_column_type(kept, 0) == SQLITE_NULL)
        return -ENOENT;
    *ret_n = sqlite3_column_int64(kept, 0);
    return 0;
}

int audit_prune(struct store *store, int64_t through, int64_t before_ms)
{
    sqlite3_stmt *prune = store->statements[EVENT_PRUNE];
    int64_t kept;
    int r = first_kept(store, through, before_ms, &kept);

    if (r == 0)
        r = db_bind(prune, "i", kept);
    if (r == 0)
        r = db_run(prune);
    return r == -ENOENT ? 0 : r;
}
