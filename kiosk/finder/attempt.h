/* Three corners in, texts out: steps 5 to 11 on one triple, cheap first. */
#pragma once

#include "kiosk/finder/canonical.h"
#include "kiosk/finder/finder.h"
#include "kiosk/finder/fit.h"
#include "kiosk/finder/pyramid.h"
#include "kiosk/finder/triple.h"

#define ATTEMPT_SEEN      64
#define ATTEMPT_SCORE_MIN 0.35F /* of 1: fixed modules that agree as in no texture */

/* What a search is allowed, what it has cost, and where it works. One for the whole search. */
struct attempt {
    unsigned steps;     /* FINDER_… bits */
    int size_max;       /* modules a side */
    long spent, budget; /* machine instructions, about */
    finder_read_fn *read;
    finder_show_fn *show; /* may be NULL */
    void *show_userdata;
    void *userdata;
    struct pyramid *pyramid;
    int n_grids;                 /* that had a code's timing and format */
    int n_reads;                 /* calls of read() */
    uint64_t seen[ATTEMPT_SEEN]; /* module grids already given to read(), as hashes */
    int n_seen;
    struct fit fit;
    float values[GRID_SIZE_MAX * GRID_SIZE_MAX];
    float scratch[3 * GRID_SIZE_MAX * GRID_SIZE_MAX];
    uint8_t dark[GRID_SIZE_MAX * GRID_SIZE_MAX];
    uint8_t pixels[CANONICAL_SIDE_MAX * CANONICAL_SIDE_MAX];
};

/* How far an attempt came; the last grid is for the sight. */
struct outcome {
    int n_texts;
    float score;      /* agreement of the fixed modules, -1 to 1 */
    float contrast;   /* gray levels */
    struct grid grid; /* in level 0 pixels */
};

void attempt_triple(struct attempt *attempt, const struct patterns *patterns,
                    const struct triple *triple, struct outcome *ret_outcome);
/* The same from a grid in level 0 pixels whose size is already right. */
void attempt_grid(struct attempt *attempt, const struct grid *grid, struct outcome *ret_outcome);
