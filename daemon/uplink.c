#include "daemon/uplink.h"

#include "common/log.h"
#include "common/wire.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/command.h"
#include "daemon/door-book.h"
#include "daemon/feed-down.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IN_FLIGHT_MAX  4
#define EVENTS_MAX     500
#define SILENT_RESENDS 3   /* unanswered for so many times `resend` */
#define ENVELOPE       512 /* room for the members around the events */
#define OLD_TRIES_MAX  10  /* times that an earlier log is sent in vain before the own goes on */

static int64_t now_us(void)
{
    return (int64_t)clock_boot_us();
}

/* What an operator at HQ must know of the bank's disk. */
static json_t *store_status(const struct manager *manager)
{
    const struct disk *disk = &manager->disk;

    return json_pack("{ss ss* sI sI sI sI}", "state", disk_state_name(disk->state), "detail",
                     *disk->detail ? disk->detail : NULL, "since",
                     (json_int_t)(disk->state == DISK_FINE ? 0 : disk->since_ms), "bytes",
                     (json_int_t)(disk->size.used_bytes + disk->size.spare_bytes), "wal_bytes",
                     (json_int_t)disk->size.wal_bytes, "free_bytes",
                     (json_int_t)disk->size.disk_free_bytes);
}

static json_t *status(struct manager *manager)
{
    const char *log = store_log(manager->store);
    unsigned n_free = 0, faults = 0;

    (void)door_book_count(manager, &n_free, &faults);
    return json_pack("{so sb sI ss ss ss* sI ss* sI sI sI sI si si s{sI sb ss sI}}", "store",
                     store_status(manager), "online", 1, "every_ms",
                     (json_int_t)manager->config.status_ms, "version", PICKUP_VERSION, "boot",
                     manager->boot, "feed", *manager->feed.id ? manager->feed.id : NULL, "cursor",
                     (json_int_t)manager->feed.cursor, "log", *log ? log : NULL, "outbox",
                     (json_int_t)(store_last_event(manager->store) - manager->uplink.acked),
                     "last_event", (json_int_t)store_last_event(manager->store), "orphans",
                     (json_int_t)store_orphan_count(manager->store), "doors",
                     (json_int_t)manager->doors.n, "free_doors", (int)n_free, "faults", (int)faults,
                     "clock", "now", (json_int_t)clock_now_ms(), "trusted",
                     (int)timekeeper_trusted(manager), "state",
                     clock_verdict_name(manager->clock.trust.verdict), "floor",
                     (json_int_t)manager->clock.trust.floor_ms);
}

static void send_status(struct manager *manager)
{
    json_t *message;
    _cleanup_free_ char *text = NULL;
    char topic[WIRE_TOPIC_MAX];

    if (store_in_batch(manager->store))
        return; /* its cursor is not committed; the next tick says it */
    message = status(manager);
    text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    wire_topic(WIRE_UP_STATUS, manager->config.name, topic);
    if (text && mqtt_publish(manager->mqtt, topic, text, strlen(text), true) == 0)
        manager->uplink.status_us = now_us();
}

/* Sends one message of events; takes `events`. Those between `after` and the first of them are not
 * at the bank any more, and HQ is told so. Returns 1, or 0 when there were none; *ret_last is the
 * last one that was sent. */
static int publish_events(struct manager *manager, const char *log, json_t *events, int64_t after,
                          int64_t *ret_last)
{
    int64_t first = json_integer_value(json_object_get(json_array_get(events, 0), "n"));
    size_t n = json_array_size(events);
    _cleanup_free_ char *text = NULL;
    char topic[WIRE_TOPIC_MAX];
    json_t *message;
    int r;

    if (n == 0) {
        json_decref(events);
        return 0;
    }
    message = json_pack("{ss sI ss so}", "log", log, "first", (json_int_t)first, "boot",
                        manager->boot, "events", events);
    if (message && first > after + 1)
        json_object_set_new(message, "lost_after", json_integer(after));
    text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (!text)
        return -ENOMEM;
    wire_topic(WIRE_UP_EVENTS, manager->config.name, topic);
    r = mqtt_publish(manager->mqtt, topic, text, strlen(text), false);
    if (r < 0)
        return r;
    *ret_last = first + (int64_t)n - 1;
    manager->uplink.moved_us = now_us();
    return 1;
}

