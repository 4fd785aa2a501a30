#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/number.h"
#include "tests/unit/common/vectors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define NOON_MS   INT64_C(1767268800000)

/* The number key of docs/codes.md. */
static void number_key(uint8_t ret_key[NUMBER_KEY_BYTES])
{
    for (uint8_t i = 0; i < NUMBER_KEY_BYTES; i++)
        ret_key[i] = (uint8_t)(96 + i);
}

static void test_number_vectors(void **state)
{
    struct vector rows[16];
    size_t n = vectors_read("| random | number | digest |", rows, ELEMENTSOF(rows));
    uint8_t key[NUMBER_KEY_BYTES];

    number_key(key);
    for (size_t i = 0; i < n; i++) {
        uint8_t digest[NUMBER_DIGEST_BYTES], expected[NUMBER_DIGEST_BYTES];
        char made[NUMBER_DIGITS + 1], parsed[NUMBER_DIGITS + 1];

        number_make((uint32_t)vector_number(rows[i].cells[0], 10), made);
        assert_int_equal(number_parse(rows[i].cells[1], parsed), 0);
        assert_string_equal(made, parsed);
        vector_bytes(rows[i].cells[2], expected, sizeof(expected));
        number_digest(key, made, digest);
        assert_memory_equal(digest, expected, sizeof(digest));
    }
}

static void test_pin_vectors(void **state)
{
    struct vector rows[16];
    size_t n = vectors_read("| staff | digits | digest |", rows, ELEMENTSOF(rows));
    uint8_t key[NUMBER_KEY_BYTES];

    number_key(key);
    for (size_t i = 0; i < n; i++) {
        uint8_t digest[NUMBER_DIGEST_BYTES], expected[NUMBER_DIGEST_BYTES];

        number_pin_digest(key, (uint32_t)vector_number(rows[i].cells[0], 10), rows[i].cells[1],
                          digest);
        vector_bytes(rows[i].cells[2], expected, sizeof(expected));
        assert_memory_equal(digest, expected, sizeof(digest));
    }
}

/* The page's table is the one that the code computes with. */
static void test_damm_table_of_the_page(void **state)
{
    struct vector rows[10];
    size_t n = vectors_read("| | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |", rows, ELEMENTSOF(rows));
    unsigned table[10][10];

    assert_int_equal(n, 10);
    for (size_t i = 0; i < 10; i++)
        for (size_t j = 0; j < 10; j++)
            table[i][j] = (unsigned)vector_number(rows[i].cells[j + 1], 10);
    for (uint32_t random = 0; random < 1000000000; random += 1234577) {
        char digits[NUMBER_DIGITS + 1];
        unsigned interim = 0;

        number_make(random, digits);
        for (size_t i = 0; i < NUMBER_DIGITS - 1; i++)
            interim = table[interim][digits[i] - '0'];
        assert_int_equal(digits[NUMBER_DIGITS - 1], '0' + interim);
    }
}

/* Every slip that the check digit promises to catch, on many numbers. */
static void test_slips_are_told(void **state)
{
    char good[NUMBER_DIGITS + 1], typed[NUMBER_DIGITS + 1], parsed[NUMBER_DIGITS + 1];

    for (uint32_t random = 7; random < 1000000000; random += 12345679) {
        number_make(random, good);
        assert_int_equal(number_parse(good, parsed), 0);
        assert_string_equal(parsed, good);
        for (size_t i = 0; i < NUMBER_DIGITS; i++) {
            strcpy(typed, good);
            for (typed[i] = '0'; typed[i] <= '9'; typed[i]++)
                assert_int_equal(number_parse(typed, parsed), typed[i] == good[i] ? 0 : -EBADMSG);
        }
        for (size_t i = 0; i + 1 < NUMBER_DIGITS; i++) {
            strcpy(typed, good);
            typed[i] = good[i + 1];
            typed[i + 1] = good[i];
            assert_int_equal(number_parse(typed, parsed), typed[i] == good[i] ? 0 : -EBADMSG);
        }
    }
}

