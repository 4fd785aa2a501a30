/* Step 7: moving a grid until what must be there is there. A code of a given size has modules whose
 * colour is fixed: finder patterns, timing patterns, alignment patterns. The fit climbs on how well
 * they agree, one parameter after the other, with a step that halves. */
#pragma once

#include "kiosk/finder/sample.h"

/* The fixed modules of one size, and their light. */
struct fit {
    const struct plane *plane;
    struct light light;
    int n;
    struct fixed {
        uint8_t u, v;
        int8_t dark;        /* 1 dark, -1 light */
        float middle, half; /* of the light there */
    } fixed[2048];
    int whole_step; /* fit_crispness(): every so many rows and columns */
};

/* Lists the fixed modules of grid->size and measures the light. */
void fit_start(struct fit *fit, const struct plane *plane, const struct grid *grid);
/* -1 to 1: how well the fixed modules agree; noise is near 0, a blurred code above 0.5. */
float fit_score(const struct fit *fit, const struct grid *grid);
/* Only the timing patterns, the same way. */
float fit_timing(const struct fit *fit, const struct grid *grid);
/* 0 to 1: how far from the middle all modules are: at its highest when each is sampled in its
 * middle. The only guide in the corner without a finder pattern. */
float fit_crispness(const struct fit *fit, const struct grid *grid);
/* Climbs on the first `n_parameters` from a step of `step` modules on, in at most `n_sweeps`
 * sweeps; `crispness` is the weight of that beside the score. Adds up what it costs in *spent.
 * Returns the score reached (without crispness). */
float fit_climb(const struct fit *fit, struct grid *grid, int n_parameters, float step,
                int n_sweeps, float crispness, long *spent);
/* The corner without a finder pattern can settle one module off, where half of the modules agree by
 * chance. Tries it `reach` modules around where it is, judged by crispness and score, and leaves
 * the grid at the best place. False when it was there already. */
bool fit_corner(const struct fit *fit, struct grid *grid, float reach, long *spent);
/* Tries bows of up to one and a half modules along both sides, a climb from flat would stop at the
 * first timing module that agrees by chance. */
void fit_bow(const struct fit *fit, struct grid *grid, long *spent);
