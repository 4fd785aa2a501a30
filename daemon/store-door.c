#include "daemon/store-inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As stored in placements.state. */
enum { ROW_STOCKED = 1, ROW_UNCONFIRMED = 2, ROW_COLLECTED = 3 };

static const char *const purpose_names[] = {
    [GRANT_COLLECT] = "collect", [GRANT_STOCK] = "stock",   [GRANT_RETRIEVE] = "retrieve",
    [GRANT_INSPECT] = "inspect", [GRANT_REMOTE] = "remote",
};

const char *grant_purpose_name(enum grant_purpose purpose)
{
    return purpose_names[purpose];
}

static enum placement_state state_from_row(int state)
{
    switch (state) {
    case ROW_STOCKED:
        return PLACEMENT_STOCKED;
    case ROW_UNCONFIRMED:
        return PLACEMENT_UNCONFIRMED;
    case ROW_COLLECTED:
        return PLACEMENT_COLLECTED;
    default:
        return PLACEMENT_NONE;
    }
}

static int64_t row_from_state(enum placement_state state)
{
    switch (state) {
    case PLACEMENT_STOCKED:
        return ROW_STOCKED;
    case PLACEMENT_UNCONFIRMED:
        return ROW_UNCONFIRMED;
    case PLACEMENT_COLLECTED:
        return ROW_COLLECTED;
    default:
        return 0;
    }
}

static void copy_column(sqlite3_stmt *statement, int column, char *ret, size_t size)
{
    const char *text = db_text(statement, column);

    snprintf(ret, size, "%s", text ? text : "");
}

int store_get_placement(struct store *store, const char *parcel, struct placement *ret_placement)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[PLACEMENT_GET];
    int r = db_bind(get, "s", parcel);

    if (r == 0)
        r = db_step(get);
    if (r <= 0)
        return r;
    *ret_placement = (struct placement){
        .state = state_from_row(sqlite3_column_int(get, 0)),
        .door = (uint32_t)sqlite3_column_int64(get, 1),
        .since_ms = sqlite3_column_int64(get, 2),
        .door_faulty = sqlite3_column_int(get, 3) != 0,
        .granted = sqlite3_column_int(get, 4) != 0,
    };
    return 1;
}

int store_set_placement(struct store *store, const char *parcel, const char *number, uint32_t door,
                        enum placement_state state, int64_t since_ms)
{
    sqlite3_stmt *set = store->statements[PLACEMENT_SET];
    int r = db_bind(set, "ssiii", parcel, number, (int64_t)door, row_from_state(state), since_ms);

    return r < 0 ? r : db_run(set);
}

int store_delete_placement(struct store *store, const char *parcel)
{
    sqlite3_stmt *delete = store->statements[PLACEMENT_DELETE];
    int r = db_bind(delete, "s", parcel);

    return r < 0 ? r : db_run(delete);
}

int store_door_content(struct store *store, uint32_t door, struct door_content *ret_content)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[PLACEMENT_AT_DOOR];
    int r = db_bind(get, "i", (int64_t)door);

    if (r == 0)
        r = db_step(get);
    if (r <= 0)
        return r;
    copy_column(get, 0, ret_content->parcel, sizeof(ret_content->parcel));
    copy_column(get, 1, ret_content->number, sizeof(ret_content->number));
    ret_content->state = state_from_row(sqlite3_column_int(get, 2));
    ret_content->since_ms = sqlite3_column_int64(get, 3);
    return 1;
}

int store_get_trouble(struct store *store, uint32_t door, struct door_trouble *ret_trouble)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[DOOR_GET];
    int r = db_bind(get, "i", (int64_t)door);

    memset(ret_trouble, 0, sizeof(*ret_trouble));
    if (r == 0)
        r = db_step(get);
    if (r <= 0)
        return r;
    ret_trouble->jammed = sqlite3_column_int(get, 0) != 0;
    ret_trouble->faulty = sqlite3_column_int(get, 1) != 0;
    copy_column(get, 2, ret_trouble->reason, sizeof(ret_trouble->reason));
    ret_trouble->since_ms = sqlite3_column_int64(get, 3);
    return 1;
}

int store_set_trouble(struct store *store, uint32_t door, const struct door_trouble *trouble)
{
    sqlite3_stmt *set = store->statements[DOOR_SET];
    int r = db_bind(set, "iiisi", (int64_t)door, (int64_t)trouble->jammed, (int64_t)trouble->faulty,
                    *trouble->reason ? trouble->reason : NULL, trouble->since_ms);

    return r < 0 ? r : db_run(set);
}

static void read_grant(sqlite3_stmt *statement, struct grant *ret_grant)
{
    *ret_grant = (struct grant){
        .id = (uint64_t)sqlite3_column_int64(statement, 0),
        .session = (uint64_t)sqlite3_column_int64(statement, 1),
        .door = (uint32_t)sqlite3_column_int64(statement, 2),
        .purpose = (enum grant_purpose)sqlite3_column_int(statement, 5),
        .deadline_us = (uint64_t)sqlite3_column_int64(statement, 8),
        .pulses = (unsigned)sqlite3_column_int(statement, 9),
        .at_ms = sqlite3_column_int64(statement, 10),
        .outcome = (enum grant_outcome)sqlite3_column_int(statement, 11),
        .pulsed = sqlite3_column_int(statement, 12) != 0,
        .closed = sqlite3_column_int(statement, 13) != 0,
        .confirmed = sqlite3_column_int(statement, 14) != 0,
    };
    copy_column(statement, 3, ret_grant->parcel, sizeof(ret_grant->parcel));
    copy_column(statement, 4, ret_grant->number, sizeof(ret_grant->number));
    copy_column(statement, 6, ret_grant->actor, sizeof(ret_grant->actor));
    copy_column(statement, 7, ret_grant->boot, sizeof(ret_grant->boot));
}