/* Of an earlier log, which was rescued. */
static int send_old(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    json_t *events = NULL;
    int r = store_old_list(manager->store, uplink->old_log, uplink->old_sent, EVENTS_MAX,
                           WIRE_PAYLOAD_MAX - ENVELOPE, &events);

    if (r < 0)
        return manager_store_failed(manager, r, "reading rescued events");
    return publish_events(manager, uplink->old_log, events, uplink->old_sent, &uplink->old_sent);
}

static int send_own(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    json_t *events = NULL;
    int r =
        audit_list(manager->store, uplink->sent, EVENTS_MAX, WIRE_PAYLOAD_MAX - ENVELOPE, &events);

    if (r < 0)
        return manager_store_failed(manager, r, "reading events");
    return publish_events(manager, store_log(manager->store), events, uplink->sent, &uplink->sent);
}

/* What an earlier log tells comes before what the bank did since, so that HQ books it in order; but
 * a log that HQ does not take must not hold up the others for ever. */
static int send_some(struct manager *manager)
{
    int r = *manager->uplink.old_log ? send_old(manager) : 0;

    if (r != 0 || (*manager->uplink.old_log && manager->uplink.old_tries < OLD_TRIES_MAX))
        return r;
    return send_own(manager);
}

void uplink_send(struct manager *manager)
{
    if (!manager->mqtt || store_in_batch(manager->store) || !disk_usable(manager))
        return; /* what is not committed must not leave; the end of the batch calls again */
    while (mqtt_state(manager->mqtt) == MQTT_CONNECTED &&
           mqtt_in_flight(manager->mqtt) < IN_FLIGHT_MAX && send_some(manager) > 0)
        continue;
}

static int find_old_log(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    char before[sizeof(uplink->old_log)];
    int r;

    memcpy(before, uplink->old_log, sizeof(before));
    *uplink->old_log = '\0';
    r = store_old_log(manager->store, uplink->old_log);
    if (strcmp(before, uplink->old_log) != 0)
        uplink->old_sent = 0;
    return r < 0 ? r : 0;
}

static int take_old_ack(struct manager *manager, const struct wire_ack *ack)
{
    struct uplink *uplink = &manager->uplink;
    int r = feed_down_commit(manager);

    if (r == 0)
        r = store_begin(manager->store);
    if (r == 0)
        r = store_old_acked(manager->store, ack->log, ack->through);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    uplink->old_tries = 0;
    uplink->moved_us = now_us();
    if (ack->resend)
        uplink->old_sent = ack->through;
    return find_old_log(manager);
}

static int take_own_ack(struct manager *manager, const struct wire_ack *ack)
{
    struct uplink *uplink = &manager->uplink;
    int r = 0;

    if (ack->through > store_last_event(manager->store))
        return 0;
    if (ack->resend)
        uplink->sent = ack->through;
    /* HQ was restored and lacks what it had acknowledged: it is wanted again, and kept until then.
     */
    if (ack->through > uplink->acked || (ack->resend && ack->through < uplink->acked)) {
        r = feed_down_commit(manager);
        if (r == 0)
            r = store_begin(manager->store);
        if (r == 0)
            r = store_set_integer(manager->store, "acked", ack->through);
        r = store_finish(manager->store, r);
        /* HQ has them, whether that can be noted or not: after a restart it says so again. */
        uplink->acked = ack->through;
        uplink->moved_us = now_us();
        uplink->unacked_us = 0;
    }
    if (uplink->sent < uplink->acked)
        uplink->sent = uplink->acked;
    if (ack->resend)
        feed_down_fetch(manager, true); /* perhaps it lacks documents as well */
    return r;
}

static void take_ack(struct manager *manager, const char *json, size_t n)
{
    struct wire_ack ack;
    _cleanup_free_ char *reason = NULL;
    int r = wire_ack_read(json, n, &ack, &reason);

    if (r < 0) {
        log_warning("an acknowledgement cannot be read: %s", reason ? reason : strerror(-r));
        return;
    }
    if (!disk_usable(manager))
        return;
    if (*manager->uplink.old_log && strcmp(ack.log, manager->uplink.old_log) == 0)
        r = take_old_ack(manager, &ack);
    else if (strcmp(ack.log, store_log(manager->store)) == 0)
        r = take_own_ack(manager, &ack);
    if (r < 0)
        manager_store_failed(manager, r, "noting an acknowledgement");
    uplink_send(manager);
}

