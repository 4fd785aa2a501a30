#include "common/base45.h"

#include <errno.h>

/* RFC 9285, table 1. */
static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

static int digit_value(char c)
{
    for (int i = 0; i < 45; i++)
        if (alphabet[i] == c)
            return i;
    return -1;
}

void base45_encode(const uint8_t *data, size_t n, char *ret_text)
{
    while (n >= 2) {
        unsigned value = (unsigned)data[0] << 8 | data[1];

        *ret_text++ = alphabet[value % 45];
        *ret_text++ = alphabet[value / 45 % 45];
        *ret_text++ = alphabet[value / (45 * 45)];
        data += 2;
        n -= 2;
    }
    if (n == 1) {
        *ret_text++ = alphabet[data[0] % 45];
        *ret_text++ = alphabet[data[0] / 45];
    }
    *ret_text = '\0';
}

/* The value of a group of two or three characters, least significant first. */
static int group_value(const char *text, size_t n)
{
    int value = 0;

    for (size_t i = n; i > 0; i--) {
        int digit = digit_value(text[i - 1]);

        if (digit < 0)
            return -EBADMSG;
        value = value * 45 + digit;
    }
    return value;
}

int base45_decode(const char *text, size_t n_text, uint8_t *ret_data, size_t size)
{
    size_t n_bytes = n_text / 3 * 2 + n_text % 3 / 2;

    if (n_text % 3 == 1 || n_text > INT32_MAX)
        return -EBADMSG;
    if (n_bytes > size)
        return -ENOBUFS;
    for (; n_text >= 3; text += 3, n_text -= 3) {
        int value = group_value(text, 3);

        if (value < 0 || value > 0xFFFF)
            return -EBADMSG;
        *ret_data++ = (uint8_t)(value >> 8);
        *ret_data++ = (uint8_t)(value & 0xFF);
    }
    if (n_text == 2) {
        int value = group_value(text, 2);

        if (value < 0 || value > 0xFF)
            return -EBADMSG;
        *ret_data = (uint8_t)value;
    }
    return (int)n_bytes;
}
