#include "tests/generator/phone.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_SIDE 2 /* modules: the phone's edge */
#define FRAME_TOP  4
#define FRAME_TONE 18
#define TALL       1.7 /* the screen is so much higher than the code */

/* Fills a rectangle given in modules from the code's middle. */
static void fill(struct phone *phone, double left, double top, double right, double bottom,
                 double tone)
{
    size_t x0 = (size_t)((left + phone->half_width) * PHONE_SAMPLES + 0.5);
    size_t x1 = (size_t)((right + phone->half_width) * PHONE_SAMPLES + 0.5);
    size_t y0 = (size_t)((top + phone->half_height) * PHONE_SAMPLES + 0.5);
    size_t y1 = (size_t)((bottom + phone->half_height) * PHONE_SAMPLES + 0.5);

    for (size_t y = y0; y < y1 && y < phone->rows; y++)
        memset(phone->map + y * phone->columns + x0, (int)tone,
               (x1 < phone->columns ? x1 : phone->columns) - x0);
}

static void draw_code(struct phone *phone, const QRcode *code, double dark, double light)
{
    double half = code->width / 2.0;

    for (int row = 0; row < code->width; row++)
        for (int column = 0; column < code->width; column++)
            fill(phone, column - half, row - half, column + 1 - half, row + 1 - half,
                 code->data[row * code->width + column] & 1 ? dark : light);
}

/* A crack is a line of short pieces that changes its way a little; the glass beside it scatters
 * light, so it is lighter than black and darker than white. */
static void draw_crack(struct phone *phone, double x, double y, double way, struct dice *dice)
{
    double width = dice_range(dice, 0.06, 0.3) * PHONE_SAMPLES, tone = dice_range(dice, 70, 190);

    for (int step = 0; step < 4000; step++) {
        if (step % 60 == 0)
            way += 0.5 * dice_jitter(dice);
        x += cos(way);
        y += sin(way);
        if (x < 0 || y < 0 || x >= (double)phone->columns || y >= (double)phone->rows)
            return;
        for (int across = (int)(-width / 2); across <= (int)(width / 2); across++) {
            double px = x - sin(way) * across, py = y + cos(way) * across;

            if (px >= 0 && py >= 0 && px < (double)phone->columns && py < (double)phone->rows)
                phone->map[(size_t)py * phone->columns + (size_t)px] = (unsigned char)tone;
        }
    }
}

static void crack(struct phone *phone, int cracks, struct dice *dice)
{
    double x = dice_range(dice, 0.2, 0.8) * (double)phone->columns;
    double y = dice_range(dice, 0.2, 0.8) * (double)phone->rows;

    for (int i = 0; i < cracks; i++)
        draw_crack(phone, x, y, dice_range(dice, 0, 2 * M_PI), dice);
}

int phone_draw(const struct phone_options *options, struct dice *dice, struct phone *ret_phone)
{
    QRcode *code = QRcode_encodeString(options->text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    struct phone phone = {};
    double wide, high, dark, light;

    if (!code)
        return -1;
    phone.modules = code->width;
    wide = code->width / 2.0 + PHONE_QUIET;
    high = code->width / 2.0 * TALL + PHONE_QUIET;
    phone.half_width = wide + FRAME_SIDE;
    phone.half_height = high + FRAME_TOP;
    phone.columns = (size_t)(2 * phone.half_width * PHONE_SAMPLES);
    phone.rows = (size_t)(2 * phone.half_height * PHONE_SAMPLES);
    phone.map = malloc(phone.columns * phone.rows);
    if (!phone.map) {
        QRcode_free(code);
        return -1;
    }
    dark = options->dark_mode ? options->white : options->black;
    light = options->dark_mode ? options->black : options->white;
    fill(&phone, -phone.half_width, -phone.half_height, phone.half_width, phone.half_height,
         FRAME_TONE);
    fill(&phone, -wide, -high, wide, high, light);
    draw_code(&phone, code, dark, light);
    crack(&phone, options->cracks, dice);
    QRcode_free(code);
    *ret_phone = phone;
    return 0;
}

void phone_done(struct phone *phone)
{
    free(phone->map);
    *phone = (struct phone){};
}