int store_add_grant(struct store *store, struct grant *grant)
{
    sqlite3_stmt *insert = store->statements[GRANT_INSERT];
    int r = db_bind(insert, "iississiii", (int64_t)grant->session, (int64_t)grant->door,
                    grant->parcel, grant->number, (int64_t)grant->purpose, grant->actor,
                    grant->boot, (int64_t)grant->deadline_us, (int64_t)grant->pulses, grant->at_ms);

    if (r == 0)
        r = db_run(insert);
    if (r == 0)
        grant->id = (uint64_t)sqlite3_last_insert_rowid(store->db->handle);
    return r;
}

int store_find_grant(struct store *store, uint64_t id, struct grant *ret_grant)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[GRANT_GET];
    int r = db_bind(get, "i", (int64_t)id);

    if (r == 0)
        r = db_step(get);
    if (r > 0)
        read_grant(get, ret_grant);
    return r;
}

int store_save_grant(struct store *store, const struct grant *grant)
{
    sqlite3_stmt *save = store->statements[GRANT_SAVE];
    int r = db_bind(save, "iiiii", (int64_t)grant->id, (int64_t)grant->outcome,
                    (int64_t)grant->pulsed, (int64_t)grant->closed, (int64_t)grant->confirmed);

    return r < 0 ? r : db_run(save);
}

static int read_grants(sqlite3_stmt *statement, struct grant *ret_grants, size_t max)
{
    size_t n = 0;
    int r = 0;

    while (n < max && (r = db_step(statement)) > 0)
        read_grant(statement, &ret_grants[n++]);
    return r < 0 ? r : (int)n;
}

int store_grants_out(struct store *store, struct grant *ret_grants, size_t max)
{
    _cleanup_(db_resetp) sqlite3_stmt *list = store->statements[GRANTS_OUT];

    return read_grants(list, ret_grants, max);
}

int store_grants_of_session(struct store *store, uint64_t session, struct grant *ret_grants,
                            size_t max)
{
    _cleanup_(db_resetp) sqlite3_stmt *list = store->statements[GRANTS_OF_SESSION];
    int r = db_bind(list, "i", (int64_t)session);

    return r < 0 ? r : read_grants(list, ret_grants, max);
}

int store_add_session(struct store *store, struct session_row *row)
{
    sqlite3_stmt *insert = store->statements[SESSION_INSERT];
    int r = db_bind(insert, "isiissi", (int64_t)row->kind, *row->number ? row->number : NULL,
                    (int64_t)row->staff, (int64_t)row->role, row->actor, row->boot,
                    (int64_t)row->begun_us);

    if (r == 0)
        r = db_run(insert);
    if (r == 0)
        row->id = (uint64_t)sqlite3_last_insert_rowid(store->db->handle);
    return r;
}

int store_end_session(struct store *store, uint64_t id, int64_t now_ms)
{
    sqlite3_stmt *end = store->statements[SESSION_END];
    int r = db_bind(end, "ii", (int64_t)id, now_ms);

    return r < 0 ? r : db_run(end);
}

int store_live_session(struct store *store, struct session_row *ret_row)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[SESSION_LIVE];
    int r = db_step(get);

    if (r <= 0)
        return r;
    *ret_row = (struct session_row){
        .id = (uint64_t)sqlite3_column_int64(get, 0),
        .kind = sqlite3_column_int(get, 1),
        .staff = (uint32_t)sqlite3_column_int64(get, 3),
        .role = sqlite3_column_int(get, 4),
        .begun_us = (uint64_t)sqlite3_column_int64(get, 7),
    };
    copy_column(get, 2, ret_row->number, sizeof(ret_row->number));
    copy_column(get, 5, ret_row->actor, sizeof(ret_row->actor));
    copy_column(get, 6, ret_row->boot, sizeof(ret_row->boot));
    return 1;
}

int store_find_command(struct store *store, const char *id, char **ret_result, char **ret_reason)
{
    _cleanup_(db_resetp) sqlite3_stmt *get = store->statements[COMMAND_GET];
    _cleanup_free_ char *result = NULL;
    int r = db_bind(get, "s", id);

    if (r == 0)
        r = db_step(get);
    if (r <= 0)
        return r;
    if (db_copy_text(get, 0, &result) < 0 || db_copy_text(get, 1, ret_reason) < 0)
        return -ENOMEM;
    *ret_result = TAKE_PTR(result);
    return 1;
}

int store_add_command(struct store *store, const char *id, int64_t now_ms, const char *result,
                      const char *reason)
{
    sqlite3_stmt *add = store->statements[COMMAND_ADD];
    int r = db_bind(add, "siss", id, now_ms, result, reason);

    return r < 0 ? r : db_run(add);
}
