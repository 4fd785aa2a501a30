/* What the banks reported: their status, their logs of events, alarms, and answers to commands. */
#include "hq/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text_member(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

int store_bank_status(struct store *store, const char *bank, const json_t *status, int64_t now_ms)
{
    _cleanup_free_ char *body = NULL;
    int r;

    if (!json_is_true(json_object_get(status, "online"))) {
        r = db_bind(store->sql[S_BANK_OFFLINE], "s", bank);
        return r < 0 ? r : db_run(store->sql[S_BANK_OFFLINE]);
    }
    body = json_dumps(status, JSON_COMPACT);
    if (!body)
        return -ENOMEM;
    r = db_bind(store->sql[S_BANK_STATUS], "sssisisi", bank, text_member(status, "boot"),
                text_member(status, "feed"),
                (int64_t)json_integer_value(json_object_get(status, "cursor")), body, now_ms,
                text_member(status, "log"),
                (int64_t)json_integer_value(json_object_get(status, "last_event")));
    return r < 0 ? r : db_run(store->sql[S_BANK_STATUS]);
}

int store_all_banks_offline(struct store *store)
{
    return db_run(store->sql[S_BANKS_OFFLINE]);
}

int store_bank_applied(struct store *store, const char *bank, const struct wire_applied *applied,
                       int64_t now_ms)
{
    int r = db_bind(store->sql[S_BANK_APPLIED], "ssiisi", bank, applied->feed, applied->through,
                    now_ms, *applied->log ? applied->log : NULL, applied->last_event);

    return r < 0 ? r : db_run(store->sql[S_BANK_APPLIED]);
}

int store_bank(struct store *store, const char *bank, struct store_bank *ret_bank)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_BANK_GET];
    int r = db_bind(s, "s", bank);

    *ret_bank = (struct store_bank){0};
    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    ret_bank->online = sqlite3_column_int(s, 0);
    snprintf(ret_bank->boot, sizeof(ret_bank->boot), "%s", db_text(s, 1) ?: "");
    snprintf(ret_bank->feed, sizeof(ret_bank->feed), "%s", db_text(s, 2) ?: "");
    ret_bank->applied = sqlite3_column_int64(s, 3);
    if (db_text(s, 4))
        ret_bank->status = json_loads(db_text(s, 4), 0, NULL);
    ret_bank->seen_at = sqlite3_column_int64(s, 5);
    snprintf(ret_bank->log, sizeof(ret_bank->log), "%s", db_text(s, 6) ?: "");
    ret_bank->last_event = sqlite3_column_int64(s, 7);
    return 1;
}

void store_bank_done(struct store_bank *bank)
{
    json_decref(TAKE_PTR(bank->status));
}

int store_log(struct store *store, const char *bank, const char *log, struct store_log *ret_log)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_LOG_GET];
    int r = db_bind(s, "ss", bank, log);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    if (sqlite3_column_bytes(s, 2) != EVENT_HASH_BYTES)
        return -EUCLEAN;
    ret_log->id = sqlite3_column_int64(s, 0);
    ret_log->through = sqlite3_column_int64(s, 1);
    memcpy(ret_log->hash, sqlite3_column_blob(s, 2), EVENT_HASH_BYTES);
    ret_log->forked = sqlite3_column_int(s, 3);
    return 1;
}

int store_add_log(struct store *store, const char *bank, const char *log, struct store_log *ret_log)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_LOG_ADD];
    struct store_log new_log = {0};
    int r;

    event_chain_start(log, new_log.hash);
    r = db_bind(s, "ssb", bank, log, new_log.hash, sizeof(new_log.hash));
    if (r >= 0)
        r = db_step(s);
    if (r < 0)
        return r;
    new_log.id = sqlite3_column_int64(s, 0);
    r = db_step(s);
    if (r < 0)
        return r;
    *ret_log = new_log;
    return 0;
}

int store_move_log(struct store *store, const struct store_log *log)
{
    int r =
        db_bind(store->sql[S_LOG_MOVE], "ibi", log->through, log->hash, sizeof(log->hash), log->id);

    return r < 0 ? r : db_run(store->sql[S_LOG_MOVE]);
}

int store_fork_log(struct store *store, const struct store_log *log)
{
    int r = db_bind(store->sql[S_LOG_FORK], "i", log->id);

    return r < 0 ? r : db_run(store->sql[S_LOG_FORK]);
}

int store_logs(struct store *store, store_log_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_LOGS_LIST];
    int r;

    while ((r = db_step(s)) > 0) {
        r = each(userdata, sqlite3_column_int64(s, 0), db_text(s, 1), db_text(s, 2),
                 sqlite3_column_int64(s, 3), sqlite3_column_int(s, 4));
        if (r <= 0)
            break;
    }
    return r;
}

/* The newest boot of a log, and a trusted event in it. */
struct anchor {
    char boot[33];
    int64_t boot_first;
    int64_t at, mono; /* at = 0: none yet */
};

