/* Pictures of codes for the finder's tests: libqrencode's modules through a pinhole camera. */
#pragma once

#include "kiosk/finder/grid.h"

#include <stdint.h>

/* What is 0 has the value in brackets. */
struct synthetic {
    const char *text;
    int version;       /* 0: the smallest that holds the text */
    int width, height; /* pixels (640 x 480) */
    double module;     /* pixels, in the code's middle */
    double turn, tilt; /* degrees: in the picture's plane, and out of it about the x axis */
    double bow;        /* pixels: the code as on a bottle, its middle columns shifted down */
    double blur;       /* pixels: radius of a box, applied twice */
    int dark, light;   /* gray levels */
    int quiet;         /* modules around it */
    int around;        /* gray level of the rest */
    double slope;      /* gray levels that the light changes by from left to right */
    int noise;         /* gray levels, plus or minus */
    double x, y;       /* where its middle is, as a share of the picture; 0 is the middle */
};

/* Draws it; the caller frees. The true grid, flat ones only, comes with it if asked for. */
uint8_t *synthetic_draw(const struct synthetic *synthetic, struct plane *ret_plane,
                        struct grid *ret_grid);
/* libqrencode's modules of a text, 1 dark, 0 light; the caller frees. */
uint8_t *synthetic_modules(const char *text, int version, int *ret_size);
/* Even noise over the whole range. */
uint8_t *synthetic_noise(int width, int height, struct plane *ret_plane);
