/* The pickup number: ten digits, typed 3-3-4, for a dead phone (docs/codes.md). Pure. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>

#define NUMBER_DIGITS       10
#define NUMBER_DIGEST_BYTES 16
#define NUMBER_KEY_BYTES    32

/* Takes digits with spaces or hyphens between them and writes the ten bare digits. Returns
 * -EINVAL unless there are exactly ten digits and nothing else, -EBADMSG when the Damm check digit
 * (H. M. Damm, 2004; quasigroup of order 10) is wrong: a typing slip, not a wrong try. */
int number_parse(const char *text, char ret_digits[NUMBER_DIGITS + 1]);

/* The check digit ('0' to '9') of the first nine digits. */
char number_check_digit(const char *nine_digits);

/* Nine digits from `random` (uniform, by rejection upstream: 0 to 999,999,999) and the check digit.
 */
void number_make(uint32_t random, char ret_digits[NUMBER_DIGITS + 1]);

/* Keyed BLAKE2b-128 of "number" ‖ ten digits under the branch's number key. */
void number_digest(const uint8_t key[NUMBER_KEY_BYTES], const char *digits,
                   uint8_t ret_digest[NUMBER_DIGEST_BYTES]);

/* The digest of a staff member's four-digit number: keyed BLAKE2b-128 of "pin" ‖ staff (4 bytes,
 * big-endian) ‖ digits. */
void number_pin_digest(const uint8_t key[NUMBER_KEY_BYTES], uint32_t staff, const char *four_digits,
                       uint8_t ret_digest[NUMBER_DIGEST_BYTES]);

/* Wrong tries of the whole bank. Stored by the daemon so that it survives restarts. From the fifth
 * wrong try on the keypad waits 1, 2, 4 … at most 60 s; one wrong try is forgotten every ten
 * minutes; a right number forgives nothing. */
struct number_throttle {
    uint32_t wrong;   /* wrong tries that still count */
    int64_t since_ms; /* time base of `wrong`: when the last was counted or forgotten */
    int64_t until_ms; /* keypad is closed before this */
};

/* How long (ms) the keypad must still wait at `now_ms`; 0 = open. Lets tries be forgotten. A clock
 * that went back never lengthens the wait beyond 60 s. */
int64_t number_throttle_wait_ms(struct number_throttle *throttle, int64_t now_ms);
/* Counts a wrong try. */
void number_throttle_wrong(struct number_throttle *throttle, int64_t now_ms);
/* The time base has begun anew: the tries still count, and the last wait begins again. */
void number_throttle_reboot(struct number_throttle *throttle, int64_t now_ms);