static int get_anchor(struct store *store, int64_t log_id, struct anchor *ret_anchor)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_LOG_ANCHOR_GET];
    int r = db_bind(s, "i", log_id);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r < 0 ? r : -EUCLEAN;
    snprintf(ret_anchor->boot, sizeof(ret_anchor->boot), "%s", db_text(s, 0) ?: "");
    ret_anchor->boot_first = sqlite3_column_int64(s, 1);
    ret_anchor->at = sqlite3_column_int64(s, 2);
    ret_anchor->mono = sqlite3_column_int64(s, 3);
    return 0;
}

static int set_anchor(struct store *store, int64_t log_id, const struct anchor *anchor)
{
    int r = db_bind(store->sql[S_LOG_ANCHOR_SET], "siiii", anchor->boot, anchor->boot_first,
                    anchor->at, anchor->mono, log_id);

    return r < 0 ? r : db_run(store->sql[S_LOG_ANCHOR_SET]);
}

/* The events of this boot that came before its first trusted one. */
static int place_earlier(struct store *store, int64_t log_id, const struct anchor *anchor)
{
    int r = db_bind(store->sql[S_EVENTS_PLACE], "iiiis", anchor->at, anchor->mono, log_id,
                    anchor->boot_first, anchor->boot);

    return r < 0 ? r : db_run(store->sql[S_EVENTS_PLACE]);
}

/* Sets *ret_placed_at for an event whose clock was not trusted; 0 = it cannot be placed, or needs
 * not. Members of the wrong type place nothing. */
static int place(struct store *store, int64_t log_id, int64_t n, const json_t *event,
                 int64_t *ret_placed_at)
{
    const char *boot = text_member(event, "boot");
    int64_t at = json_integer_value(json_object_get(event, "at"));
    int64_t mono = json_integer_value(json_object_get(event, "mono"));
    bool trusted = json_is_true(json_object_get(event, "trusted"));
    struct anchor anchor, before;
    int r;

    *ret_placed_at = 0;
    if (!boot || strlen(boot) >= sizeof(anchor.boot) || mono <= 0)
        return 0;
    r = get_anchor(store, log_id, &anchor);
    if (r < 0)
        return r;
    before = anchor;
    if (strcmp(anchor.boot, boot) != 0) {
        anchor = (struct anchor){.boot_first = n};
        snprintf(anchor.boot, sizeof(anchor.boot), "%s", boot);
    }
    if (trusted && at > 0) {
        bool first = anchor.at == 0;

        anchor.at = at;
        anchor.mono = mono;
        r = first ? place_earlier(store, log_id, &anchor) : 0;
    } else if (!trusted && anchor.at) {
        *ret_placed_at = anchor.at + (mono - anchor.mono) / 1000;
    }
    /* One that is a minute old places as well, and saves a write for each event. */
    if (r >= 0 && (before.boot_first != anchor.boot_first || (anchor.at && !before.at) ||
                   anchor.mono - before.mono > 60 * 1000000))
        r = set_anchor(store, log_id, &anchor);
    return r;
}

int store_add_event(struct store *store, int64_t log_id, int64_t n, const json_t *event,
                    int64_t *ret_placed_at)
{
    _cleanup_free_ char *body = json_dumps(event, JSON_COMPACT);
    int64_t placed_at = 0;
    int r;

    if (!body)
        return -ENOMEM;
    r = place(store, log_id, n, event, &placed_at);
    if (r >= 0)
        r = db_bind(store->sql[S_EVENT_ADD], "iiissssi", log_id, n,
                    (int64_t)json_integer_value(json_object_get(event, "at")),
                    text_member(event, "type"), text_member(event, "order"),
                    text_member(event, "hash"), body, placed_at);
    if (r >= 0)
        r = db_run(store->sql[S_EVENT_ADD]);
    if (r >= 0)
        *ret_placed_at = placed_at;
    return r;
}

int store_add_gap(struct store *store, int64_t log_id, int64_t first, int64_t last)
{
    int r = db_bind(store->sql[S_GAP_ADD], "iii", log_id, first, last);

    return r < 0 ? r : db_run(store->sql[S_GAP_ADD]);
}

int store_gaps(struct store *store, int64_t log_id, store_gap_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_GAPS_LIST];
    int r = db_bind(s, "i", log_id);

    if (r < 0)
        return r;
    while ((r = db_step(s)) > 0) {
        r = each(userdata, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1));
        if (r <= 0)
            break;
    }
    return r;
}

int store_event_hash(struct store *store, int64_t log_id, int64_t n,
                     char ret_hex[EVENT_HASH_BYTES * 2 + 1])
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_EVENT_HASH];
    int r = db_bind(s, "ii", log_id, n);

    if (r >= 0)
        r = db_step(s);
    if (r > 0)
        snprintf(ret_hex, EVENT_HASH_BYTES * 2 + 1, "%s", db_text(s, 0));
    return r;
}

