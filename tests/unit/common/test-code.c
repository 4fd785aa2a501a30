#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base45.h"
#include "common/code.h"
#include "tests/unit/common/vectors.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* The two keys of docs/codes.md. */
struct keys {
    struct code_key public[2];
    uint8_t seeds[2][CODE_SEED_BYTES];
};

static int load_keys(void **state)
{
    struct keys *keys = calloc(1, sizeof(*keys));
    struct vector rows[2];

    if (!keys || vectors_read("| key | signs | seed | public key |", rows, 2) != 2)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        keys->public[i].key_id = (uint8_t)vector_number(rows[i].cells[0], 10);
        keys->public[i].purpose =
            strcmp(rows[i].cells[1], "order") == 0 ? CODE_PURPOSE_ORDER : CODE_PURPOSE_BADGE;
        vector_bytes(rows[i].cells[2], keys->seeds[i], CODE_SEED_BYTES);
        vector_bytes(rows[i].cells[3], keys->public[i].public_key, CODE_PUBLIC_KEY_BYTES);
    }
    *state = keys;
    return 0;
}

static int free_keys(void **state)
{
    free(*state);
    return 0;
}

static void assert_code_equal(const struct code *a, const struct code *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->key_id, b->key_id);
    assert_int_equal(a->branch, b->branch);
    assert_true(a->order == b->order);
    assert_int_equal(a->epoch, b->epoch);
    assert_true(a->not_after_s == b->not_after_s);
    assert_int_equal(a->staff, b->staff);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->serial, b->serial);
    assert_int_equal(a->step, b->step);
    assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
}

/* Reads the text, compares, and makes the same text again. */
static void assert_both_ways(const struct keys *keys, const struct code *expected, const char *text)
{
    char again[CODE_TEXT_MAX + 1];
    struct code code;

    assert_int_equal(code_read(text, keys->public, 2, &code), CODE_OK);
    assert_code_equal(&code, expected);
    assert_int_equal(code_write(&code, keys->seeds[code.key_id - 1], again), 0);
    assert_string_equal(again, text);
}

static void test_public_keys(void **state)
{
    const struct keys *keys = *state;
    uint8_t key[CODE_PUBLIC_KEY_BYTES];

    for (size_t i = 0; i < 2; i++) {
        code_public_key(keys->seeds[i], key);
        assert_memory_equal(key, keys->public[i].public_key, sizeof(key));
    }
}

static void test_p1_vectors(void **state)
{
    struct vector rows[8];
    size_t n = vectors_read(
        "| kind | key_id | branch | order (hexadecimal) | epoch | not_after | text |", rows, 8);

    for (size_t i = 0; i < n; i++) {
        struct code expected = {
            .kind = CODE_P1,
            .key_id = (uint8_t)vector_number(rows[i].cells[1], 10),
            .branch = (uint16_t)vector_number(rows[i].cells[2], 10),
            .order = vector_number(rows[i].cells[3], 16),
            .epoch = (uint8_t)vector_number(rows[i].cells[4], 10),
            .not_after_s = (int64_t)vector_number(rows[i].cells[5], 10),
        };

        assert_both_ways(*state, &expected, rows[i].cells[6]);
    }
}

static void test_s1_vectors(void **state)
{
    struct vector rows[8];
    size_t n = vectors_read("| kind | key_id | branch | staff | role | serial | not_after | text |",
                            rows, 8);

    for (size_t i = 0; i < n; i++) {
        struct code expected = {
            .kind = CODE_S1,
            .key_id = (uint8_t)vector_number(rows[i].cells[1], 10),
            .branch = (uint16_t)vector_number(rows[i].cells[2], 10),
            .staff = (uint32_t)vector_number(rows[i].cells[3], 10),
            .role = (enum staff_role)vector_number(rows[i].cells[4], 10),
            .serial = (uint32_t)vector_number(rows[i].cells[5], 10),
            .not_after_s = (int64_t)vector_number(rows[i].cells[6], 10),
        };

        assert_both_ways(*state, &expected, rows[i].cells[7]);
    }
}

