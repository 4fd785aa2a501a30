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
static inline float sample_at(const struct plane *plane, const struct grid *grid, float u, float v)
{
    struct point at = grid_point(grid, u, v);
    float level = plane_at(plane, at.x, at.y);

    return grid->inverted ? 255 - level : level;
}

/* All of them, row by row: size * size values. */
void sample_grid(const struct plane *plane, const struct grid *grid, float *values);
/* From the three finder patterns as the grid has them. */
void light_measure(struct light *light, const struct plane *plane, const struct grid *grid);
/* Halfway between light and dark at a place, and half their distance (at least 2). */
static inline void light_at(const struct light *light, const struct grid *grid, float u, float v,
                            float *ret_middle, float *ret_half)
{
    float span = 1.0F / (float)(grid->size - 7);
    float s = (u - 3.5F) * span, t = (v - 3.5F) * span, a = 1 - s - t;
    float top = a * light->light[0] + s * light->light[1] + t * light->light[2];
    float low = a * light->dark[0] + s * light->dark[1] + t * light->dark[2];

    *ret_middle = (top + low) / 2;
    *ret_half = top - low > 4 ? (top - low) / 2 : 2;
}

/* The weakest of the three, gray levels. */
float light_contrast(const struct light *light);

/* What a module of the finder pattern whose upper left module is (0, 0) must be: 1 dark, 0 light.
 * Defined from -1 to 7, the separator included. */
int finder_module(int u, int v);