/* Rows of id, bank, log, body. */
static int each_event(sqlite3_stmt *s, store_event_fn each, void *userdata)
{
    int r;

    while ((r = db_step(s)) > 0) {
        json_auto_t *event = json_loads(db_text(s, 3), 0, NULL);

        if (!event)
            return -EUCLEAN;
        if (json_object_set_new(event, "bank", json_string(db_text(s, 1))) < 0 ||
            json_object_set_new(event, "log", json_string(db_text(s, 2))) < 0)
            return -ENOMEM;
        if (sqlite3_column_type(s, 4) != SQLITE_NULL &&
            json_object_set_new(event, "placed_at", json_integer(sqlite3_column_int64(s, 4))) < 0)
            return -ENOMEM;
        r = each(userdata, sqlite3_column_int64(s, 0), event);
        if (r <= 0)
            break;
    }
    return r;
}

int store_events(struct store *store, const char *bank, int64_t after, int64_t limit,
                 store_event_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_EVENTS_LIST];
    int r = db_bind(s, "isi", after, bank, limit);

    return r < 0 ? r : each_event(s, each, userdata);
}

int store_events_of_order(struct store *store, const char *order, store_event_fn each,
                          void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_EVENTS_OF_ORDER];
    int r = db_bind(s, "s", order);

    return r < 0 ? r : each_event(s, each, userdata);
}

int store_events_of_log(struct store *store, int64_t log_id, store_event_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_EVENTS_OF_LOG];
    int r = db_bind(s, "i", log_id);

    if (r < 0)
        return r;
    while ((r = db_step(s)) > 0) {
        json_auto_t *event = json_loads(db_text(s, 1), 0, NULL);

        r = each(userdata, sqlite3_column_int64(s, 0), event);
        if (r <= 0)
            break;
    }
    return r;
}

int store_alarm(struct store *store, const char *bank, const char *log, int64_t n, const char *kind,
                const char *text, int64_t now_ms)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_ALARM_ADD];
    int r = db_bind(s, "ississ", now_ms, bank, log, n, kind, text);

    if (r >= 0)
        r = db_step(s);
    if (r > 0 && db_step(s) < 0)
        return -EIO;
    return r;
}

int store_alarms(struct store *store, const char *bank, json_t **ret_alarms)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_ALARMS_LIST];
    json_auto_t *alarms = json_array();
    int r = db_bind(s, "s", bank);

    while (r >= 0 && (r = db_step(s)) > 0)
        if (json_array_append_new(alarms, json_pack("{s:I,s:s,s:s,s:I,s:s,s:s}", "at",
                                                    (json_int_t)sqlite3_column_int64(s, 0), "bank",
                                                    db_text(s, 1), "log", db_text(s, 2), "n",
                                                    (json_int_t)sqlite3_column_int64(s, 3), "kind",
                                                    db_text(s, 4), "text", db_text(s, 5))) < 0)
            return -ENOMEM;
    if (r < 0)
        return r;
    *ret_alarms = json_incref(alarms);
    return 0;
}

int store_add_command(struct store *store, const char *id, const char *bank, int64_t deadline_ms,
                      const char *body)
{
    int r = db_bind(store->sql[S_COMMAND_ADD], "ssis", id, bank, deadline_ms, body);

    return r < 0 ? r : db_run(store->sql[S_COMMAND_ADD]);
}

int store_unsent_commands(struct store *store, int64_t now_ms, store_command_fn each,
                          void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_COMMAND_UNSENT];
    int r = db_bind(s, "i", now_ms);

    if (r < 0)
        return r;
    while ((r = db_step(s)) > 0) {
        r = each(userdata, db_text(s, 0), db_text(s, 1), db_text(s, 2));
        if (r <= 0)
            break;
    }
    return r;
}

int store_command_sent(struct store *store, const char *id)
{
    int r = db_bind(store->sql[S_COMMAND_SENT], "s", id);

    return r < 0 ? r : db_run(store->sql[S_COMMAND_SENT]);
}

int store_command_result(struct store *store, const char *id, const char *bank, const char *result,
                         const char *reason)
{
    int r = db_bind(store->sql[S_COMMAND_RESULT], "ssss", result, reason, id, bank);

    return r < 0 ? r : db_run(store->sql[S_COMMAND_RESULT]);
}

int store_lapse_commands(struct store *store, int64_t now_ms)
{
    int r = db_bind(store->sql[S_COMMAND_LAPSE], "i", now_ms);

    return r < 0 ? r : db_run(store->sql[S_COMMAND_LAPSE]);
}

int store_command(struct store *store, const char *id, bool *ret_sent, char **ret_result,
                  char **ret_reason)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_COMMAND_GET];
    int r = db_bind(s, "s", id);

    if (r >= 0)
        r = db_step(s);
    if (r <= 0)
        return r;
    *ret_sent = sqlite3_column_int(s, 2);
    if (!db_text(s, 0))
        return 0;
    r = db_copy_text(s, 0, ret_result);
    if (r >= 0)
        r = db_copy_text(s, 1, ret_reason);
    return r < 0 ? r : 1;
}
