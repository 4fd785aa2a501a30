/* Step 5: where each module of a code lies in the picture.
 *
 * A flat code seen by a camera is a projective map: three corners and how much farther away two of
 * them are than the first (their depth w) fix it, and each of these eight numbers moves the grid in
 * a way that is easy to imagine. A bent one (a label on a bottle, a page) adds a bow along each
 * side. What is left over is a mesh of small shifts, measured at the alignment patterns. */
#pragma once

#include "kiosk/finder/plane.h"

#include <stdbool.h>

#define GRID_SIZE_MAX 177 /* modules a side: version 40 */
#define GRID_MESH_MAX 7   /* alignment patterns a side */

/* Parameters, in the order in which a fit tries them. */
enum grid_parameter {
    GRID_RIGHT_X,
    GRID_RIGHT_Y,
    GRID_BELOW_X,
    GRID_BELOW_Y,
    GRID_W_RIGHT,
    GRID_W_BELOW,
    GRID_CORNER_X,
    GRID_CORNER_Y,
    GRID_BOW_TOP_X, /* pixels in the middle of the upper side, a parabola between its ends */
    GRID_BOW_TOP_Y,
    GRID_BOW_SIDE_X, /* the same for the left side */
    GRID_BOW_SIDE_Y,
    GRID_PARAMETERS,
    GRID_FLAT = GRID_BOW_TOP_X /* so many describe a flat code */
};

struct grid {
    int size;                 /* modules a side */
    float p[GRID_PARAMETERS]; /* corners are the middles of the finder patterns */
    bool inverted;            /* light on dark */
    int n_mesh;               /* nodes a side; 0: no mesh */
    struct point mesh[GRID_MESH_MAX][GRID_MESH_MAX]; /* shift in pixels, [row][column] */
};

/* The version's modules a side, and back; -1 when there is no such version. */
#define GRID_SIZE(version) (17 + 4 * (version))
int grid_version(int size);
/* Where the middles of alignment patterns lie, in modules, along both sides alike; the first is 6.
 * Returns how many: 0 for version 1. (ISO/IEC 18004, annex E.) */
int grid_alignment(int version, int ret_at[GRID_MESH_MAX]);

/* The mesh's shift at (u, v): bilinear between its nodes. */
struct point grid_mesh_shift(const struct grid *grid, float u, float v);
/* Where the place (u, v), in modules from the code's upper left corner, lies in the picture. In the
 * header because nearly all time is spent here. */
static inline struct point grid_point(const struct grid *grid, float u, float v)
{
    const float *p = grid->p;
    float span = 1.0F / (float)(grid->size - 7);
    float s = (u - 3.5F) * span, t = (v - 3.5F) * span;
    float a = 1 - s - t, b = s * p[GRID_W_RIGHT], c = t * p[GRID_W_BELOW];
    float depth = 1 / (a + b + c), along = 4 * s * (1 - s), down = 4 * t * (1 - t);
    struct point at = {
        (a * p[GRID_CORNER_X] + b * p[GRID_RIGHT_X] + c * p[GRID_BELOW_X]) * depth +
            along * p[GRID_BOW_TOP_X] + down * p[GRID_BOW_SIDE_X],
        (a * p[GRID_CORNER_Y] + b * p[GRID_RIGHT_Y] + c * p[GRID_BELOW_Y]) * depth +
            along * p[GRID_BOW_TOP_Y] + down * p[GRID_BOW_SIDE_Y],
    };

    if (grid->n_mesh > 0) {
        struct point shift = grid_mesh_shift(grid, u, v);

        at.x += shift.x;
        at.y += shift.y;
    }
    return at;
}

/* Sets both depths so that (u, v) lies at `at`; false when no flat code can do that. */
bool grid_pin(struct grid *grid, float u, float v, struct point at);
/* The same grid on a picture that is `factor` times as large. */
void grid_scale(struct grid *grid, float factor);
/* Side of a module in pixels, about: the smaller of both directions, over the whole code. */
float grid_module(const struct grid *grid);
/* Whether the four corners are in order, none behind the camera, none absurdly far. */
bool grid_is_sound(const struct grid *grid);
