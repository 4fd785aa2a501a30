/* How good a picture is, for engineers who adjust a camera and for hints to customers. Pure. */
#pragma once

#include "kiosk/decode/pixels.h"

struct measure {
    uint32_t width, height; /* of the gray picture */
    float mean;             /* 0 = black to 255 = white */
    float clipped;          /* share of pixels that are white beyond telling, 0 to 1 */
    /* 1 = edges one pixel wide, 0.25 = as soft as four; 0 = there is no edge. Does not depend on
     * the contrast, so it can be watched while the focus is turned. */
    float sharpness;
};

/* Looks at every fourth row: about a hundredth of what a scan costs. */
void measure_gray(const struct gray *gray, struct measure *ret_measure);
