/* The parts of a search that both strategies are made of: finder.c, all stages on one picture, and
 * watch.c, one stage a frame. Not for callers of the finder. */
#pragma once

#include "kiosk/finder/attempt.h"

#define SEARCH_RADIUS 20 /* pixels: modules of up to 8 pixels on that level */
#define SEARCH_WIDE   60

/* One way to look for patterns. */
struct stage {
    int level;     /* of the pyramid; -1 is double size */
    int radius;    /* of the mask's window, pixels */
    unsigned step; /* which FINDER_… it belongs to; 0 always */
};

/* What a live picture leaves for its next frame (watch.c). */
struct memory {
    unsigned n_frames;
    int stage;           /* that worked last; -1 none */
    int n_since;         /* frames since the last code */
    struct grid grid;    /* of the last code, if n_since is small */
    int n_since_pattern; /* frames since anything looked like a pattern */
};

struct finder {
    struct pyramid pyramid;
    struct mask mask;
    struct patterns patterns;
    struct triples triples;
    uint8_t *doubled;
    size_t doubled_capacity;
    struct sight sight;
    struct outcome best; /* the attempt that came farthest, for the sight */
    struct memory memory;
    struct attempt attempt;
};

/* Begins with a new picture. -ENOMEM. */
int search_start(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
                 long budget, finder_read_fn *read, void *userdata);
/* Steps 1 to 3: adds the patterns that a stage finds. 1, or 0 when the picture has no such level,
 * or -ENOMEM. */
int search_patterns(struct finder *finder, const struct stage *stage);
/* Steps 4 and on for the patterns known so far. Returns how many codes were read. */
int search_triples(struct finder *finder);
/* A grid that was right before, tried where it was. Returns how many codes were read. */
int search_again(struct finder *finder, const struct grid *grid);
/* The whole picture at one level to zbar, if the budget allows. Returns how many codes were read.
 */
int search_whole(struct finder *finder, int level);
/* Gray levels between the middle of a pattern and the ring around it. */
float search_contrast(const struct finder *finder, const struct pattern *pattern);
/* Fills finder->sight after the last step. */
void search_end(struct finder *finder, int n_texts);
