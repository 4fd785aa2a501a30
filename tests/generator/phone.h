/* What a phone shows: a code with its quiet zone on a screen with a frame, perhaps in dark mode,
 * perhaps cracked. */
#pragma once

#include "tests/generator/random.h"

#include <stdbool.h>
#include <stddef.h>

#define PHONE_QUIET   4  /* modules around the code (ISO/IEC 18004) */
#define PHONE_SAMPLES 16 /* a module's side in the map */

struct phone_options {
    const char *text;
    bool dark_mode;
    double white, black; /* tones of the screen, 0 to 255 */
    int cracks;          /* in the glass: lines that begin near one point */
};

struct phone {
    unsigned char *map;             /* tones, PHONE_SAMPLES a module; rows of `columns` */
    size_t columns, rows;           /* of the map */
    int modules;                    /* of the code */
    double half_width, half_height; /* of the screen, in modules from the code's middle */
};

/* 0, or -1 when the text does not fit a code. Level M, the smallest version. */
int phone_draw(const struct phone_options *options, struct dice *dice, struct phone *ret_phone);
void phone_done(struct phone *phone);

/* The tone at a point of the plane, in modules from the code's middle; -1 beside the phone. */
static inline int phone_tone(const struct phone *phone, double a, double b)
{
    double x = (a + phone->half_width) * PHONE_SAMPLES,
           y = (b + phone->half_height) * PHONE_SAMPLES;

    if (!(x >= 0 && y >= 0 && x < (double)phone->columns && y < (double)phone->rows))
        return -1;
    return phone->map[(size_t)y * phone->columns + (size_t)x];
}
