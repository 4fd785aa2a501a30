/* A bar code counts when two pictures agree on it: a single read of bars is wrong too often (a few
 * bars of a longer code, of a magazine, of a fence), and their check digits, where they have any,
 * let one in ten or in a hundred through. Pure. */
#pragma once

#include "kiosk/decode/scanner.h"

#define AGREE_TEXTS 8
/* Both reads must fall into so many pictures. */
#define AGREE_FRAMES 10

struct agree {
    struct {
        char text[SCANNER_TEXT_MAX + 1];
        uint64_t frame; /* number of the picture it was read in last; 0 = free */
    } texts[AGREE_TEXTS];
};

/* The text was read in picture number `frame` (from 1, rising). True when an earlier picture had it
 * too. */
bool agree_see(struct agree *agree, const char *text, uint64_t frame);
