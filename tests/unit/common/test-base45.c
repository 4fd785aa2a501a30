#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base45.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *bytes, *text;
} rfc9285_vectors[] = {
    {"AB", "BB8"},              /* section 4.3 */
    {"Hello!!", "%69 VD92EX0"}, /* section 4.3 */
    {"base-45", "UJCLQE7W581"}, /* section 4.3 */
    {"ietf!", "QED8WEX0"},      /* section 4.4 */
    {"", ""},
};

static void test_rfc_vectors(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(rfc9285_vectors); i++) {
        const char *bytes = rfc9285_vectors[i].bytes, *text = rfc9285_vectors[i].text;
        char encoded[32];
        uint8_t decoded[16];

        base45_encode((const uint8_t *)bytes, strlen(bytes), encoded);
        assert_string_equal(encoded, text);
        assert_int_equal(strlen(text), BASE45_LENGTH(strlen(bytes)));
        assert_int_equal(base45_decode(text, strlen(text), decoded, sizeof(decoded)),
                         (int)strlen(bytes));
        assert_memory_equal(decoded, bytes, strlen(bytes));
    }
}

static void test_bad_text(void **state)
{
    static const char *const bad[] = {
        "A",     /* no encoder makes one character */
        "BB8A",  /* nor four */
        "bb8",   /* lower case */
        "BB\n",  /* outside the alphabet */
        "GGW",   /* 0x10000: RFC 9285 section 4.2 asks to reject it */
        ":::",   /* the largest group */
        "BB8V5", /* 0x100 in a pair */
        "BB8\xC3\x84", "::",
    };
    uint8_t bytes[16];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(base45_decode(bad[i], strlen(bad[i]), bytes, sizeof(bytes)), -EBADMSG);
    assert_int_equal(base45_decode("BB\0", 3, bytes, sizeof(bytes)), -EBADMSG);
    assert_int_equal(base45_decode("FGW", 3, bytes, sizeof(bytes)), 2); /* 0xFFFF still fits */
    assert_int_equal(base45_decode("U5", 2, bytes, sizeof(bytes)), 1);
    assert_int_equal(bytes[0], 0xFF);
    assert_int_equal(base45_decode("BB8BB8", 6, bytes, 3), -ENOBUFS);
}

/* Every group of bytes comes back, and every text is refused or is what the encoder would write. */
static void test_all_groups(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    unsigned accepted = 0;

    for (size_t n = 0; n < 45 * 45 * 45; n++) {
        char text[4] = {alphabet[n % 45], alphabet[n / 45 % 45], alphabet[n / 2025]};
        char again[4];
        uint8_t bytes[2];

        if (base45_decode(text, 3, bytes, 2) < 0)
            continue;
        accepted++;
        base45_encode(bytes, 2, again);
        assert_string_equal(text, again);
    }
    assert_int_equal(accepted, 65536);
}

/* Any bytes: no crash, no write past `size` (address sanitizer and the guard see it). */
static void test_random_bytes(void **state)
{
    uint32_t random = 12345;

    for (int round = 0; round < 20000; round++) {
        char text[48];
        uint8_t bytes[20];
        size_t n;
        int r;

        for (size_t i = 0; i < sizeof(text); i++) {
            random = random * 1664525 + 1013904223;
            text[i] = (char)(random >> 24);
        }
        n = (random >> 8) % sizeof(text);
        bytes[16] = 0xA5;
        r = base45_decode(text, n, bytes, 16);
        assert_true(r == -EBADMSG || r == -ENOBUFS || (r >= 0 && r <= 16));
        assert_int_equal(bytes[16], 0xA5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_vectors),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_all_groups),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests_name("base45", tests, NULL, NULL);
}