static void tell_health(struct manager *manager)
{
    const struct link_health *health = &manager->uplink.health;

    if (health->up && health->trouble == MQTT_FINE)
        log_info("HQ: %s", health->detail);
    else
        log_warning("HQ: %s", health->detail);
    bus_tell_properties(manager);
}

static void doubt(struct manager *manager, enum mqtt_trouble trouble, const char *text)
{
    if (link_health_doubt(&manager->uplink.health, trouble, text, clock_now_ms(), clock_boot_us()))
        tell_health(manager);
}

/* HQ has said something. */
static void heard(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;

    uplink->heard_us = now_us();
    uplink->waiting_us = 0;
    uplink->unsigned_seen = false;
    if (uplink->health.trouble != MQTT_HQ_NO_ACK)
        doubt(manager, MQTT_FINE, "connected, and HQ answers");
}

static void doubt_answers(struct manager *manager)
{
    char text[sizeof(manager->uplink.health.detail)];
    const char *bank = manager->config.name;

    snprintf(text, sizeof(text),
             "connected to the broker, but HQ does not answer; check that pickup-hq serve runs and "
             "knows bank %s, and that the broker's access list lets this bank write " WIRE_PREFIX
             "%s/up/# and read " WIRE_PREFIX "%s/down/#",
             bank, bank, bank);
    if (manager->uplink.unsigned_seen)
        doubt(
            manager, MQTT_HQ_UNSIGNED,
            "connected, but what comes is not signed with HQ's feed key; check that [hq] feed_key "
            "is the feed.pub of this HQ");
    else
        doubt(manager, MQTT_HQ_SILENT, text);
}

/* The broker takes what its access list forbids and says nothing; only the missing answer tells. */
static void watch_answers(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    int64_t now = now_us(), patience = SILENT_RESENDS * manager->config.resend_ms * 1000;

    if (store_last_event(manager->store) == uplink->acked) {
        uplink->unacked_us = 0;
        if (uplink->health.trouble == MQTT_HQ_NO_ACK)
            doubt(manager, MQTT_FINE, "connected, and HQ answers");
    } else if (!uplink->unacked_us) {
        uplink->unacked_us = now;
    } else if (now - uplink->unacked_us >= patience &&
               now - uplink->heard_us >= manager->config.resend_ms * 1000) {
        feed_down_fetch(manager, true); /* does it answer to something else? */
    }
    if (!manager->feed.fetching)
        uplink->waiting_us = 0;
    else if (!uplink->waiting_us)
        uplink->waiting_us = now;
    else if (now - uplink->waiting_us >= patience)
        doubt_answers(manager);
    if (uplink->unacked_us && now - uplink->unacked_us >= 2 * patience &&
        now - uplink->heard_us < patience)
        doubt(manager, MQTT_HQ_NO_ACK,
              "HQ answers, but does not take the events of this bank; pickup-hq banks shows why, "
              "for example a second board with the same name");
}

static void on_message(void *userdata, const struct mqtt_message *message)
{
    struct manager *manager = userdata;
    char bank[WIRE_BANK_MAX + 1];
    enum wire_topic topic;
    const char *json;
    size_t n;

    if (wire_topic_parse(message->topic, &topic, bank) < 0 ||
        strcmp(bank, manager->config.name) != 0)
        return;
    if (feed_down_busy(manager)) {
        feed_down_go_on(manager);
        return;
    }
    if (wire_verify(manager->feed_key, message->topic, message->payload, message->payload_bytes,
                    &json, &n) < 0) {
        if (manager->uplink.bad_signatures++ % 1000 == 0)
            log_warning("dropped a message on %s that HQ has not signed (%" PRIu64 " so far)",
                        message->topic, manager->uplink.bad_signatures);
        manager->uplink.unsigned_seen = true;
        return;
    }
    heard(manager);
    switch (topic) {
    case WIRE_DOWN_ORDERS:
        feed_down_page(manager, json, n);
        break;
    case WIRE_DOWN_ACK:
        take_ack(manager, json, n);
        break;
    case WIRE_DOWN_COMMAND:
        command_take(manager, json, n, message->retained);
        break;
    default:
        break;
    }
}

