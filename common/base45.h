/* Base45 (RFC 9285): binary data in the 45 characters of QR alphanumeric mode. Pure. */
#pragma once

#include "common/cleanup.h"
#include <stddef.h>

/* Characters that `n` bytes encode to, without a terminator. */
#define BASE45_LENGTH(n) ((n) / 2 * 3 + (n) % 2 * 2)

/* Writes the text and a NUL; `ret_text` must have room for BASE45_LENGTH(n) + 1. */
void base45_encode(const uint8_t *data, size_t n, char *ret_text);

/* Decodes `n_text` characters into at most `size` bytes. Returns the number of bytes; -EBADMSG for
 * a character outside the alphabet, a length no encoder makes, or a group above 0xFFFF (or 0xFF for
 * a pair); -ENOBUFS when `size` is too small. */
int base45_decode(const char *text, size_t n_text, uint8_t *ret_data, size_t size);
