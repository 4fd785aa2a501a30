/* One MQTT connection in a thread of its own.
 *
 * The thread owns the libmosquitto handle and everything that can block (DNS, connect, TLS). It
 * hands whole messages and changes of state to the loop through one bounded mailbox and an
 * sd-event source; the loop never waits. Back-off between attempts is jittered: 1 s doubling to
 * 60 s (both configurable for tests). MQTT 3.1.1, QoS 1, clean session; nothing is published while
 * disconnected, because libmosquitto 2.0.11 would queue it without bound. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct mqtt;

enum mqtt_state {
    MQTT_WAITING,    /* back-off until the next attempt */
    MQTT_CONNECTING, /* DNS, TCP, TLS, CONNECT under way */
    MQTT_CONNECTED,  /* CONNACK and every SUBACK received */
};

/* Why there is no connection. The names are stable: status, D-Bus and docs use them. */
enum mqtt_trouble {
    MQTT_FINE,
    MQTT_NAME,            /* the host's name cannot be resolved */
    MQTT_UNREACHABLE,     /* no route, network down */
    MQTT_NO_ANSWER,       /* TCP: nothing comes back (a black hole) */
    MQTT_REFUSED,         /* TCP: nobody listens there */
    MQTT_TLS,             /* no TLS there, or TLS failed otherwise */
    MQTT_CERTIFICATE,     /* the broker's certificate is not good */
    MQTT_TLS_NO_ANSWER,   /* accepts, but does not answer the TLS handshake */
    MQTT_CONNACK_MISSING, /* accepts, but does not answer as a broker */
    MQTT_CREDENTIALS,     /* user, password or client certificate refused */
    MQTT_BROKER_REFUSES,  /* another refusal of the broker */
    MQTT_SUBSCRIPTION,    /* the access list forbids to subscribe */
    MQTT_SUBACK_MISSING,  /* the broker does not confirm the subscriptions */
    MQTT_CLOSED,          /* the other side closed the connection, before or after it was up */
    MQTT_BROKEN,          /* it broke, or the network did */
    MQTT_SILENT,          /* it was up, and then nothing came back any more: half-dead */
    MQTT_LOCAL,           /* a file here cannot be read, or no memory */
    MQTT_HQ_SILENT,       /* up, but HQ does not answer through it (not told by the thread) */
    MQTT_HQ_UNSIGNED,     /* up, but what comes is not signed by HQ (not told by the thread) */
    MQTT_HQ_NO_ACK,       /* up, but HQ does not take the events (not told by the thread) */
    MQTT_TROUBLE_COUNT,
};
const char *mqtt_trouble_name(enum mqtt_trouble trouble);

struct mqtt_options {
    const char *host;
    uint16_t port;
    const char *client_id;
    const char *user;                        /* NULL = none */
    const char *password_file;               /* NULL = none; read at each connect */
    const char *ca_file;                     /* NULL = no TLS */
    const char *certificate_file, *key_file; /* client certificate; NULL = none */
    const char *const *subscriptions;        /* NULL-terminated topic filters, QoS 1 */
    const char *will_topic, *will_payload;   /* NULL = none; QoS 1, retained */
    unsigned keepalive_s;                    /* at least 5; 0 = 30 */
    unsigned backoff_min_ms, backoff_max_ms; /* 0 = 1 s, 60 s */
    unsigned connect_timeout_ms;             /* TCP, TLS, CONNACK and SUBACK together; 0 = 15 s */
    size_t mailbox_bytes; /* payload bytes that may wait for the loop, 0 = 1 MiB; when full the
                             thread stops reading from the socket until the loop has caught up. A
                             larger message comes alone. */
};

struct mqtt_message {
    const char *topic;
    const char *payload; /* NUL-terminated after payload_bytes for convenience */
    size_t payload_bytes;
    bool retained;
};

/* Called in the loop's thread. `message` is valid during the call. No callback may call
 * mqtt_free(). */
typedef void (*mqtt_message_fn)(void *userdata, const struct mqtt_message *message);
/* To be called inside on_message, by a receiver that has done only a part of a large message: the
 * same message is handed over again, before any other, in the next turn of the loop, so that
 * somebody else can be served in between, or after so many milliseconds. */
void mqtt_again(struct mqtt *mqtt, unsigned after_ms);

/* Called in the loop's thread after every burst of messages when the mailbox is empty: the moment
 * to end a group commit. Also called when there is room again after mqtt_publish() said -EAGAIN. */
typedef void (*mqtt_drained_fn)(void *userdata);
/* Called in the loop's thread. `trouble` says why when `state` is MQTT_WAITING; `detail` is a
 * sentence for an engineer ("connection refused by 10.0.0.5:8883; check that …"). */
typedef void (*mqtt_state_fn)(void *userdata, enum mqtt_state state, enum mqtt_trouble trouble,
                              const char *detail);

/* Starts the thread. All strings in `options` are copied. The messages of one turn of the loop are
 * few, and the source's priority is below the normal one, so that a customer at the door is served
 * in the middle of a large fetch. Returns -EINVAL for options that can never work, -ENOMEM, or the
 * -errno of making the thread. */
int mqtt_new(sd_event *event, const struct mqtt_options *options, mqtt_message_fn on_message,
             mqtt_drained_fn on_drained, mqtt_state_fn on_state, void *userdata,
             struct mqtt **ret_mqtt);
/* Gives what was published up to a second to be acknowledged, sends DISCONNECT (so that the will
 * is not published), joins the thread, drops what waits in the mailbox. A thread that hangs in a
 * name lookup is left to end by itself. */
struct mqtt *mqtt_free(struct mqtt *mqtt);
DEFINE_CLEANUP(struct mqtt *, mqtt_free);

/* Publishes with QoS 1. Returns 0 when handed to the connection (which proves nothing about
 * delivery), -ENOTCONN when there is none, -EAGAIN when `in flight` is at its bound (64 messages):
 * call again after on_drained; -EINVAL for a topic that cannot be published to; -ENOMEM. */
int mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t payload_bytes,
                 bool retain);
/* Messages published and not yet acknowledged by the broker. */
unsigned mqtt_in_flight(const struct mqtt *mqtt);
enum mqtt_state mqtt_state(const struct mqtt *mqtt);
/* Asks the thread to end a wait now and try to connect. */
void mqtt_reconnect(struct mqtt *mqtt);
