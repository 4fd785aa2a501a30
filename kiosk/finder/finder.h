/* Finds QR codes in a picture and sets each one upright for zbar, which reads it
 * (docs/scanning.md).
 *
 *   pyramid → mask → patterns → triples → grid, sample, fit, alignment → variant → format →
 * canonical
 *
 * Pure: no file, no clock, no thread; what is spent is counted in machine instructions, about, so
 * the same picture gives the same texts on every machine. Memory is allocated when a picture is
 * larger than any before and never else. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/finder/grid.h"
#include "kiosk/finder/sight.h"

/* Steps that can be left out, to measure what they bring; FINDER_ALL is the product. */
#define FINDER_ALIGN   (1U << 0)  /* perspective by the alignment pattern */
#define FINDER_FIT     (1U << 1)  /* the climb of fit.h */
#define FINDER_CORNER  (1U << 2)  /* the corner without a pattern searched, by crispness */
#define FINDER_BOW     (1U << 3)  /* bent codes */
#define FINDER_MESH    (1U << 4)  /* shifts at all alignment patterns */
#define FINDER_VARIANT (1U << 5)  /* more than the first rule for dark and light */
#define FINDER_RECTIFY (1U << 6)  /* the gray picture set upright, judged by zbar */
#define FINDER_LEVELS  (1U << 7)  /* more levels than half size */
#define FINDER_WIDE    (1U << 8)  /* masks with a wide window */
#define FINDER_DOUBLE  (1U << 9)  /* double size */
#define FINDER_WHOLE   (1U << 10) /* the whole picture to zbar, at half and full size */
#define FINDER_INVERT  (1U << 11) /* light on dark */
#define FINDER_ALL     ((1U << 12) - 1)

/* Reads an upright picture; returns how many codes it held, or -errno. */
typedef int finder_read_fn(void *userdata, const struct plane *picture);
/* Is shown what a step made, for `./dev see`, with marks in it (pixels). */
typedef void finder_show_fn(void *userdata, const char *step, const struct plane *picture,
                            const struct point *marks, int n_marks);

struct finder;

int finder_new(struct finder **ret_finder);
struct finder *finder_free(struct finder *finder);
DEFINE_CLEANUP(struct finder *, finder_free);
void finder_set_show(struct finder *finder, finder_show_fn *show, void *userdata);

/* Everything on one picture, until a code is read or `budget` instructions are spent. Codes of up
 * to size_max modules a side. Returns how many codes were read, or -ENOMEM. */
int finder_search(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
                  long budget, finder_read_fn *read, void *userdata);
/* One look at one frame of a live picture: the strategy changes from frame to frame and begins with
 * the last one that worked, where the last code was. */
int finder_watch(struct finder *finder, const struct plane *frame, int size_max,
                 finder_read_fn *read, void *userdata);
/* What the last search or look saw, and what it spent. */
const struct sight *finder_sight(const struct finder *finder);
long finder_spent(const struct finder *finder);
