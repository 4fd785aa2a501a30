#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const topic_names[WIRE_TOPIC_COUNT] = {
    [WIRE_DOWN_ORDERS] = "down/orders",   [WIRE_DOWN_ACK] = "down/ack",
    [WIRE_DOWN_COMMAND] = "down/command", [WIRE_UP_FETCH] = "up/fetch",
    [WIRE_UP_APPLIED] = "up/applied",     [WIRE_UP_EVENTS] = "up/events",
    [WIRE_UP_STATUS] = "up/status",       [WIRE_UP_REPLY] = "up/reply",
};

bool wire_bank_valid(const char *bank)
{
    size_t n = strlen(bank);

    return n >= 1 && n <= WIRE_BANK_MAX &&
           strspn(bank, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

void wire_topic(enum wire_topic topic, const char *bank, char ret_topic[WIRE_TOPIC_MAX])
{
    snprintf(ret_topic, WIRE_TOPIC_MAX, WIRE_PREFIX "%s/%s", bank, topic_names[topic]);
}

int wire_topic_parse(const char *topic, enum wire_topic *ret_topic,
                     char ret_bank[WIRE_BANK_MAX + 1])
{
    char bank[WIRE_BANK_MAX + 1];
    const char *rest, *slash;
    size_t n;

    if (strncmp(topic, WIRE_PREFIX, strlen(WIRE_PREFIX)) != 0)
        return -EINVAL;
    rest = topic + strlen(WIRE_PREFIX);
    slash = strchr(rest, '/');
    if (!slash || slash == rest || (n = (size_t)(slash - rest)) > WIRE_BANK_MAX)
        return -EINVAL;
    memcpy(bank, rest, n);
    bank[n] = '\0';
    if (!wire_bank_valid(bank))
        return -EINVAL;
    for (int i = 0; i < WIRE_TOPIC_COUNT; i++) {
        if (strcmp(slash + 1, topic_names[i]) == 0) {
            *ret_topic = (enum wire_topic)i;
            strcpy(ret_bank, bank);
            return 0;
        }
    }
    return -EINVAL;
}

/* topic ‖ newline ‖ json, the bytes that are signed. */
static uint8_t *signed_bytes(const char *topic, const char *json, size_t n_json, size_t *ret_n)
{
    size_t n_topic = strlen(topic);
    uint8_t *bytes = malloc(n_topic + 1 + n_json);

    if (!bytes)
        return NULL;
    memcpy(bytes, topic, n_topic);
    bytes[n_topic] = '\n';
    memcpy(bytes + n_topic + 1, json, n_json);
    *ret_n = n_topic + 1 + n_json;
    return bytes;
}

int wire_sign(const uint8_t seed[32], const char *topic, const char *json, size_t n_json,
              char **ret_payload, size_t *ret_bytes)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    _cleanup_free_ uint8_t *bytes = NULL;
    char *payload;
    size_t n;

    if (n_json > WIRE_PAYLOAD_MAX)
        return -EMSGSIZE;
    bytes = signed_bytes(topic, json, n_json, &n);
    payload = malloc(WIRE_SIGNATURE_LINE + n_json + 1);
    if (!bytes || !payload) {
        free(payload);
        return -ENOMEM;
    }
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    crypto_sign_detached(signature, NULL, bytes, n, secret_key);
    sodium_memzero(secret_key, sizeof(secret_key));
    sodium_bin2base64(payload, WIRE_SIGNATURE_LINE, signature, sizeof(signature),
                      sodium_base64_VARIANT_ORIGINAL);
    payload[WIRE_SIGNATURE_LINE - 1] = '\n';
    memcpy(payload + WIRE_SIGNATURE_LINE, json, n_json);
    payload[WIRE_SIGNATURE_LINE + n_json] = '\0';
    *ret_payload = payload;
    *ret_bytes = WIRE_SIGNATURE_LINE + n_json;
    return 0;
}

int wire_verify(const uint8_t public_key[32], const char *topic, const char *payload,
                size_t n_payload, const char **ret_json, size_t *ret_n_json)
{
    uint8_t signature[crypto_sign_BYTES];
    _cleanup_free_ uint8_t *bytes = NULL;
    size_t n, n_signature = 0;

    if (n_payload < WIRE_SIGNATURE_LINE || n_payload > WIRE_SIGNATURE_LINE + WIRE_PAYLOAD_MAX ||
        payload[WIRE_SIGNATURE_LINE - 1] != '\n')
        return -EBADMSG;
    if (sodium_base642bin(signature, sizeof(signature), payload, WIRE_SIGNATURE_LINE - 1, NULL,
                          &n_signature, NULL, sodium_base64_VARIANT_ORIGINAL) < 0 ||
        n_signature != sizeof(signature))
        return -EBADMSG;
    bytes = signed_bytes(topic, payload + WIRE_SIGNATURE_LINE, n_payload - WIRE_SIGNATURE_LINE, &n);
    if (!bytes)
        return -ENOMEM;
    if (crypto_sign_verify_detached(signature, bytes, n, public_key) < 0)
        return -EKEYREJECTED;
    *ret_json = payload + WIRE_SIGNATURE_LINE;
    *ret_n_json = n_payload - WIRE_SIGNATURE_LINE;
    return 0;
}

static int _printf_(2, 3) complain(char **ret_reason, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_reason, format, ap) < 0)
        *ret_reason = NULL;
    va_end(ap);
    return *ret_reason ? -EBADMSG : -ENOMEM;
}

