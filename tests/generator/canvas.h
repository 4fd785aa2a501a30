/* A picture while it is made, in tones of 0 to 255 that may lie beyond: what lens, sensor and
 * stream do to it, one function each. */
#pragma once

#include "tests/generator/random.h"

#include <stddef.h>

struct canvas {
    float *tones, *scratch; /* width * height each */
    long width, height;
};

/* A part of it: the effects that cost much are worth it only where something is to be seen. */
struct part {
    long left, top, right, bottom; /* pixels; right and bottom just outside */
};

int canvas_init(struct canvas *canvas, long width, long height);
void canvas_done(struct canvas *canvas);
struct part canvas_whole(const struct canvas *canvas);

/* Out of focus: a Gaussian of so many pixels. */
void canvas_blur(struct canvas *canvas, struct part part, double sigma);
/* A hand that moves during the exposure, by (dx, dy) pixels. */
void canvas_smear(struct canvas *canvas, struct part part, double dx, double dy);
/* A lamp mirrored in the glass: a soft bright spot of so many pixels. */
void canvas_glare(struct canvas *canvas, double x, double y, double radius, double strength);
/* A sensor that reads its rows one after the other while the hand moves: each row is shifted by
 * `skew` pixels a row and by a wave. */
void canvas_roll(struct canvas *canvas, double skew, double wave, double rows_per_wave);
/* Noise of the sensor, then 8 bits. */
void canvas_finish(const struct canvas *canvas, double noise, struct dice *dice,
                   unsigned char *ret_gray);
