/* Step 10: does the format of the sampled modules make sense? What no code can be is not worth
 * zbar's time, and is where a wrong text could come from. */
#pragma once

#include "kiosk/finder/grid.h"

struct format {
    int bits;     /* the nearest of the 32 words of 15 bits */
    int distance; /* of both copies together: bits that differ, 0 to 30 */
    int nearest;  /* of the better copy alone */
    bool mirrored;
};

/* Finds the word that both copies together are nearest to; tries the code seen in a mirror too. */
void format_find(const uint8_t *dark, int size, struct format *ret_format);
/* Draws everything whose colour is fixed: finder, timing and alignment patterns, format, version.
 * zbar need not find them again through the noise. */
void format_draw(uint8_t *dark, int size, const struct format *format);
/* How many modules of the timing patterns are wrong, in percent. */
int format_timing_wrong(const uint8_t *dark, int size);
