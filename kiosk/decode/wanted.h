/* Which texts may leave the decoder: outside a staff session only what has the form of one of our
 * codes. What else people show to a camera is none of our business. Pure. */
#pragma once

#include <stddef.h>

enum wanted {
    WANTED_FOREIGN, /* neither: an advertisement, a payment code, a parcel label */
    WANTED_OURS,    /* P1, P2 or S1 by form (docs/codes.md): genuine or not, the daemon says */
    WANTED_CARD,    /* a code of the printed test card */
};

/* *ret_card: which of its codes, from 0. Untouched otherwise. */
enum wanted wanted_kind(const char *text, size_t n_bytes, unsigned *ret_card);

/* The texts of the test card are as long as a P1, so that its codes have the same modules: "T", a
 * digit from 0, and Base45 characters. */
#define WANTED_CARD_CHARACTERS 122
#define WANTED_CARD_CODES      8
/* Writes the text of one code and a NUL. */
void wanted_card_text(unsigned card, char ret_text[WANTED_CARD_CHARACTERS + 1]);
