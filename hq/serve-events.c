/* HQ's side of the events feed (docs/protocol.md, "up/events"): no gap, the chain unbroken, each
 * event once, acknowledged after the commit. */
#include "hq/book.h"
#include "hq/serve.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/member.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What became of a message. */
enum verdict {
    TAKEN,  /* all of it is stored, or was before */
    GAP,    /* something before it is missing: ask for it */
    SILENT, /* a fork or a broken chain: nothing is acknowledged */
};

static void raise_alarm(struct serve *serve, const struct serve_bank *bank, const char *log,
                        int64_t n, const char *kind, const char *text)
{
    char field[64];
    const char *fields[] = {field, NULL};

    snprintf(field, sizeof(field), "BANK=%s", bank->name);
    if (store_alarm(serve->store, bank->name, log, n, kind, text, clock_now_ms()) > 0)
        log_fields(LOG_ALERT, fields, "Bank %s, event %lld: %s.", bank->name, (long long)n, text);
}

/* An event that is here already must be the same one. */
static int compare(struct serve *serve, const struct serve_bank *bank, const char *name,
                   struct store_log *log, int64_t n, const json_t *event, enum verdict *ret_verdict)
{
    const char *hash = json_string_value(json_object_get(event, "hash"));
    char stored[EVENT_HASH_BYTES * 2 + 1];
    int r = store_event_hash(serve->store, log->id, n, stored);

    if (r < 0)
        return r;
    if (r > 0 && hash && strcmp(hash, stored) == 0)
        return 0;
    *ret_verdict = SILENT;
    if (log->forked)
        return 0; /* it was told */
    raise_alarm(
        serve, bank, name, n, "fork",
        "it is here already with another hash: two boards have one identity; replace one of them "
        "and give both a new log");
    log->forked = true;
    return store_fork_log(serve->store, log);
}

/* The first event behind a gap begins the chain anew: nothing before it is here to check it. */
static int begin_anew(struct store_log *log, const json_t *event)
{
    const char *hash = json_string_value(json_object_get(event, "hash"));
    uint8_t bytes[EVENT_HASH_BYTES];
    size_t n = 0;

    if (!hash || sodium_hex2bin(bytes, sizeof(bytes), hash, strlen(hash), NULL, &n, NULL) < 0 ||
        n != sizeof(bytes))
        return -EBADMSG;
    memcpy(log->hash, bytes, sizeof(bytes));
    return 0;
}

/* The bank has deleted what we lack (we were restored from an older backup than it keeps events
 * for). It is recorded as lost; the chain goes on behind it. */
static int take_gap(struct serve *serve, const struct serve_bank *bank,
                    const struct wire_events *message, struct store_log *log, bool *ret_anew)
{
    char text[160];
    int r;

    if (message->lost_after < 0 || message->lost_after > log->through ||
        message->first <= log->through + 1)
        return 0;
    snprintf(text, sizeof(text),
             "the events %lld to %lld are not at the bank any more; they are lost",
             (long long)log->through + 1, (long long)message->first - 1);
    raise_alarm(serve, bank, message->log, message->first - 1, "lost", text);
    r = store_add_gap(serve->store, log->id, log->through + 1, message->first - 1);
    log->through = message->first - 1;
    *ret_anew = true;
    return r;
}

static int store_one(struct serve *serve, const struct serve_bank *bank, const char *name,
                     struct store_log *log, int64_t n, json_t *event, bool anew,
                     enum verdict *ret_verdict)
{
    int64_t placed_at = 0;
    const char *branch = serve->context->config.branches[bank->branch].name;
    int r = anew ? begin_anew(log, event) : event_verify(event, log->hash);

