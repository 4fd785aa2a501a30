/* Step 2: dark or not, pixel by pixel, against the mean of the window around it: a shadow, a bright
 * lamp or a dimmed screen change both alike. */
#pragma once

#include "kiosk/finder/plane.h"

#include <stddef.h>

#define MASK_RADIUS_MAX 100 /* pixels: column sums fit 16 bits */

struct mask {
    uint8_t *dark; /* width * height: 1 where dark, else 0 */
    size_t capacity;
    int width, height;
    uint32_t *sums; /* working memory of a row */
    size_t sums_capacity;
};

/* The window has 2 * radius + 1 pixels a side; a pixel is dark when it lies more than `floor` gray
 * levels under its mean, so that noise in an even area is nothing. -ENOMEM; memory only grows. */
int mask_make(struct mask *mask, const struct plane *plane, int radius, int floor);
void mask_done(struct mask *mask);
