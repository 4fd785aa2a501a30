/* What the finder saw in one picture: measurements, no judgement. The screen's hints are made from
 * them by a pure function elsewhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sight {
    uint16_t n_finders; /* finder patterns: the nested squares in three corners of a QR code */
    uint16_t n_triples; /* sets of three that can be the corners of one code */
    uint16_t n_grids;   /* triples whose timing patterns and format lie where a code has them */
    uint16_t n_texts;   /* codes read */
    /* Of the best triple, else of the best finder pattern; all 0 without one. Pixels of the picture
     * as it came, gray levels 0 to 255. */
    float x, y, size_px; /* its middle and the side of the code (7 modules without a triple) */
    float module_px;     /* side of one module; under 2 it is too small for most pictures */
    float contrast;      /* light minus dark, in its finder patterns */
    float sharpness;     /* edge steepness there: 1 as sharp as pixels can be, 0 all blur */
    bool touches_border; /* a corner of the code lies in or beyond the outermost 1 % of the picture
                          */
    bool inverted;       /* light on dark */
    /* Of the whole picture. */
    uint8_t mean;          /* gray level */
    float saturated_share; /* 0 to 1: pixels of 250 and more */
    float dark_share;      /* 0 to 1: pixels of 16 and less */
};