    if (r == -EBADMSG) {
        if (!log->forked)
            raise_alarm(serve, bank, name, n, "chain",
                        "it does not fit the audit chain and was not taken");
        *ret_verdict = SILENT;
        return 0;
    }
    if (r < 0)
        return r;
    log->through = n;
    r = store_add_event(serve->store, log->id, n, event, &placed_at);
    /* What cannot be placed happened before it came here, and that is all that is known. */
    if (r >= 0 && !json_is_true(json_object_get(event, "trusted")))
        r = json_object_set_new(event, "placed_at",
                                json_integer(placed_at ? placed_at : clock_now_ms()));
    if (r >= 0)
        r = book_evidence(serve->store, branch, bank->name, name, event);
    serve->batch_rows++;
    serve->unsettled[bank->branch] = true;
    return r < 0 ? r : 0;
}

static int take_events(struct serve *serve, const struct serve_bank *bank,
                       const struct wire_events *message, struct store_log *log,
                       enum verdict *ret_verdict)
{
    bool anew = false;
    json_t *event;
    size_t i;
    int r = json_array_size(message->events) > 0 ? take_gap(serve, bank, message, log, &anew) : 0;

    if (r < 0)
        return r;
    json_array_foreach (message->events, i, event) {
        const json_t *number = json_object_get(event, "n");
        int64_t n = json_integer_value(number);

        if (!json_is_integer(number) || (uint64_t)n != (uint64_t)message->first + i) {
            log_warning("Bank %s: event %zu of a message from %lld has no proper n.", bank->name, i,
                        (long long)message->first);
            *ret_verdict = SILENT;
            return 0;
        }
        if (n > log->through + 1) {
            *ret_verdict = GAP;
            return 0;
        }
        r = n <= log->through
                ? compare(serve, bank, message->log, log, n, event, ret_verdict)
                : store_one(serve, bank, message->log, log, n, event, anew && i == 0, ret_verdict);
        if (r < 0 || *ret_verdict != TAKEN)
            return r;
    }
    return 0;
}

/* Nothing of a forked log is acknowledged, so that neither board forgets anything. */
static void owe_ack(struct serve_bank *bank, const struct wire_events *message,
                    const struct store_log *log, enum verdict verdict)
{
    if (verdict == SILENT || log->forked) {
        bank->ack_due = bank->ack_repeat = false;
        return;
    }
    memcpy(bank->ack.log, message->log, sizeof(bank->ack.log));
    bank->ack.through = log->through;
    bank->ack.resend = verdict == GAP;
    bank->ack_due = bank->ack_repeat = true;
}

static int find_log(struct serve *serve, const struct serve_bank *bank, const char *name,
                    struct store_log *ret_log)
{
    int r = store_log(serve->store, bank->name, name, ret_log);

    if (r != 0)
        return r;
    log_notice("Bank %s begins the log %s.", bank->name, name);
    return store_add_log(serve->store, bank->name, name, ret_log);
}

int serve_events(struct serve *serve, struct serve_bank *bank, const char *json, size_t n)
{
    _cleanup_(wire_events_done) struct wire_events message = {0};
    _cleanup_free_ char *reason = NULL;
    enum verdict verdict = TAKEN;
    struct store_log log;
    int64_t before;
    int r = wire_events_read(json, n, &message, &reason);

    if (r == -EBADMSG) {
        log_warning("Bank %s: up/events is ignored: %s.", bank->name, reason);
        return 0;
    }
    if (r >= 0)
        r = serve_batch(serve);
    if (r >= 0)
        r = find_log(serve, bank, message.log, &log);
    if (r < 0)
        return r;
    before = log.through;
    r = take_events(serve, bank, &message, &log, &verdict);
    if (r >= 0 && log.through > before)
        r = store_move_log(serve->store, &log);
    if (r >= 0)
        owe_ack(bank, &message, &log, verdict);
    return r;
}

