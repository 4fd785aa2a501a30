#include "tests/generator/shop.h"

#include <stdbool.h>
#include <stdlib.h>

void shop_furnish(struct shop *shop, long width, long height, struct dice *dice)
{
    shop->light = 90 + 25 * dice_jitter(dice);
    shop->slope_x = 0.03 * dice_jitter(dice);
    shop->slope_y = 0.03 * dice_jitter(dice);
    for (int i = 0; i < SHOP_CLUTTER; i++) {
        shop->clutter[i].x = dice_jitter(dice) * (double)width / 2;
        shop->clutter[i].y = dice_jitter(dice) * (double)height / 2;
        shop->clutter[i].w = (1.1 + dice_jitter(dice)) * 60;
        shop->clutter[i].h = (1.1 + dice_jitter(dice)) * 60;
        shop->clutter[i].tone = 50 * dice_jitter(dice);
    }
}

/* Adds a tone to a rectangle given by its corners in pixels. */
static void add_box(struct canvas *canvas, double left, double top, double right, double bottom,
                    double tone)
{
    long x0 = (long)fmax(0, left), x1 = (long)fmin((double)canvas->width, right);
    long y0 = (long)fmax(0, top), y1 = (long)fmin((double)canvas->height, bottom);

    for (long y = y0; y < y1; y++)
        for (long x = x0; x < x1; x++)
            canvas->tones[y * canvas->width + x] += (float)tone;
}

void shop_paint(const struct shop *shop, struct canvas *canvas)
{
    double middle_x = (double)canvas->width / 2, middle_y = (double)canvas->height / 2;

    for (long y = 0; y < canvas->height; y++)
        for (long x = 0; x < canvas->width; x++)
            canvas->tones[y * canvas->width + x] =
                (float)(shop->light + ((double)x - middle_x) * shop->slope_x +
                        ((double)y - middle_y) * shop->slope_y);
    for (int i = 0; i < SHOP_CLUTTER; i++)
        add_box(canvas, middle_x + shop->clutter[i].x - shop->clutter[i].w,
                middle_y + shop->clutter[i].y - shop->clutter[i].h,
                middle_x + shop->clutter[i].x + shop->clutter[i].w,
                middle_y + shop->clutter[i].y + shop->clutter[i].h, shop->clutter[i].tone);
}

const char *shop_negative_name(enum shop_negative negative)
{
    static const char *const names[] = {
        [SHOP_IDLE] = "idle",   [SHOP_SHELF] = "shelf",   [SHOP_TILES] = "tiles",
        [SHOP_NOISE] = "noise", [SHOP_SCREEN] = "screen",
    };

    return negative < SHOP_NEGATIVES ? names[negative] : NULL;
}

/* Bars, letters and boxes of all sizes. */
static void paint_shelf(struct canvas *canvas, struct dice *dice)
{
    for (int i = 0; i < 300; i++) {
        double x = dice_share(dice) * (double)canvas->width;
        double y = dice_share(dice) * (double)canvas->height;
        double w = dice_log_range(dice, 2, 90), h = dice_log_range(dice, 2, 60);
        double tone = 90 * dice_jitter(dice);
        int repeats = dice_share(dice) < 0.3 ? 12 : 1;

        for (int k = 0; k < repeats; k++)
            add_box(canvas, x + k * w * 1.7, y, x + k * w * 1.7 + w, y + h, tone);
    }
}

/* Nested squares in 1:1:3:1:1, in rows, in any size: what a finder looks for, and no code. */
static void paint_tiles(struct canvas *canvas, struct dice *dice)
{
    double module = dice_log_range(dice, 2, 9), step = module * dice_range(dice, 8, 14);
    double tone = dice_range(dice, 60, 140) * (dice_share(dice) < 0.5 ? 1 : -1);

    for (double y = -step; y < (double)canvas->height; y += step)
        for (double x = -step; x < (double)canvas->width; x += step) {
            add_box(canvas, x, y, x + 7 * module, y + 7 * module, -tone);
            add_box(canvas, x + module, y + module, x + 6 * module, y + 6 * module, tone);
            add_box(canvas, x + 2 * module, y + 2 * module, x + 5 * module, y + 5 * module, -tone);
        }
}

static void paint_noise(struct canvas *canvas, struct dice *dice)
{
    double strength = dice_log_range(dice, 2, 120);
    long grain = 1 + (long)(dice_bits(dice) % 6);

    for (long y = 0; y < canvas->height; y += grain)
        for (long x = 0; x < canvas->width; x += grain)
            add_box(canvas, (double)x, (double)y, (double)(x + grain), (double)(y + grain),
                    strength * dice_jitter(dice));
}

/* A bright screen with lines of text and a picture on it. */
static void paint_screen(struct canvas *canvas, struct dice *dice)
{
    double w = 0.3 * (double)canvas->width, h = 0.8 * (double)canvas->height;
    double left = dice_share(dice) * ((double)canvas->width - w), top = 0.1 * h;

    add_box(canvas, left, top, left + w, top + h, 120);
    for (double y = top + 10; y < top + h - 20; y += dice_range(dice, 10, 30))
        for (double x = left + 8; x < left + w - 20; x += dice_range(dice, 4, 16))
            add_box(canvas, x, y, x + dice_range(dice, 1, 9), y + dice_range(dice, 2, 9), -150);
}

void shop_paint_negative(enum shop_negative negative, struct canvas *canvas, struct dice *dice)
{
    struct shop shop;

    shop_furnish(&shop, canvas->width, canvas->height, dice);
    shop_paint(&shop, canvas);
    switch (negative) {
    case SHOP_SHELF:
        paint_shelf(canvas, dice);
        break;
    case SHOP_TILES:
        paint_tiles(canvas, dice);
        break;
    case SHOP_NOISE:
        paint_noise(canvas, dice);
        break;
    case SHOP_SCREEN:
        paint_screen(canvas, dice);
        break;
    case SHOP_IDLE:
    case SHOP_NEGATIVES:
        break;
    }
}
