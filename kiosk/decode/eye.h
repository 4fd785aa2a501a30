/* One camera picture in, everything that may be told of it out: JPEG or raw pixels to gray, codes,
 * labels, measurements. What pickup-decode does with each picture, without its process around it,
 * so that benchmarks, the soak and the fuzzer do exactly the same. */
#pragma once

#include "kiosk/decode/measure.h"
#include "kiosk/decode/scanner.h"
#include "kiosk/decode/wanted.h"
#include "kiosk/frame-box.h"

struct eye;

/* What one picture held. */
struct eye_view {
    int error;      /* 0, or -errno: the picture cannot be looked at */
    bool damaged;   /* it ends early or has errors inside; what could be read counts */
    unsigned scale; /* 1 = as the camera gave it, 2 = at half size, 4, 8 */
    struct measure measure;
    struct sight sight;
    uint32_t cards;     /* bit i: code i of the test card was read */
    uint32_t n_foreign; /* codes that are not ours, left out */
    uint32_t n_texts;
    struct scanner_text texts[SCANNER_TEXTS_MAX];
};

int eye_new(struct eye **ret_eye);
/* Accepts NULL; returns NULL. */
struct eye *eye_free(struct eye *eye);
DEFINE_CLEANUP(struct eye *, eye_free);
/* Looks at one picture of camera `lane`. Pictures of one camera help each other: bar codes count
 * when two agree, and a code that was too small is looked at in full size in the next. */
void eye_look(struct eye *eye, unsigned lane, const struct frame *frame, enum frame_wish wish,
              struct eye_view *ret_view);
/* The same on a single picture, for engineers: in full size, with every strategy, all kinds of
 * codes. */
void eye_search(struct eye *eye, const struct frame *frame, struct eye_view *ret_view);