static void test_p2_vectors(void **state)
{
    const struct keys *keys = *state;
    struct vector rows[8];
    size_t n = vectors_read("| kind | secret | order (hexadecimal) | step | text |", rows,
                            ELEMENTSOF(rows));

    for (size_t i = 0; i < n; i++) {
        uint8_t secret[32], signed_bytes[14] = "P2", mac[crypto_auth_hmacsha512_BYTES];
        struct code code;

        assert_int_equal(code_read(rows[i].cells[4], keys->public, 2, &code), CODE_OK);
        assert_int_equal(code.kind, CODE_P2);
        assert_true(code.order == vector_number(rows[i].cells[2], 16));
        assert_int_equal(code.step, vector_number(rows[i].cells[3], 10));
        vector_bytes(rows[i].cells[1], secret, sizeof(secret));
        for (size_t j = 0; j < 8; j++)
            signed_bytes[2 + j] = (uint8_t)(code.order >> (56 - 8 * j));
        for (size_t j = 0; j < 4; j++)
            signed_bytes[10 + j] = (uint8_t)(code.step >> (24 - 8 * j));
        crypto_auth_hmacsha512(mac, signed_bytes, sizeof(signed_bytes), secret);
        assert_memory_equal(mac, code.mac, sizeof(code.mac));
    }
}

static void test_refused_vectors(void **state)
{
    static const char *const names[] = {
        [CODE_OK] = "ok",
        [CODE_FOREIGN] = "foreign",
        [CODE_MALFORMED] = "malformed",
        [CODE_UNKNOWN_KEY] = "unknown_key",
        [CODE_FORGED] = "forged",
    };
    const struct keys *keys = *state;
    struct vector rows[40];
    size_t n = vectors_read("| result | why | text |", rows, ELEMENTSOF(rows));
    unsigned seen[ELEMENTSOF(names)] = {0};

    for (size_t i = 0; i < n; i++) {
        struct code code = {.branch = 77};
        enum code_result result = code_read(rows[i].cells[2], keys->public, 2, &code);

        if (strcmp(names[result], rows[i].cells[0]) != 0)
            fail_msg("%s: %s instead of %s", rows[i].cells[1], names[result], rows[i].cells[0]);
        if (result == CODE_FOREIGN || result == CODE_MALFORMED)
            assert_int_equal(code.branch, 77);
        seen[result]++;
    }
    for (size_t i = CODE_FOREIGN; i < ELEMENTSOF(seen); i++)
        assert_true(seen[i] > 0);
}

/* What no table can hold: line ends and white space around the text. */
static void test_nothing_around_the_text(void **state)
{
    const struct keys *keys = *state;
    struct code code = {.kind = CODE_P1, .key_id = 1, .branch = 1};
    char text[CODE_TEXT_MAX + 1], changed[CODE_TEXT_MAX + 8];

    assert_int_equal(code_write(&code, keys->seeds[0], text), 0);
    snprintf(changed, sizeof(changed), "%s\n", text);
    assert_int_equal(code_read(changed, keys->public, 2, &code), CODE_MALFORMED);
    snprintf(changed, sizeof(changed), "%s ", text);
    assert_int_equal(code_read(changed, keys->public, 2, &code), CODE_MALFORMED);
    snprintf(changed, sizeof(changed), " %s", text);
    assert_int_equal(code_read(changed, keys->public, 2, &code), CODE_FOREIGN);
    snprintf(changed, sizeof(changed), "%.121s\n", text);
    assert_int_equal(code_read(changed, keys->public, 2, &code), CODE_MALFORMED);
}