int wire_parse(const char *json, size_t n_json, json_t **ret_object, char **ret_reason)
{
    json_error_t error;
    json_t *value;

    if (n_json > WIRE_PAYLOAD_MAX)
        return complain(ret_reason, "the payload has more than %d bytes", WIRE_PAYLOAD_MAX);
    value = json_loadb(json, n_json, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return complain(ret_reason, "not JSON at byte %d: %s", error.position, error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return complain(ret_reason, "the payload must be an object");
    }
    *ret_object = value;
    return 0;
}

static int read_integer(const json_t *object, const char *member, int64_t min, int64_t *ret,
                        char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_integer(value) || json_integer_value(value) < min)
        return complain(ret_reason, "%s must be an integer from %lld", member, (long long)min);
    *ret = json_integer_value(value);
    return 0;
}

static int read_boolean(const json_t *object, const char *member, bool *ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_boolean(value))
        return complain(ret_reason, "%s must be true or false", member);
    *ret = json_is_true(value);
    return 0;
}

/* Copies a string of exactly `length` characters. */
static int read_id(const json_t *object, const char *member, size_t length, char *ret,
                   char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_string(value) || json_string_length(value) != length)
        return complain(ret_reason, "%s must be a string of %zu characters", member, length);
    memcpy(ret, json_string_value(value), length + 1);
    return 0;
}

static int read_array(const json_t *object, const char *member, json_t **ret, char **ret_reason)
{
    json_t *value = json_object_get(object, member);

    if (!json_is_array(value))
        return complain(ret_reason, "%s must be an array", member);
    *ret = json_incref(value);
    return 0;
}

int wire_orders_read(const char *json, size_t n, struct wire_orders *ret, char **ret_reason)
{
    struct wire_orders message = {.end = -1};
    json_auto_t *object = NULL;
    int r = wire_parse(json, n, &object, ret_reason);

    if (r < 0)
        return r;
    r = read_id(object, "feed", WIRE_FEED_ID_LENGTH, message.feed, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "prev", 0, &message.prev, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "seq", message.prev, &message.seq, ret_reason);
    if (r < 0)
        return r;
    if (json_object_get(object, "end")) {
        r = read_integer(object, "end", message.seq, &message.end, ret_reason);
        if (r < 0)
            return r;
    }
    r = read_boolean(object, "more", &message.more, ret_reason);
    if (r < 0)
        return r;
    r = read_array(object, "orders", &message.orders, ret_reason);
    if (r < 0)
        return r;
    *ret = message;
    return 0;
}

void wire_orders_done(struct wire_orders *message)
{
    json_decref(TAKE_PTR(message->orders));
}

