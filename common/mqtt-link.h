/* One attempt to connect to the broker and what becomes of it. Inner part of common/mqtt.h, used in
 * the MQTT thread only.
 *
 * Every attempt gets a libmosquitto handle of its own: what the library queued for a connection
 * that broke can so never be sent on the next one, and certificates and passwords are read anew. */
#pragma once

#include "common/mqtt-mailbox.h"

#include <mosquitto.h>

enum mqtt_link_phase {
    LINK_TCP,
    LINK_TLS,
    LINK_CONNACK,
    LINK_SUBACK,
    LINK_UP,
    LINK_FAILED, /* `trouble` says why */
};

struct mqtt_link {
    const struct mqtt_options *options;
    struct mqtt_mailbox *mailbox;
    struct mosquitto *handle;
    enum mqtt_link_phase phase;
    enum mqtt_trouble kind; /* of trouble; MQTT_FINE = none yet */
    char trouble[384];      /* a sentence for an engineer */
};

/* Looks up the host (which blocks) and begins to connect. `failures` counts the attempts that came
 * to nothing, so that a host with IPv4 and IPv6 addresses is tried with both in turn. */
void mqtt_link_open(struct mqtt_link *link, const struct mqtt_options *options,
                    struct mqtt_mailbox *mailbox, unsigned failures);
/* What to poll for; the descriptor is negative when there is none. */
int mqtt_link_fd(const struct mqtt_link *link);
short mqtt_link_poll_events(const struct mqtt_link *link);
/* Does what poll() found to be possible, and keeps the connection alive. */
void mqtt_link_step(struct mqtt_link *link, short revents);
void mqtt_link_publish(struct mqtt_link *link, const struct mqtt_item *item);
/* The time to connect is over. */
void mqtt_link_time_out(struct mqtt_link *link);
/* Writes DISCONNECT; step on until the descriptor is gone. */
void mqtt_link_disconnect(struct mqtt_link *link);
/* "connected to broker:8883 (TLSv1.3)" */
void mqtt_link_describe(const struct mqtt_link *link, char *ret_text, size_t size);
void mqtt_link_close(struct mqtt_link *link);
