/* Step 9: from gray levels to dark and light. No rule is right for every picture: these are tried
 * in the order of what they are worth (docs/scanning.md). */
#pragma once

#include "kiosk/finder/sample.h"

enum variant {
    VARIANT_LOCAL, /* against the mean around it, edges a little raised */
    VARIANT_SHARP, /* the same with what blur took from each module given back */
    VARIANT_EVEN,  /* against the light of the finder patterns: large areas of one colour */
    VARIANT_NEAR,  /* against the middle of lightest and darkest close by: glare, shadow edges */
    VARIANT_VERY_SHARP, /* strong blur */
    VARIANTS
};

/* `dark` gets size * size times 1 or 0. `scratch` has room for 3 * size * size. */
void variant_make(enum variant variant, const float *values, const struct grid *grid,
                  const struct light *light, float *scratch, uint8_t *dark);
