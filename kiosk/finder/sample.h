/* Step 6: gray levels at the middles of modules, and how light and dark look over the code. */
#pragma once

#include "kiosk/finder/grid.h"

/* Gray levels of light and dark modules in the three finder patterns (corner, right, below), dark
 * always lower: the levels of an inverted code are turned over when they are sampled. Between and
 * beyond the three they are taken to change evenly. */
struct light {
    float light[3], dark[3];
};

/* One module's gray level. */
float sample_at(const struct plane *plane, const struct grid *grid, float u, float v);
/* All of them, row by row: size * size values. */
void sample_grid(const struct plane *plane, const struct grid *grid, float *values);
/* A smaller value than `light_contrast_min` says that there is no code. */
void light_measure(struct light *light, const struct plane *plane, const struct grid *grid);
/* Halfway between light and dark at a place, and half their distance (at least 2). */
void light_at(const struct light *light, const struct grid *grid, float u, float v,
              float *ret_middle, float *ret_half);
/* The weakest of the three, gray levels. */
float light_contrast(const struct light *light);

/* What a module of the finder pattern whose upper left module is (0, 0) must be: 1 dark, 0 light.
 * Defined from -1 to 7, the separator included. */
int finder_module(int u, int v);
