#include "common/event.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* The canonical form is jansson's compact output with sorted keys. Real numbers have no single text
 * form, so there are none in an event. */
#define CANONICAL (JSON_COMPACT | JSON_SORT_KEYS)

static bool holds_real(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_real(value))
        return true;
    json_object_foreach ((json_t *)value, key, member) {
        if (holds_real(member))
            return true;
    }
    json_array_foreach (value, i, member) {
        if (holds_real(member))
            return true;
    }
    return false;
}

static char *canonical(const json_t *event)
{
    json_t *copy = json_copy((json_t *)event);
    char *text;

    if (!copy)
        return NULL;
    json_object_del(copy, "hash");
    json_object_del(copy, "personal");
    text = json_dumps(copy, CANONICAL);
    json_decref(copy);
    return text;
}

void event_chain_start(const char *log_id, uint8_t ret_hash[EVENT_HASH_BYTES])
{
    crypto_generichash(ret_hash, EVENT_HASH_BYTES, (const uint8_t *)log_id, strlen(log_id), NULL,
                       0);
}

int event_hash(const json_t *event, const uint8_t previous[EVENT_HASH_BYTES],
               uint8_t ret_hash[EVENT_HASH_BYTES])
{
    _cleanup_free_ char *text = NULL;
    crypto_generichash_state state;

    if (!json_is_object(event) || holds_real(event))
        return -EBADMSG;
    text = canonical(event);
    if (!text)
        return -ENOMEM;
    crypto_generichash_init(&state, NULL, 0, EVENT_HASH_BYTES);
    crypto_generichash_update(&state, previous, EVENT_HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    crypto_generichash_final(&state, ret_hash, EVENT_HASH_BYTES);
    return 0;
}

/* Hexadecimal BLAKE2b-256 of the canonical `personal` under its own salt. */
static int personal_digest(const json_t *personal, char ret_hex[EVENT_HASH_BYTES * 2 + 1])
{
    const char *salt = json_string_value(json_object_get(personal, "salt"));
    _cleanup_free_ char *text = NULL;
    uint8_t digest[EVENT_HASH_BYTES];

    if (!salt || strlen(salt) < crypto_generichash_KEYBYTES_MIN ||
        strlen(salt) > crypto_generichash_KEYBYTES_MAX)
        return -EBADMSG;
    text = json_dumps(personal, CANONICAL);
    if (!text)
        return -ENOMEM;
    crypto_generichash(digest, sizeof(digest), (const uint8_t *)text, strlen(text),
                       (const uint8_t *)salt, strlen(salt));
    sodium_bin2hex(ret_hex, EVENT_HASH_BYTES * 2 + 1, digest, sizeof(digest));
    return 0;
}

int event_set_personal(json_t *event, json_t *personal)
{
    char salt_hex[33], digest_hex[EVENT_HASH_BYTES * 2 + 1];
    uint8_t salt[16];
    int r;

    randombytes_buf(salt, sizeof(salt));
    sodium_bin2hex(salt_hex, sizeof(salt_hex), salt, sizeof(salt));
    if (json_object_set_new(personal, "salt", json_string(salt_hex)) < 0)
        return -ENOMEM;
    r = personal_digest(personal, digest_hex);
    if (r < 0)
        return r;
    if (json_object_set(event, "personal", personal) < 0 ||
        json_object_set_new(event, "personal_digest", json_string(digest_hex)) < 0)
        return -ENOMEM;
    return 0;
}

bool event_personal_matches(const json_t *event)
{
    const json_t *personal = json_object_get(event, "personal");
    const char *claimed = json_string_value(json_object_get(event, "personal_digest"));
    char digest_hex[EVENT_HASH_BYTES * 2 + 1];

    if (!personal)
        return true;
    return claimed && personal_digest(personal, digest_hex) == 0 &&
           strcmp(claimed, digest_hex) == 0;
}

int event_seal(json_t *event, uint8_t hash[EVENT_HASH_BYTES])
{
    char hex[EVENT_HASH_BYTES * 2 + 1];
    uint8_t own[EVENT_HASH_BYTES];
    int r = event_hash(event, hash, own);

    if (r < 0)
        return r;
    sodium_bin2hex(hex, sizeof(hex), own, sizeof(own));
    if (json_object_set_new(event, "hash", json_string(hex)) < 0)
        return -ENOMEM;
    memcpy(hash, own, sizeof(own));
    return 0;
}

int event_verify(const json_t *event, uint8_t hash[EVENT_HASH_BYTES])
{
    const char *claimed = json_string_value(json_object_get(event, "hash"));
    char hex[EVENT_HASH_BYTES * 2 + 1];
    uint8_t own[EVENT_HASH_BYTES];
    int r = event_hash(event, hash, own);

    if (r < 0)
        return r;
    sodium_bin2hex(hex, sizeof(hex), own, sizeof(own));
    if (!claimed || strcmp(claimed, hex) != 0)
        return -EBADMSG;
    memcpy(hash, own, sizeof(own));
    return 0;
}
