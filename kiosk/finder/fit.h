/* Step 7: moving a grid until what must be there is there. A code of a given size has modules whose
 * colour is fixed: finder patterns, timing patterns, alignment patterns. The fit climbs on how well
 * they agree, one parameter after the other, with a step that halves. */
#pragma once

#include "kiosk/finder/sample.h"

#define FIT_PLACES 3600

/* Modules to sample, in columns so that the compiler computes four places at a time. */
struct places {
    int n;
    float s[FIT_PLACES], t[FIT_PLACES];         /* place, 0 and 1 are middles of finder patterns */
    float along[FIT_PLACES], down[FIT_PLACES];  /* share of the bows there */
    float middle[FIT_PLACES], half[FIT_PLACES]; /* of the light there (light_at()) */
    float dark[FIT_PLACES];                     /* what must be there: 1 dark, -1 light */
};

/* The fixed modules of one size, and their light. */
struct fit {
    const struct plane *plane;
    struct light light;
    struct places fixed; /* the timing patterns first */
    struct places whole; /* of all modules, as many as tell enough; listed when first wanted */
    float x[FIT_PLACES], y[FIT_PLACES];
};

/* Lists the fixed modules of grid->size and measures the light. */
void fit_start(struct fit *fit, const struct plane *plane, const struct grid *grid);
/* Only the timing patterns: enough for fit_timing(). */
void fit_start_timing(struct fit *fit, const struct plane *plane, const struct grid *grid);
/* A mesh is left out of account by all that follows.
 *
 * -1 to 1: how well the fixed modules agree; noise is near 0, a blurred code above 0.5. */
float fit_score(struct fit *fit, const struct grid *grid);
/* Only the timing patterns, the same way. */
float fit_timing(struct fit *fit, const struct grid *grid);
/* 0 to 1: how far from the middle all modules are: at its highest when each is sampled in its
 * middle. The only guide in the corner without a finder pattern. */
float fit_crispness(struct fit *fit, const struct grid *grid);
/* Climbs on the first `n_parameters` from a step of `step` modules on, in at most `n_sweeps`
 * sweeps; `crispness` is the weight of that beside the score. Adds up what it costs in *spent.
 * Returns the score reached (without crispness). */
float fit_climb(struct fit *fit, struct grid *grid, int n_parameters, float step, int n_sweeps,
                float crispness, long *spent);
/* The corner without a finder pattern can settle one module off, where half of the modules agree by
 * chance. Tries it `reach` modules around where it is, judged by crispness and score, and leaves
 * the grid at the best place. False when it was there already. */
bool fit_corner(struct fit *fit, struct grid *grid, float reach, long *spent);
/* Tries bows of up to one and a half modules along both sides, a climb from flat would stop at the
 * first timing module that agrees by chance. */
void fit_bow(struct fit *fit, struct grid *grid, long *spent);
/* What one look at score and crispness together costs, instructions, about. */
long fit_goal_cost(const struct fit *fit, const struct grid *grid);
/* What fit_start() costs, instructions, about. */
static inline long fit_start_cost(const struct fit *fit)
{
    return 20000 + 60L * fit->fixed.n;
}
