/* Which texts may leave the decoder: outside a staff session only what has the form of one of our
 * codes. What else people show to a camera is none of our business. Pure. */
#pragma once

#include <stddef.h>

enum wanted {
    WANTED_FOREIGN, /* neither: an advertisement, a payment code, a parcel label */
    WANTED_OURS,    /* P1, P2 or S1 by form (docs/codes.md): genuine or not, the daemon says */
    WANTED_CARD,    /* a code of the printed test card (common/test-card.h) */
};

/* *ret_card: which of its codes, from 0. Untouched otherwise. */
enum wanted wanted_kind(const char *text, size_t n_bytes, unsigned *ret_card);
