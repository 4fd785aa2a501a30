/* What a camera sees while somebody holds a code up: picture after picture of one of our codes on a
 * phone in a hand, under one kind of trouble, with the truth known. The same seed gives the same
 * pictures on every machine. The distributions are written down in docs/camera.md. */
#pragma once

#include "tests/generator/pose.h"

#include <stdint.h>

enum condition {
    CONDITION_PLAIN,
    CONDITION_SMALL,
    CONDITION_LARGE,
    CONDITION_TILTED,
    CONDITION_BLURRED,
    CONDITION_GLARE,
    CONDITION_MOIRE,
    CONDITION_DIMMED,
    CONDITION_DARK_MODE,
    CONDITION_CRACKED,
    CONDITION_SHAKE,
    CONDITION_ROLLING,
    CONDITION_MJPEG,
    CONDITION_MIXED, /* two of the others at once */
    CONDITIONS
};

/* "plain", "small" …; NULL for no condition. */
const char *condition_name(enum condition condition);
/* The condition of that name, or CONDITIONS. */
enum condition condition_find(const char *name);

/* How a sequence looks; each picture strays a little from it. */
struct look {
    struct pose pose;
    int dark_mode, cracks;
    double white, black;        /* tones of the screen */
    double noise;               /* deviation of the sensor's noise, in tones */
    double blur;                /* deviation, in pixels */
    double smear;               /* longest way of the hand during an exposure, in pixels */
    double glare, glare_radius; /* tones; pixels. 0 = no lamp is mirrored */
    double grid, grid_px;       /* depth of the gaps between the screen's own pixels, 0 to 1; their
                                   distance in pixels of the picture */
    double skew, wave;          /* rolling shutter: shift a row, and waves, in pixels */
    int quality;                /* of the JPEG stream, 1 to 100 */
};

struct sequence;

/* The `seed`-th sequence of a condition, of a code of ours: three of four are P1 (37 by 37
 * modules), the others P2 (29 by 29). 0, or -1 without memory. */
int sequence_new(enum condition condition, uint64_t seed, long width, long height,
                 struct sequence **ret);
/* A sequence of any text and look. -1 also when the text fits no code. */
int sequence_of(const struct look *look, const char *text, uint64_t seed, long width, long height,
                struct sequence **ret);
/* Accepts NULL; returns NULL. */
struct sequence *sequence_free(struct sequence *sequence);

/* The truth. */
const char *sequence_text(const struct sequence *sequence);
const struct look *sequence_look(const struct sequence *sequence);

/* Draws picture number `frame` (from 0, in any order) into width * height bytes of gray. */
void sequence_frame(struct sequence *sequence, unsigned frame, unsigned char *ret_gray);
