/* Step 8: alignment patterns: the small squares that tell how a code is tilted and bent. */
#pragma once

#include "kiosk/finder/sample.h"

/* Looks for the pattern whose middle must be about (u, v), within `reach` modules; `contrast` is
 * that of the code. Returns how well the best place agrees (0 to 1) and where it is. */
float alignment_find(const struct plane *plane, const struct grid *grid, float contrast, float u,
                     float v, float reach, struct point *ret_at, long *spent);
/* Measures the shift at every alignment pattern and lays the mesh through them; where none is
 * found, its neighbours' mean. Returns how many were found. */
int alignment_mesh(const struct plane *plane, struct grid *grid, float contrast, long *spent);
