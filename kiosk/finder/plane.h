/* A gray picture as the finder sees it: a view that owns nothing. Positions in it are measured from
 * the upper left corner of the upper left pixel, so the middle of that pixel is (0.5, 0.5) and a
 * level of the pyramid differs from the next by a factor of two and nothing else. */
#pragma once

#include <stdint.h>

struct plane {
    const uint8_t *pixels; /* width * height, without gaps */
    int width, height;
};

struct point {
    float x, y;
};

/* The gray level at a place between pixels (bilinear); outside, that of the nearest border pixel.
 */
static inline float plane_at(const struct plane *plane, float x, float y)
{
    float left, top;
    const uint8_t *p;
    int ix, iy;

    x -= 0.5F;
    y -= 0.5F;
    x = x > 0 ? x : 0; /* also what a NaN becomes */
    y = y > 0 ? y : 0;
    x = x < (float)plane->width - 1.001F ? x : (float)plane->width - 1.001F;
    y = y < (float)plane->height - 1.001F ? y : (float)plane->height - 1.001F;
    ix = (int)x;
    iy = (int)y;
    left = x - (float)ix;
    top = y - (float)iy;
    p = plane->pixels + (long)iy * plane->width + ix;
    return ((float)p[0] * (1 - left) + (float)p[1] * left) * (1 - top) +
           ((float)p[plane->width] * (1 - left) + (float)p[plane->width + 1] * left) * top;
}
