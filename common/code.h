/* What a QR code carries (docs/codes.md): the tourist's signed code P1 and the staff badge S1.
 * Pure: no clock, no file, no store; the caller brings keys and judges times and epochs. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

#define CODE_PUBLIC_KEY_BYTES 32
#define CODE_SEED_BYTES       32
#define CODE_TEXT_MAX         122 /* characters of P1 and S1, without the terminator */

enum code_kind {
    CODE_NONE, /* not one of ours: perhaps a parcel label, perhaps an advertisement */
    CODE_P1,   /* tourist, signed */
    CODE_P2,   /* tourist, rotating; recognised here, verified by the bank's store of secrets */
    CODE_S1,   /* staff badge, signed */
};

enum staff_role {
    STAFF_STOCKER = 1,
    STAFF_MANAGER = 2,
};

/* Outcomes of code_read(). */
enum code_result {
    CODE_OK,
    CODE_FOREIGN,     /* neither P1, P2 nor S1 by its first two characters */
    CODE_MALFORMED,   /* ours by its prefix, but not decodable or of the wrong length */
    CODE_UNKNOWN_KEY, /* signed with a key id that `keys` does not hold for that purpose */
    CODE_FORGED,      /* signature wrong */
};

struct code {
    enum code_kind kind;
    uint8_t key_id;
    uint16_t branch;      /* branch number, 1 to 65535 */
    uint64_t order;       /* P1, P2: the order's random handle */
    uint8_t epoch;        /* P1: count of hand-overs */
    int64_t not_after_s;  /* P1, S1: seconds since 1970 UTC; 0 = no limit */
    uint32_t staff;       /* S1: staff number */
    enum staff_role role; /* S1 */
    uint32_t serial;      /* S1: when it was issued, seconds since 1970 UTC (fits until 2106) */
    uint32_t step;        /* P2: 30 s step since 1970 UTC */
    uint8_t mac[16];      /* P2 */
};

enum code_purpose {
    CODE_PURPOSE_ORDER, /* signs P1 */
    CODE_PURPOSE_BADGE, /* signs S1 */
};

/* One public key that codes are checked against. */
struct code_key {
    uint8_t key_id;
    enum code_purpose purpose;
    uint8_t public_key[CODE_PUBLIC_KEY_BYTES];
};

/* Recognises `text` (NUL-terminated, any bytes) and checks its signature. On CODE_OK *ret_code is
 * filled. P2 carries no signature: CODE_OK means well-formed only. On CODE_UNKNOWN_KEY and
 * CODE_FORGED the fields are filled too, for the log only; nothing in them may be believed. */
enum code_result code_read(const char *text, const struct code_key *keys, size_t n_keys,
                           struct code *ret_code);

/* Makes the text of a P1 or S1 code, signed with the Ed25519 key of `seed` (RFC 8032). `ret_text`
 * gets CODE_TEXT_MAX characters and a NUL. Returns -EINVAL for another kind or a field out of
 * range. */
int code_write(const struct code *code, const uint8_t seed[CODE_SEED_BYTES],
               char ret_text[CODE_TEXT_MAX + 1]);

/* The public half of a seed. */
void code_public_key(const uint8_t seed[CODE_SEED_BYTES], uint8_t ret_key[CODE_PUBLIC_KEY_BYTES]);

/* "P1", "P2", "S1" or "none". */
const char *code_kind_name(enum code_kind kind);
