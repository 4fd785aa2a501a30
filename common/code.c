#include "common/code.h"
#include "common/base45.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define PREFIX_BYTES  2
#define SIGNED_BYTES  16 /* of P1 and S1 before the signature */
#define PACKED_BYTES  (SIGNED_BYTES + crypto_sign_BYTES)
#define P2_BYTES      28
#define P2_TEXT_CHARS (PREFIX_BYTES + BASE45_LENGTH(P2_BYTES))

_Static_assert(PREFIX_BYTES + BASE45_LENGTH(PACKED_BYTES) == CODE_TEXT_MAX, "size of the text");
_Static_assert(crypto_sign_PUBLICKEYBYTES == CODE_PUBLIC_KEY_BYTES, "size of the key");
_Static_assert(crypto_sign_SEEDBYTES == CODE_SEED_BYTES, "size of the seed");

static uint64_t read_integer(const uint8_t **bytes, size_t n)
{
    uint64_t value = 0;

    while (n-- > 0)
        value = value << 8 | *(*bytes)++;
    return value;
}

static void write_integer(uint8_t **bytes, uint64_t value, size_t n)
{
    for (size_t i = n; i > 0; i--)
        *(*bytes)++ = (uint8_t)(value >> (8 * (i - 1)));
}

static enum code_kind kind_of(const char *text)
{
    if (strncmp(text, "P1", PREFIX_BYTES) == 0)
        return CODE_P1;
    if (strncmp(text, "P2", PREFIX_BYTES) == 0)
        return CODE_P2;
    if (strncmp(text, "S1", PREFIX_BYTES) == 0)
        return CODE_S1;
    return CODE_NONE;
}

/* The layouts of docs/codes.md. */
static void unpack(enum code_kind kind, const uint8_t *bytes, struct code *ret_code)
{
    struct code code = {.kind = kind};

    if (kind == CODE_P2) {
        code.order = read_integer(&bytes, 8);
        code.step = (uint32_t)read_integer(&bytes, 4);
        memcpy(code.mac, bytes, sizeof(code.mac));
        *ret_code = code;
        return;
    }
    code.key_id = (uint8_t)read_integer(&bytes, 1);
    code.branch = (uint16_t)read_integer(&bytes, 2);
    if (kind == CODE_P1) {
        code.order = read_integer(&bytes, 8);
        code.epoch = (uint8_t)read_integer(&bytes, 1);
    } else {
        code.staff = (uint32_t)read_integer(&bytes, 4);
        code.role = (enum staff_role)read_integer(&bytes, 1);
        code.serial = (uint32_t)read_integer(&bytes, 4);
    }
    code.not_after_s = (int64_t)read_integer(&bytes, 4);
    *ret_code = code;
}

static void pack(const struct code *code, uint8_t *bytes)
{
    write_integer(&bytes, code->key_id, 1);
    write_integer(&bytes, code->branch, 2);
    if (code->kind == CODE_P1) {
        write_integer(&bytes, code->order, 8);
        write_integer(&bytes, code->epoch, 1);
    } else {
        write_integer(&bytes, code->staff, 4);
        write_integer(&bytes, (uint64_t)code->role, 1);
        write_integer(&bytes, code->serial, 4);
    }
    write_integer(&bytes, (uint64_t)code->not_after_s, 4);
}

/* What HQ never signs; also tells a reader that comes with a later layout. */
static bool fields_valid(const struct code *code)
{
    if (code->kind == CODE_P2)
        return true;
    if (code->branch == 0 || code->not_after_s < 0 || code->not_after_s > UINT32_MAX)
        return false;
    return code->kind == CODE_P1 || code->role == STAFF_STOCKER || code->role == STAFF_MANAGER;
}

/* The signed bytes carry the prefix, so that one kind cannot be passed off as another. */
static void to_sign(enum code_kind kind, const uint8_t *packed,
                    uint8_t ret_bytes[PREFIX_BYTES + SIGNED_BYTES])
{
    memcpy(ret_bytes, code_kind_name(kind), PREFIX_BYTES);
    memcpy(ret_bytes + PREFIX_BYTES, packed, SIGNED_BYTES);
}

/* Several keys may share an id while one is being replaced. */
static enum code_result check_signature(const struct code *code, const uint8_t *packed,
                                        const struct code_key *keys, size_t n_keys)
{
    enum code_purpose purpose = code->kind == CODE_P1 ? CODE_PURPOSE_ORDER : CODE_PURPOSE_BADGE;
    enum code_result result = CODE_UNKNOWN_KEY;
    uint8_t bytes[PREFIX_BYTES + SIGNED_BYTES];

    to_sign(code->kind, packed, bytes);
    for (size_t i = 0; i < n_keys; i++) {
        if (keys[i].key_id != code->key_id || keys[i].purpose != purpose)
            continue;
        if (crypto_sign_verify_detached(packed + SIGNED_BYTES, bytes, sizeof(bytes),
                                        keys[i].public_key) == 0)
            return CODE_OK;
        result = CODE_FORGED;
    }
    return result;
}

enum code_result code_read(const char *text, const struct code_key *keys, size_t n_keys,
                           struct code *ret_code)
{
    enum code_kind kind = kind_of(text);
    size_t n_text = kind == CODE_P2 ? P2_TEXT_CHARS : CODE_TEXT_MAX;
    uint8_t packed[PACKED_BYTES];
    struct code code;

    if (kind == CODE_NONE)
        return CODE_FOREIGN;
    if (strnlen(text, n_text + 1) != n_text)
        return CODE_MALFORMED;
    if (base45_decode(text + PREFIX_BYTES, n_text - PREFIX_BYTES, packed, sizeof(packed)) < 0)
        return CODE_MALFORMED;
    unpack(kind, packed, &code);
    if (!fields_valid(&code))
        return CODE_MALFORMED;
    *ret_code = code;
    return kind == CODE_P2 ? CODE_OK : check_signature(&code, packed, keys, n_keys);
}

int code_write(const struct code *code, const uint8_t seed[CODE_SEED_BYTES],
               char ret_text[CODE_TEXT_MAX + 1])
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    uint8_t packed[PACKED_BYTES], bytes[PREFIX_BYTES + SIGNED_BYTES];

    if ((code->kind != CODE_P1 && code->kind != CODE_S1) || !fields_valid(code))
        return -EINVAL;
    pack(code, packed);
    to_sign(code->kind, packed, bytes);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    crypto_sign_detached(packed + SIGNED_BYTES, NULL, bytes, sizeof(bytes), secret_key);
    sodium_memzero(secret_key, sizeof(secret_key));
    memcpy(ret_text, code_kind_name(code->kind), PREFIX_BYTES);
    base45_encode(packed, sizeof(packed), ret_text + PREFIX_BYTES);
    return 0;
}

void code_public_key(const uint8_t seed[CODE_SEED_BYTES], uint8_t ret_key[CODE_PUBLIC_KEY_BYTES])
{
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(ret_key, secret_key, seed);
    sodium_memzero(secret_key, sizeof(secret_key));
}

const char *code_kind_name(enum code_kind kind)
{
    switch (kind) {
    case CODE_P1:
        return "P1";
    case CODE_P2:
        return "P2";
    case CODE_S1:
        return "S1";
    case CODE_NONE:
        break;
    }
    return "none";
}
