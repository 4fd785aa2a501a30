/* Step 4: three finder patterns that can be the corners of one code. */
#pragma once

#include "kiosk/finder/pattern.h"

#define TRIPLES_MAX 96

struct triple {
    int corner, right, below; /* patterns: upper left, upper right, lower left of the code */
    float module_right, module_below; /* side of a module at the corner, level 0 pixels */
    float w_right, w_below;           /* depth there over depth at the corner (grid.h) */
    float size;                       /* modules a side, not rounded */
    float cost;                       /* how much is odd about it; 0 is perfect */
};

struct triples {
    struct triple items[TRIPLES_MAX]; /* the likeliest first */
    int n;
};

/* Lists the triples of which at least one pattern is new, of codes up to `size_max` modules.
 * Returns about how many machine instructions it took. */
long triples_find(struct triples *triples, const struct patterns *patterns, int size_max);