static void on_drained(void *userdata)
{
    struct manager *manager = userdata;

    if (feed_down_commit(manager) == 0)
        feed_down_fetch(manager, false);
    uplink_send(manager);
}

static void on_state(void *userdata, enum mqtt_state state, enum mqtt_trouble trouble,
                     const char *detail)
{
    struct manager *manager = userdata;
    struct link_health *health = &manager->uplink.health;

    if (link_health_note(health, state, trouble, detail, clock_now_ms(), clock_boot_us()))
        tell_health(manager);
    if (state != MQTT_CONNECTED) {
        manager->uplink.waiting_us = manager->uplink.unacked_us = 0;
        feed_disconnected(&manager->feed);
        return;
    }
    manager->uplink.sent = manager->uplink.acked;
    manager->uplink.old_sent = 0;
    manager->uplink.poll_us = now_us();
    send_status(manager);
    feed_down_fetch(manager, true);
    if (*manager->feed.id)
        feed_down_tell_applied(manager);
    uplink_send(manager);
}

int uplink_restore(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    int r;

    uplink->acked = 0;
    uplink->old_tries = 0;
    r = store_get_integer(manager->store, "acked", &uplink->acked);
    if (r >= 0)
        r = find_old_log(manager);
    uplink->sent = uplink->acked;
    return r < 0 ? r : 0;
}

void uplink_tell(struct manager *manager)
{
    if (manager->mqtt && mqtt_state(manager->mqtt) == MQTT_CONNECTED)
        send_status(manager);
}

void uplink_resume(struct manager *manager)
{
    if (!manager->mqtt || mqtt_state(manager->mqtt) != MQTT_CONNECTED)
        return;
    feed_disconnected(&manager->feed); /* an answer that was under way may have been passed over */
    feed_down_fetch(manager, true);
    uplink_send(manager);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

int uplink_start(struct manager *manager)
{
    const struct bank_config *config = &manager->config;
    char down[WIRE_TOPIC_MAX], will[WIRE_TOPIC_MAX];
    const char *subscriptions[] = {down, NULL};
    struct mqtt_options options = {
        .host = config->host,
        .port = (uint16_t)config->port,
        .client_id = config->name,
        .user = config->user,
        .password_file = or_null(config->password_file),
        .ca_file = or_null(config->ca_file),
        .certificate_file = or_null(config->certificate_file),
        .key_file = or_null(config->key_file),
        .subscriptions = subscriptions,
        .will_topic = will,
        .will_payload = "{\"online\":false}",
        .keepalive_s = (unsigned)(config->keepalive_ms / 1000),
        .backoff_min_ms = (unsigned)config->backoff_min_ms,
        .backoff_max_ms = (unsigned)config->backoff_max_ms,
        .connect_timeout_ms = (unsigned)config->connect_timeout_ms,
    };
    snprintf(down, sizeof(down), WIRE_PREFIX "%s/down/#", config->name);
    wire_topic(WIRE_UP_STATUS, config->name, will);
    return mqtt_new(manager->event, &options, on_message, on_drained, on_state, manager,
                    &manager->mqtt);
}

void uplink_stop(struct manager *manager)
{
    static const char gone[] = "{\"online\":false}";
    char topic[WIRE_TOPIC_MAX];

    if (!manager->mqtt)
        return;
    wire_topic(WIRE_UP_STATUS, manager->config.name, topic);
    (void)mqtt_publish(manager->mqtt, topic, gone, strlen(gone), true);
}

void uplink_tick(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    int64_t now = now_us();

    if (mqtt_state(manager->mqtt) != MQTT_CONNECTED)
        return;
    if (now - uplink->status_us >= manager->config.status_ms * 1000)
        send_status(manager);
    if (now - uplink->moved_us >= manager->config.resend_ms * 1000) {
        if (uplink->sent > uplink->acked)
            uplink->sent = uplink->acked;
        if (uplink->old_sent > 0) {
            uplink->old_sent = 0;
            uplink->old_tries++;
        }
    }
    if (now - uplink->poll_us >= manager->config.poll_ms * 1000) {
        uplink->poll_us = now;
        feed_down_fetch(manager, true);
    } else {
        feed_down_fetch(manager, false);
    }
    uplink_send(manager);
    watch_answers(manager);
}
