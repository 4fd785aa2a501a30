/* Step 11: the picture that zbar gets: small, upright, with a quiet zone. */
#pragma once

#include "kiosk/finder/sample.h"

#include <stddef.h>

#define CANONICAL_QUIET    4 /* modules around the code (ISO/IEC 18004, 6.3.8) */
#define CANONICAL_SIDE_MAX ((GRID_SIZE_MAX + 2 * CANONICAL_QUIET) * 4)

/* Draws size * size modules, `module` pixels each; `pixels` has room for CANONICAL_SIDE_MAX
 * squared.
 */
void canonical_draw(const uint8_t *dark, int size, int module, uint8_t *pixels,
                    struct plane *ret_picture);
/* The gray picture itself, set upright, its light evened out, for zbar to judge. */
void canonical_rectify(const struct plane *plane, const struct grid *grid,
                       const struct light *light, int module, uint8_t *pixels,
                       struct plane *ret_picture);
