/* A picture as a list of simple things, and its way to pixels with Cairo and Pango. */
#pragma once

#include "kiosk/ui/words.h"

#include <cairo.h>
#include <stdbool.h>

#define DRAW_NONE   UINT32_MAX /* no colour: not painted */
#define DRAW_POINTS 8

enum draw_kind {
    DRAW_BOX,   /* with round corners */
    DRAW_LINE,  /* through the points, `width` thick, round ends */
    DRAW_SHAPE, /* a polygon, filled */
    DRAW_TEXT,  /* centred in its box, broken into lines, made smaller until it fits */
};

struct draw_item {
    enum draw_kind kind;
    double x, y, w, h; /* BOX, TEXT: px */
    double radius;     /* BOX: px */
    double width;      /* BOX: of the border; LINE: px */
    uint32_t fill;     /* 0xRRGGBB */
    uint32_t border;   /* BOX */
    double points[DRAW_POINTS][2];
    size_t n_points;
    /* TEXT */
    char text[256];
    enum language language;
    double size;     /* px, the most */
    uint32_t ground; /* what the text stands on, for the test of contrast */
    bool bold;
};

struct draw_list {
    struct draw_item *items;
    size_t n, capacity;
    bool failed; /* out of memory: something is missing */
};

void draw_list_done(struct draw_list *list);
/* Adds one item; the copy in the list, or a place to write to that is thrown away. */
struct draw_item *draw_add(struct draw_list *list, const struct draw_item *item);
/* Paints everything in order. -ENOMEM. */
int draw_paint(const struct draw_list *list, cairo_t *cairo);
/* The smallest part of its `size` that a text may be set in. */
#define DRAW_SHRINK_MIN 0.5
/* Whether the text fits its box at no less than DRAW_SHRINK_MIN of its size. */
bool draw_text_fits(const struct draw_item *item, cairo_t *cairo);
