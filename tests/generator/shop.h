/* What is behind the phone: a shop. And pictures that hold no code at all. */
#pragma once

#include "tests/generator/canvas.h"

#define SHOP_CLUTTER 24

struct shop {
    double light, slope_x, slope_y; /* tone in the middle, and how it changes a pixel */
    struct {
        double x, y, w, h, tone; /* pixels from the middle; half sizes */
    } clutter[SHOP_CLUTTER];
};

void shop_furnish(struct shop *shop, long width, long height, struct dice *dice);
void shop_paint(const struct shop *shop, struct canvas *canvas);

/* Pictures without a code, to be read as nothing. */
enum shop_negative {
    SHOP_IDLE,   /* a still shop, nobody there */
    SHOP_SHELF,  /* price tags, boxes, stripes, text: edges everywhere */
    SHOP_TILES,  /* a floor of nested squares, each of which looks like the corner of a code */
    SHOP_NOISE,  /* nothing but noise, from faint to full */
    SHOP_SCREEN, /* a phone with something else on it */
    SHOP_NEGATIVES
};

const char *shop_negative_name(enum shop_negative negative);
void shop_paint_negative(enum shop_negative negative, struct canvas *canvas, struct dice *dice);
