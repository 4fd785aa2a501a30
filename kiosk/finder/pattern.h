/* Step 3: finder patterns. A line through the middle of one, in any direction and under any tilt,
 * crosses dark 1, light 1, dark 3, light 1, dark 1 modules (ISO/IEC 18004, 6.3.3). Rows are
 * searched for that, and what is found is checked in the column and along both diagonals. */
#pragma once

#include "kiosk/finder/mask.h"

#include <stdbool.h>

#define PATTERNS_MAX       48
#define PATTERN_DIRECTIONS 16 /* over half a turn */

struct pattern {
    struct point middle; /* pixels of level 0 */
    float width, height; /* 7 modules along the row and the column, pixels of level 0 */
    float lengths[PATTERN_DIRECTIONS]; /* 7 modules along each direction; 0 where not seen */
    int n_directions;                  /* of those, in which it was seen: 16 for a clean one */
    int n_rows;                        /* in which it was seen */
    float scale;   /* of the level where it was seen: 2 is half size, 0.5 is double size */
    bool inverted; /* light on dark */
    bool is_new;   /* since the last search */
    bool is_read;  /* belongs to a code that was read */
};

struct patterns {
    struct pattern items[PATTERNS_MAX];
    int n;
};

/* Adds the patterns of a mask, made of a level that is `scale` times smaller than level 0; every
 * `row_step`-th row is looked at. One that is known already is not added again. When there are too
 * many, those seen in the fewest directions go. Returns about how many machine instructions it
 * took. */
long patterns_find(struct patterns *patterns, const struct mask *mask, float scale, int row_step);

/* How long the pattern is along a direction (a unit vector), in pixels of level 0. */
float pattern_length(const struct pattern *pattern, float dx, float dy);
