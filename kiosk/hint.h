/* What to tell somebody whose code is not read, from what the finder saw of it. Pure. */
#pragma once

#include "kiosk/decode/eye.h"

enum hint {
    HINT_NONE,    /* nobody is there, or all is well */
    HINT_CLOSER,  /* the code is too small */
    HINT_FARTHER, /* it is larger than the picture */
    HINT_INSIDE,  /* a corner of it lies outside the picture */
    HINT_STILL,   /* blurred: a moving hand, or out of focus */
    HINT_BRIGHT,  /* white all over: the phone is too bright, or it mirrors a lamp */
    HINT_FOREIGN, /* it was read and is none of ours */
    HINTS
};

/* "none", "closer" …; NULL for no hint. */
const char *hint_name(enum hint hint);

/* Of one camera; begin with {}. */
struct hint_state {
    float scores[HINTS]; /* 0 to 1: how much of the last moments each verdict had */
    float lamps;         /* white share of the picture while nobody is there */
    uint64_t at_us;      /* of the last picture; 0 = none yet */
    enum hint shown;
    uint64_t shown_us; /* since when */
};

/* What one picture says by itself. */
enum hint hint_judge(const struct hint_state *state, const struct eye_view *view);
/* Takes a picture in and returns what to show now. A verdict must last before it is shown and be
 * gone before it is taken away, so that the screen does not flicker with the pictures; a code that
 * was read ends every hint at once. Times are of one clock, never 0. */
enum hint hint_step(struct hint_state *state, const struct eye_view *view, uint64_t at_us);
/* The same when no picture came. */
enum hint hint_at(struct hint_state *state, uint64_t now_us);