static int check_clock(const json_t *status, char **ret_reason)
{
    const json_t *clock;
    int r = member_object(status, "", "clock", &clock, ret_reason);

    if (r >= 0 && !clock)
        r = member_complain(ret_reason, "clock must be an object");
    if (r >= 0)
        r = member_integer(clock, "clock.", "now", true, 0, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = member_boolean(clock, "clock.", "trusted", true, NULL, ret_reason);
    if (r >= 0)
        r = member_string(clock, "clock.", "state", false, 0, NULL, ret_reason);
    if (r >= 0)
        r = member_integer(clock, "clock.", "floor", false, 0, INT64_MAX, NULL, ret_reason);
    return r;
}

/* What a bank says of its disk, if it does. */
static int check_store(const json_t *status, char **ret_reason)
{
    static const char *const numbers[] = {"since", "bytes", "wal_bytes", "free_bytes"};
    const json_t *store = NULL;
    int r = member_object(status, "", "store", &store, ret_reason);

    if (r < 0 || !store)
        return r;
    r = member_string(store, "store.", "state", true, 0, NULL, ret_reason);
    if (r >= 0)
        r = member_string(store, "store.", "detail", false, 0, NULL, ret_reason);
    for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
        r = member_integer(store, "store.", numbers[i], true, 0, INT64_MAX, NULL, ret_reason);
    return r;
}

/* The last will says no more than that the bank is gone. */
static int check_status(const json_t *status, char **ret_reason)
{
    static const char *const numbers[] = {"cursor", "outbox",     "last_event",
                                          "doors",  "free_doors", "faults"};
    bool online = false;
    int r = member_boolean(status, "", "online", true, &online, ret_reason);

    if (r < 0 || !online)
        return r;
    r = member_string(status, "", "version", true, 0, NULL, ret_reason);
    if (r >= 0)
        r = member_string(status, "", "boot", true, 32, NULL, ret_reason);
    if (r >= 0)
        r = member_string(status, "", "feed", false, UUID_LENGTH, NULL, ret_reason);
    if (r >= 0)
        r = member_string(status, "", "log", false, UUID_LENGTH, NULL, ret_reason);
    for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
        r = member_integer(status, "", numbers[i], true, 0, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = member_integer(status, "", "every_ms", false, 1, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = member_integer(status, "", "orphans", false, 0, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = check_clock(status, ret_reason);
    return r < 0 ? r : check_store(status, ret_reason);
}

int serve_status(struct serve *serve, struct serve_bank *bank, const char *json, size_t n)
{
    json_auto_t *status = NULL;
    _cleanup_free_ char *reason = NULL;
    int r = wire_parse(json, n, &status, &reason);

    if (r >= 0)
        r = check_status(status, &reason);
    if (r == -EBADMSG) {
        log_warning("Bank %s: up/status is ignored: %s.", bank->name, reason);
        return 0;
    }
    if (r >= 0)
        r = serve_batch(serve);
    if (r < 0)
        return r;
    serve->batch_rows++;
    serve->unsettled[bank->branch] = true;
    return store_bank_status(serve->store, bank->name, status, clock_now_ms());
}

int serve_acks_pump(struct serve *serve)
{
    for (size_t i = 0; i < serve->n_banks; i++) {
        struct serve_bank *bank = &serve->banks[i];
        _cleanup_free_ char *json = NULL;
        int r;

        if (!bank->ack_due)
            continue;
        json = wire_ack_write(&bank->ack);
        if (!json)
            return -ENOMEM;
        r = serve_publish(serve, bank, WIRE_DOWN_ACK, json, strlen(json));
        if (r < 0)
            return r;
        bank->ack_due = false;
    }
    return 0;
}

/* An acknowledgement that was lost is repeated once; after that the bank sends its events again.
 * One that asks for something is repeated until it comes. */
void serve_acks_repeat(struct serve *serve)
{
    for (size_t i = 0; i < serve->n_banks; i++) {
        struct serve_bank *bank = &serve->banks[i];

        if (bank->ack_repeat)
            bank->ack_due = true;
        bank->ack_repeat = bank->ack_repeat && bank->ack.resend;
    }
}
