/* Reads the codes in a gray picture: the finder sets them upright, zbar reads them. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/decode/pixels.h"
#include "kiosk/finder/sight.h"
#include "kiosk/frame-box.h"

#define SCANNER_TEXT_MAX                                                                           \
    4096 /* bytes; our longest code has 122, the longest there is 7089 digits */
#define SCANNER_TEXTS_MAX 8

struct scanner_text {
    size_t n_bytes;
    char text[SCANNER_TEXT_MAX + 1]; /* NUL-terminated besides */
};

struct scanner;

int scanner_new(struct scanner **ret_scanner);
struct scanner *scanner_free(struct scanner *scanner);
DEFINE_CLEANUP(struct scanner *, scanner_free);
/* Looks for codes in a frame of a live picture: one strategy a frame. `gray` may be changed. Texts
 * are unique. A code that is longer than SCANNER_TEXT_MAX or holds a NUL byte is none of ours and
 * left out. Returns how many of `ret_texts` were filled, or -errno. */
int scanner_read(struct scanner *scanner, struct gray *gray, enum frame_wish wish,
                 struct scanner_text ret_texts[static SCANNER_TEXTS_MAX]);
/* The same on a single picture: all strategies (`steps`, see kiosk/finder/finder.h) until a code is
 * read, in codes of up to `size_max` modules a side. */
int scanner_search(struct scanner *scanner, const struct gray *gray, unsigned steps, int size_max,
                   struct scanner_text ret_texts[static SCANNER_TEXTS_MAX]);
/* What the last scanner_read() saw: for hints to the person who holds the code. */
const struct sight *scanner_sight(const struct scanner *scanner);
/* The finder itself, for tools that look over its shoulder. */
struct finder *scanner_finder(struct scanner *scanner);
