#include "daemon/uplink.h"

#include "common/log.h"
#include "common/wire.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/command.h"
#include "daemon/door-book.h"
#include "daemon/feed-down.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IN_FLIGHT_MAX 4
#define EVENTS_MAX    500
#define ENVELOPE      512 /* room for the members around the events */

static int64_t now_us(void)
{
    return (int64_t)clock_boot_us();
}

static json_t *status(struct manager *manager)
{
    unsigned n_free = 0, faults = 0;

    (void)door_book_count(manager, &n_free, &faults);
    return json_pack(
        "{sb ss ss ss* sI ss sI sI sI si si s{sI sb}}", "online", 1, "version", PICKUP_VERSION,
        "boot", manager->boot, "feed", *manager->feed.id ? manager->feed.id : NULL, "cursor",
        (json_int_t)manager->feed.cursor, "log", store_log(manager->store), "outbox",
        (json_int_t)(store_last_event(manager->store) - manager->uplink.acked), "last_event",
        (json_int_t)store_last_event(manager->store), "doors", (json_int_t)manager->doors.n,
        "free_doors", (int)n_free, "faults", (int)faults, "clock", "now",
        (json_int_t)clock_now_ms(), "trusted", (int)manager->clock_trusted);
}

static void send_status(struct manager *manager)
{
    json_t *message = status(manager);
    _cleanup_free_ char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    char topic[WIRE_TOPIC_MAX];

    json_decref(message);
    wire_topic(WIRE_UP_STATUS, manager->config.name, topic);
    if (text && mqtt_publish(manager->mqtt, topic, text, strlen(text), true) == 0)
        manager->uplink.status_us = now_us();
}

/* One message of events after `sent`. Returns 1 when something was sent. */
static int send_some(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    json_t *events = NULL, *message;
    _cleanup_free_ char *text = NULL;
    char topic[WIRE_TOPIC_MAX];
    size_t n;
    int r =
        audit_list(manager->store, uplink->sent, EVENTS_MAX, WIRE_PAYLOAD_MAX - ENVELOPE, &events);

    if (r < 0)
        return r;
    n = json_array_size(events);
    if (n == 0) {
        json_decref(events);
        return 0;
    }
    int64_t first = json_integer_value(json_object_get(json_array_get(events, 0), "n"));

    message = json_pack("{ss sI ss so}", "log", store_log(manager->store), "first",
                        (json_int_t)first, "boot", manager->boot, "events", events);
    text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (!text)
        return -ENOMEM;
    wire_topic(WIRE_UP_EVENTS, manager->config.name, topic);
    r = mqtt_publish(manager->mqtt, topic, text, strlen(text), false);
    if (r < 0)
        return r;
    uplink->sent = first + (int64_t)n - 1;
    uplink->moved_us = now_us();
    return 1;
}

void uplink_send(struct manager *manager)
{
    if (!manager->mqtt || store_in_batch(manager->store))
        return; /* what is not committed must not leave; the end of the batch calls again */
    while (mqtt_state(manager->mqtt) == MQTT_CONNECTED &&
           mqtt_in_flight(manager->mqtt) < IN_FLIGHT_MAX && send_some(manager) > 0)
        continue;
}

static void take_ack(struct manager *manager, const char *json, size_t n)
{
    struct uplink *uplink = &manager->uplink;
    struct wire_ack ack;
    _cleanup_free_ char *reason = NULL;
    int r = wire_ack_read(json, n, &ack, &reason);

    if (r < 0) {
        log_warning("an acknowledgement cannot be read: %s", reason ? reason : strerror(-r));
        return;
    }
    if (strcmp(ack.log, store_log(manager->store)) != 0 ||
        ack.through > store_last_event(manager->store))
        return;
    if (ack.resend)
        uplink->sent = ack.through;
    if (ack.through > uplink->acked) {
        r = feed_down_commit(manager);
        if (r == 0)
            r = store_begin(manager->store);
        if (r == 0)
            r = store_set_integer(manager->store, "acked", ack.through);
        r = store_finish(manager->store, r);
        if (r < 0) {
            manager_store_failed(manager, r, "noting an acknowledgement");
            return;
        }
        uplink->acked = ack.through;
        uplink->moved_us = now_us();
    }
    if (uplink->sent < uplink->acked)
        uplink->sent = uplink->acked;
    uplink_send(manager);
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
        return;
    }
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

static void on_state(void *userdata, enum mqtt_state state, const char *detail)
{
    struct manager *manager = userdata;

    if (strcmp(detail, manager->uplink.detail) != 0)
        log_info("HQ: %s", detail);
    snprintf(manager->uplink.detail, sizeof(manager->uplink.detail), "%s", detail);
    bus_tell_properties(manager);
    if (state != MQTT_CONNECTED) {
        feed_disconnected(&manager->feed);
        return;
    }
    manager->uplink.sent = manager->uplink.acked;
    manager->uplink.poll_us = now_us();
    send_status(manager);
    feed_down_fetch(manager, true);
    if (*manager->feed.id)
        feed_down_tell_applied(manager);
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
    };
    int r = store_get_integer(manager->store, "acked", &manager->uplink.acked);

    if (r < 0)
        return r;
    snprintf(down, sizeof(down), WIRE_PREFIX "%s/down/#", config->name);
    wire_topic(WIRE_UP_STATUS, config->name, will);
    return mqtt_new(manager->event, &options, on_message, on_drained, on_state, manager,
                    &manager->mqtt);
}

void uplink_tick(struct manager *manager)
{
    struct uplink *uplink = &manager->uplink;
    int64_t now = now_us();

    if (mqtt_state(manager->mqtt) != MQTT_CONNECTED)
        return;
    if (now - uplink->status_us >= manager->config.status_ms * 1000)
        send_status(manager);
    if (uplink->sent > uplink->acked && now - uplink->moved_us >= manager->config.resend_ms * 1000)
        uplink->sent = uplink->acked;
    if (now - uplink->poll_us >= manager->config.poll_ms * 1000) {
        uplink->poll_us = now;
        feed_down_fetch(manager, true);
    } else {
        feed_down_fetch(manager, false);
    }
    uplink_send(manager);
}