int wire_fetch_read(const char *json, size_t n, struct wire_fetch *ret, char **ret_reason)
{
    struct wire_fetch message = {};
    json_auto_t *object = NULL;
    int r = wire_parse(json, n, &object, ret_reason);

    if (r < 0)
        return r;
    if (!json_is_null(json_object_get(object, "feed"))) {
        r = read_id(object, "feed", WIRE_FEED_ID_LENGTH, message.feed, ret_reason);
        if (r < 0)
            return r;
    }
    r = read_integer(object, "after", 0, &message.after, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "max_bytes", 1, &message.max_bytes, ret_reason);
    if (r < 0)
        return r;
    *ret = message;
    return 0;
}

static char *dump(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    return text;
}

char *wire_fetch_write(const struct wire_fetch *message)
{
    json_t *feed = message->feed[0] ? json_string(message->feed) : json_null();

    return dump(json_pack("{s:o,s:I,s:I}", "feed", feed, "after", (json_int_t)message->after,
                          "max_bytes", (json_int_t)message->max_bytes));
}

int wire_applied_read(const char *json, size_t n, struct wire_applied *ret, char **ret_reason)
{
    struct wire_applied message = {};
    json_auto_t *object = NULL;
    int r = wire_parse(json, n, &object, ret_reason);

    if (r < 0)
        return r;
    r = read_id(object, "feed", WIRE_FEED_ID_LENGTH, message.feed, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "through", 0, &message.through, ret_reason);
    if (r < 0)
        return r;
    if (json_object_get(object, "log")) {
        r = read_id(object, "log", WIRE_FEED_ID_LENGTH, message.log, ret_reason);
        if (r >= 0)
            r = read_integer(object, "last_event", 0, &message.last_event, ret_reason);
        if (r < 0)
            return r;
    }
    *ret = message;
    return 0;
}

char *wire_applied_write(const struct wire_applied *message)
{
    json_t *object =
        json_pack("{s:s,s:I}", "feed", message->feed, "through", (json_int_t)message->through);

    if (object && *message->log &&
        (json_object_set_new(object, "log", json_string(message->log)) < 0 ||
         json_object_set_new(object, "last_event", json_integer(message->last_event)) < 0)) {
        json_decref(object);
        object = NULL;
    }
    return dump(object);
}

int wire_events_read(const char *json, size_t n, struct wire_events *ret, char **ret_reason)
{
    struct wire_events message = {.lost_after = -1};
    json_auto_t *object = NULL;
    int r = wire_parse(json, n, &object, ret_reason);

    if (r < 0)
        return r;
    r = read_id(object, "log", WIRE_FEED_ID_LENGTH, message.log, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "first", 1, &message.first, ret_reason);
    if (r < 0)
        return r;
    if (json_object_get(object, "lost_after")) {
        r = read_integer(object, "lost_after", 0, &message.lost_after, ret_reason);
        if (r < 0)
            return r;
    }
    r = read_id(object, "boot", 32, message.boot, ret_reason);
    if (r < 0)
        return r;
    r = read_array(object, "events", &message.events, ret_reason);
    if (r < 0)
        return r;
    *ret = message;
    return 0;
}

void wire_events_done(struct wire_events *message)
{
    json_decref(TAKE_PTR(message->events));
}

int wire_ack_read(const char *json, size_t n, struct wire_ack *ret, char **ret_reason)
{
    struct wire_ack message = {};
    json_auto_t *object = NULL;
    int r = wire_parse(json, n, &object, ret_reason);

    if (r < 0)
        return r;
    r = read_id(object, "log", WIRE_FEED_ID_LENGTH, message.log, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(object, "through", 0, &message.through, ret_reason);
    if (r < 0)
        return r;
    if (json_object_get(object, "resend")) {
        r = read_boolean(object, "resend", &message.resend, ret_reason);
        if (r < 0)
            return r;
    }
    *ret = message;
    return 0;
}

char *wire_ack_write(const struct wire_ack *message)
{
    return dump(json_pack("{s:s,s:I,s:b}", "log", message->log, "through",
                          (json_int_t)message->through, "resend", (int)message->resend));
}
