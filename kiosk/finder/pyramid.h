/* Step 1: the picture at full, half, quarter … size. A level takes away noise, the pixel grid of a
 * photographed screen and three quarters of the work; a code held close is found on a small one. */
#pragma once

#include "kiosk/finder/plane.h"

#include <stddef.h>

#define PYRAMID_LEVELS   6
#define PYRAMID_SIDE_MIN 40 /* pixels: no level is smaller */

struct pyramid {
    struct plane levels[PYRAMID_LEVELS]; /* [0] is the caller's picture */
    int n_levels;                        /* how many the picture allows */
    int n_made;
    uint8_t *memory; /* of the levels from 1 on */
    size_t capacity;
};

/* Starts with a new picture, which must stay until the next one; makes no level yet. At least 2 x 2
 * pixels. -ENOMEM; memory only ever grows. */
int pyramid_start(struct pyramid *pyramid, const struct plane *picture);
/* Level `n`, made now if it is the first time; NULL when the picture is too small for it. */
const struct plane *pyramid_level(struct pyramid *pyramid, int n);
void pyramid_done(struct pyramid *pyramid);

/* Each pixel the mean of four; `to` has from->width / 2 * (from->height / 2) bytes. */
void pyramid_halve(const struct plane *from, uint8_t *to);
/* Twice the size, between pixels linear; `to` has 4 * width * height bytes. */
void pyramid_double(const struct plane *from, uint8_t *to);
