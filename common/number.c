#include "common/number.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FREE_TRIES  4
#define WAIT_MAX_MS 60000
#define FORGET_MS   (10 * 60 * 1000)
#define PIN_DIGITS  4

/* H. M. Damm, "Total anti-symmetrische Quasigruppen", Marburg 2004: with this table every single
 * wrong digit and every swap of neighbours changes the check digit. */
static const uint8_t damm[10][10] = {
    {0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3}, {4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
    {1, 7, 5, 0, 9, 8, 3, 4, 2, 6}, {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
    {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7}, {9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
    {2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
};

char number_check_digit(const char *nine_digits)
{
    uint8_t interim = 0;

    for (size_t i = 0; i < NUMBER_DIGITS - 1; i++)
        interim = damm[interim][nine_digits[i] - '0'];
    return (char)('0' + interim);
}

int number_parse(const char *text, char ret_digits[NUMBER_DIGITS + 1])
{
    char digits[NUMBER_DIGITS + 1] = "";
    size_t n = 0;

    for (const char *p = text; *p; p++) {
        if (*p >= '0' && *p <= '9' && n < NUMBER_DIGITS)
            digits[n++] = *p;
        else if ((*p != ' ' && *p != '-') || n == 0 || n == NUMBER_DIGITS)
            return -EINVAL;
    }
    if (n != NUMBER_DIGITS)
        return -EINVAL;
    if (number_check_digit(digits) != digits[NUMBER_DIGITS - 1])
        return -EBADMSG;
    memcpy(ret_digits, digits, sizeof(digits));
    return 0;
}

void number_make(uint32_t random, char ret_digits[NUMBER_DIGITS + 1])
{
    for (size_t i = NUMBER_DIGITS - 1; i > 0; i--) {
        ret_digits[i - 1] = (char)('0' + random % 10);
        random /= 10;
    }
    ret_digits[NUMBER_DIGITS - 1] = number_check_digit(ret_digits);
    ret_digits[NUMBER_DIGITS] = '\0';
}

void number_digest(const uint8_t key[NUMBER_KEY_BYTES], const char *digits,
                   uint8_t ret_digest[NUMBER_DIGEST_BYTES])
{
    uint8_t input[6 + NUMBER_DIGITS];

    memcpy(input, "number", 6);
    memcpy(input + 6, digits, NUMBER_DIGITS);
    crypto_generichash(ret_digest, NUMBER_DIGEST_BYTES, input, sizeof(input), key,
                       NUMBER_KEY_BYTES);
}

void number_pin_digest(const uint8_t key[NUMBER_KEY_BYTES], uint32_t staff, const char *four_digits,
                       uint8_t ret_digest[NUMBER_DIGEST_BYTES])
{
    uint8_t input[3 + 4 + PIN_DIGITS];

    memcpy(input, "pin", 3);
    for (size_t i = 0; i < 4; i++)
        input[3 + i] = (uint8_t)(staff >> (24 - 8 * i));
    memcpy(input + 7, four_digits, PIN_DIGITS);
    crypto_generichash(ret_digest, NUMBER_DIGEST_BYTES, input, sizeof(input), key,
                       NUMBER_KEY_BYTES);
}

static void forget(struct number_throttle *throttle, int64_t now_ms)
{
    int64_t tries;

    if (throttle->wrong == 0 || now_ms < throttle->since_ms) {
        throttle->since_ms = now_ms; /* the clock went back: count the ten minutes from here */
        return;
    }
    tries = (now_ms - throttle->since_ms) / FORGET_MS;
    if (tries > throttle->wrong)
        tries = throttle->wrong;
    throttle->wrong -= (uint32_t)tries;
    throttle->since_ms += tries * FORGET_MS;
}

/* What the next try after this many wrong ones has to wait. */
static int64_t wait_after(uint32_t wrong)
{
    if (wrong > FREE_TRIES + 6)
        return WAIT_MAX_MS;
    return wrong > FREE_TRIES ? INT64_C(1000) << (wrong - FREE_TRIES - 1) : 0;
}

void number_throttle_reboot(struct number_throttle *throttle, int64_t now_ms)
{
    throttle->since_ms = now_ms;
    throttle->until_ms = now_ms + wait_after(throttle->wrong);
}

int64_t number_throttle_wait_ms(struct number_throttle *throttle, int64_t now_ms)
{
    forget(throttle, now_ms);
    if (throttle->until_ms > now_ms + WAIT_MAX_MS)
        throttle->until_ms = now_ms + WAIT_MAX_MS;
    return throttle->until_ms > now_ms ? throttle->until_ms - now_ms : 0;
}

void number_throttle_wrong(struct number_throttle *throttle, int64_t now_ms)
{
    forget(throttle, now_ms);
    if (throttle->wrong < UINT32_MAX)
        throttle->wrong++;
    throttle->since_ms = now_ms;
    throttle->until_ms = now_ms + wait_after(throttle->wrong);
}