/* Promise 1: each single bit of a genuine code matters. */
static void test_every_bit_is_signed(void **state)
{
    const struct keys *keys = *state;
    struct code code = {.kind = CODE_P1, .key_id = 1, .branch = 852, .order = 7, .epoch = 3};
    char text[CODE_TEXT_MAX + 1];
    uint8_t packed[80];

    assert_int_equal(code_write(&code, keys->seeds[0], text), 0);
    assert_int_equal(base45_decode(text + 2, 120, packed, sizeof(packed)), 80);
    for (size_t bit = 0; bit < 80 * 8; bit++) {
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        base45_encode(packed, sizeof(packed), text + 2);
        assert_int_not_equal(code_read(text, keys->public, 2, &code), CODE_OK);
        packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    base45_encode(packed, sizeof(packed), text + 2);
    assert_int_equal(code_read(text, keys->public, 2, &code), CODE_OK);
}

/* While a key is replaced two may share an id: either is good. */
static void test_two_keys_with_one_id(void **state)
{
    const struct keys *keys = *state;
    struct code_key both[2] = {keys->public[0], keys -> public[0]};
    struct code code = {.kind = CODE_P1, .key_id = 1, .branch = 1};
    char text[CODE_TEXT_MAX + 1];

    assert_int_equal(code_write(&code, keys->seeds[1], text), 0);
    assert_int_equal(code_read(text, both, 2, &code), CODE_FORGED);
    memcpy(both[1].public_key, keys->public[1].public_key, CODE_PUBLIC_KEY_BYTES);
    assert_int_equal(code_read(text, both, 2, &code), CODE_OK);
    assert_int_equal(code_read(text, both, 0, &code), CODE_UNKNOWN_KEY);
}

static void test_write_refuses(void **state)
{
    const struct keys *keys = *state;
    static const struct code bad[] = {
        {.kind = CODE_NONE, .branch = 1},
        {.kind = CODE_P2, .branch = 1},
        {.kind = CODE_P1, .branch = 0},
        {.kind = CODE_P1, .branch = 1, .not_after_s = -1},
        {.kind = CODE_P1, .branch = 1, .not_after_s = INT64_C(1) << 32},
        {.kind = CODE_S1, .branch = 1},
        {.kind = CODE_S1, .branch = 1, .role = (enum staff_role)3},
    };
    char text[CODE_TEXT_MAX + 1] = "untouched";

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(code_write(&bad[i], keys->seeds[0], text), -EINVAL);
    assert_string_equal(text, "untouched");
}

/* Any bytes behind any prefix: an outcome, never a crash, never CODE_OK for a signed kind. */
static void test_random_bytes(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    static const char *const prefixes[] = {"P1", "P2", "S1", "P", ""};
    const struct keys *keys = *state;
    uint32_t random = 99;

    for (int round = 0; round < 4000; round++) {
        char text[160] = "";
        size_t n;
        struct code code;

        strcpy(text, prefixes[round % 5]);
        for (n = strlen(text); n < (round % 2 ? CODE_TEXT_MAX : sizeof(text) - 1); n++) {
            random = random * 1664525 + 1013904223;
            text[n] = round % 3 ? alphabet[(random >> 16) % 22] : (char)(random >> 24);
        }
        if (code_read(text, keys->public, 2, &code) == CODE_OK)
            assert_int_equal(code.kind, CODE_P2);
    }
}

static void test_kind_names(void **state)
{
    assert_string_equal(code_kind_name(CODE_NONE), "none");
    assert_string_equal(code_kind_name(CODE_P1), "P1");
    assert_string_equal(code_kind_name(CODE_P2), "P2");
    assert_string_equal(code_kind_name(CODE_S1), "S1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_keys),         cmocka_unit_test(test_p1_vectors),
        cmocka_unit_test(test_s1_vectors),          cmocka_unit_test(test_p2_vectors),
        cmocka_unit_test(test_refused_vectors),     cmocka_unit_test(test_nothing_around_the_text),
        cmocka_unit_test(test_every_bit_is_signed), cmocka_unit_test(test_two_keys_with_one_id),
        cmocka_unit_test(test_write_refuses),       cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_kind_names),
    };

    return cmocka_run_group_tests_name("code", tests, load_keys, free_keys);
}