static void test_parse(void **state)
{
    static const char *const good[] = {"4071502387", "407-150-2387", "407 150 2387",
                                       "4 0 7 1 5 0 2 3 8 7", "407 - 150 - 2387"};
    static const char *const bad[] = {
        "",
        "407150238",
        "40715023870",
        " 4071502387",
        "4071502387 ",
        "-4071502387",
        "4071502387-",
        "407150238X",
        "407.150.2387",
        "407150238\xEF\xBC\x97",
        "4071502387\n",
    };
    char digits[NUMBER_DIGITS + 1];

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        assert_int_equal(number_parse(good[i], digits), 0);
        assert_string_equal(digits, "4071502387");
    }
    strcpy(digits, "untouched");
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(number_parse(bad[i], digits), -EINVAL);
    assert_int_equal(number_parse("4071502388", digits), -EBADMSG);
    assert_string_equal(digits, "untouched");
}

static void test_throttle_doubles_from_the_fifth(void **state)
{
    static const int64_t waits_s[] = {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct number_throttle throttle = {0};
    int64_t now_ms = NOON_MS;

    for (size_t i = 0; i < ELEMENTSOF(waits_s); i++) {
        number_throttle_wrong(&throttle, now_ms);
        assert_int_equal(number_throttle_wait_ms(&throttle, now_ms), waits_s[i] * 1000);
        if (waits_s[i] > 0)
            assert_int_equal(number_throttle_wait_ms(&throttle, now_ms + waits_s[i] * 1000 - 1), 1);
        now_ms += waits_s[i] * 1000;
        assert_int_equal(number_throttle_wait_ms(&throttle, now_ms), 0);
    }
    throttle.wrong = UINT32_MAX;
    number_throttle_wrong(&throttle, now_ms);
    assert_int_equal(number_throttle_wait_ms(&throttle, now_ms), 60000);
}

static void test_throttle_forgets(void **state)
{
    struct number_throttle throttle = {0};

    for (int i = 0; i < 6; i++)
        number_throttle_wrong(&throttle, NOON_MS);
    number_throttle_wait_ms(&throttle, NOON_MS + 10 * MINUTE_MS - 1);
    assert_int_equal(throttle.wrong, 6);
    /* Asking often forgets no more than asking once. */
    for (int64_t minute = 10; minute <= 25; minute++)
        number_throttle_wait_ms(&throttle, NOON_MS + minute * MINUTE_MS);
    assert_int_equal(throttle.wrong, 4);
    number_throttle_wrong(&throttle, NOON_MS + 25 * MINUTE_MS);
    assert_int_equal(number_throttle_wait_ms(&throttle, NOON_MS + 25 * MINUTE_MS), 1000);
    /* A count starts its own ten minutes. */
    number_throttle_wait_ms(&throttle, NOON_MS + 34 * MINUTE_MS);
    assert_int_equal(throttle.wrong, 5);
    number_throttle_wait_ms(&throttle, NOON_MS + 365 * 24 * 60 * MINUTE_MS);
    assert_int_equal(throttle.wrong, 0);
}

static void test_throttle_and_a_clock_that_went_back(void **state)
{
    struct number_throttle throttle = {0};

    for (int i = 0; i < 20; i++)
        number_throttle_wrong(&throttle, NOON_MS);
    assert_int_equal(number_throttle_wait_ms(&throttle, 1000), 60000);
    assert_int_equal(number_throttle_wait_ms(&throttle, 31000), 30000);
    assert_int_equal(number_throttle_wait_ms(&throttle, 61000), 0);
    assert_int_equal(throttle.wrong, 20); /* going back forgives nothing */
    assert_int_equal(number_throttle_wait_ms(&throttle, 1000 + 10 * MINUTE_MS), 0);
    assert_int_equal(throttle.wrong, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_vectors),
        cmocka_unit_test(test_pin_vectors),
        cmocka_unit_test(test_damm_table_of_the_page),
        cmocka_unit_test(test_slips_are_told),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_throttle_doubles_from_the_fifth),
        cmocka_unit_test(test_throttle_forgets),
        cmocka_unit_test(test_throttle_and_a_clock_that_went_back),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
