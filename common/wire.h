/* The MQTT wire between a bank and HQ: topics, signed envelopes, messages (docs/protocol.md). Pure.
 */
#pragma once

#include "common/cleanup.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define WIRE_PREFIX         "pickup/v1/"
#define WIRE_BANK_MAX       32 /* [a-z0-9-]{1,32} */
#define WIRE_TOPIC_MAX      96
#define WIRE_PAYLOAD_MAX    (128 * 1024) /* bytes of JSON; the signature line comes on top */
#define WIRE_SIGNATURE_LINE 89           /* Base64 of 64 bytes and a newline */
#define WIRE_FEED_ID_LENGTH 36           /* UUID in its text form */

enum wire_topic {
    WIRE_DOWN_ORDERS,
    WIRE_DOWN_ACK,
    WIRE_DOWN_COMMAND,
    WIRE_UP_FETCH,
    WIRE_UP_APPLIED,
    WIRE_UP_EVENTS,
    WIRE_UP_STATUS,
    WIRE_UP_REPLY,
    WIRE_TOPIC_COUNT,
};

bool wire_bank_valid(const char *bank);
/* "pickup/v1/{bank}/down/orders" … */
void wire_topic(enum wire_topic topic, const char *bank, char ret_topic[WIRE_TOPIC_MAX]);
/* Splits a topic into its bank and kind; -EINVAL when it is not one of ours. */
int wire_topic_parse(const char *topic, enum wire_topic *ret_topic,
                     char ret_bank[WIRE_BANK_MAX + 1]);

/* Signs a down payload: "Base64(Ed25519(topic ‖ '\n' ‖ json)) '\n' json". `seed` is HQ's feed key
 * (32 bytes). The result is malloc'd and NUL-terminated. */
int wire_sign(const uint8_t seed[32], const char *topic, const char *json, size_t n_json,
              char **ret_payload, size_t *ret_bytes);
/* Checks the signature; *ret_json points into `payload`. -EBADMSG = no signature line or too large,
 * -EKEYREJECTED = the signature is wrong. */
int wire_verify(const uint8_t public_key[32], const char *topic, const char *payload,
                size_t n_payload, const char **ret_json, size_t *ret_n_json);

/* Parses a payload strictly: an object, duplicates rejected, no NUL, at most WIRE_PAYLOAD_MAX.
 * Returns -EBADMSG with *ret_reason (owned by the caller). */
int wire_parse(const char *json, size_t n_json, json_t **ret_object, char **ret_reason);

/* down/orders */
struct wire_orders {
    char feed[WIRE_FEED_ID_LENGTH + 1];
    int64_t prev, seq, end; /* end = -1 when absent (live push) */
    bool more;
    json_t *orders; /* array, owned */
};
/* up/fetch: feed "" = null */
struct wire_fetch {
    char feed[WIRE_FEED_ID_LENGTH + 1];
    int64_t after, max_bytes;
};
/* up/applied */
struct wire_applied {
    char feed[WIRE_FEED_ID_LENGTH + 1];
    int64_t through;
    /* How far the bank's log was by then; "" and 0 = not said. */
    char log[WIRE_FEED_ID_LENGTH + 1];
    int64_t last_event;
};
/* up/events */
struct wire_events {
    char log[WIRE_FEED_ID_LENGTH + 1];
    int64_t first;
    int64_t lost_after; /* -1 = absent; else what came after it and before `first` is deleted */
    char boot[33];
    json_t *events; /* array, owned */
};
/* down/ack */
struct wire_ack {
    char log[WIRE_FEED_ID_LENGTH + 1];
    int64_t through;
    bool resend;
};

/* Readers: 0, or -EBADMSG with *ret_reason naming the member (owned by the caller). The _done
 * functions free what the struct owns. Writers return a new malloc'd JSON text, NULL without
 * memory. */
int wire_orders_read(const char *json, size_t n, struct wire_orders *ret, char **ret_reason);
void wire_orders_done(struct wire_orders *message);
int wire_fetch_read(const char *json, size_t n, struct wire_fetch *ret, char **ret_reason);
char *wire_fetch_write(const struct wire_fetch *message);
int wire_applied_read(const char *json, size_t n, struct wire_applied *ret, char **ret_reason);
char *wire_applied_write(const struct wire_applied *message);
int wire_events_read(const char *json, size_t n, struct wire_events *ret, char **ret_reason);
void wire_events_done(struct wire_events *message);
int wire_ack_read(const char *json, size_t n, struct wire_ack *ret, char **ret_reason);
char *wire_ack_write(const struct wire_ack *message);
