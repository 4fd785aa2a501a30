#include "tests/generator/sequence.h"

#include "tests/generator/phone.h"
#include "tests/generator/shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sequence {
    struct look look;
    uint64_t seed;
    char *text;
    struct phone phone;
    struct canvas canvas;
    float *shop;             /* painted once */
    double glare_x, glare_y; /* modules from the code's middle */
};

/* How the hand moves between two pictures. */
static struct pose stray(const struct sequence *sequence, struct dice *dice)
{
    struct pose pose = sequence->look.pose;

    pose.tilt += 2 * dice_jitter(dice);
    pose.turn += 1.5 * dice_jitter(dice);
    pose.module_px *= 1 + 0.02 * dice_jitter(dice);
    pose.x += 0.01 * dice_jitter(dice) * (double)sequence->canvas.width;
    pose.y += 0.01 * dice_jitter(dice) * (double)sequence->canvas.height;
    return pose;
}

/* The box around the phone, with a margin for what the lens adds. */
static struct part phone_part(const struct sequence *sequence, const struct homography *view)
{
    const struct phone *phone = &sequence->phone;
    const struct canvas *canvas = &sequence->canvas;
    double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;

    for (int i = 0; i < 4; i++) {
        double x, y;

        homography_project(view, i & 1 ? phone->half_width : -phone->half_width,
                           i & 2 ? phone->half_height : -phone->half_height, &x, &y);
        left = fmin(left, x), right = fmax(right, x);
        top = fmin(top, y), bottom = fmax(bottom, y);
    }
    return (struct part){
        .left = (long)fmax(0, left + (double)canvas->width / 2 - 8),
        .top = (long)fmax(0, top + (double)canvas->height / 2 - 8),
        .right = (long)fmin((double)canvas->width, right + (double)canvas->width / 2 + 8),
        .bottom = (long)fmin((double)canvas->height, bottom + (double)canvas->height / 2 + 8),
    };
}

/* How much light comes through at a point of the screen: its own pixels have gaps between them. */
static double through_grid(const struct look *look, double per_module, double a, double b)
{
    double x = a * per_module, y = b * per_module;
    double gap = (x - floor(x) < 0.35) + (y - floor(y) < 0.2);

    return 1 - look->grid * fmin(1, gap);
}

/* One pixel: the mean of samples squared; what lies beside the phone is shop. */
static float pixel(const struct sequence *sequence, const struct homography *view, double x,
                   double y, float shop, int samples)
{
    const struct look *look = &sequence->look;
    double per_module = look->grid > 0 ? look->pose.module_px / look->grid_px : 0, sum = 0;

    for (int i = 0; i < samples * samples; i++) {
        double a, b;
        int tone;

        homography_meet(view, x + (i % samples + 0.5) / samples, y + (i / samples + 0.5) / samples,
                        &a, &b);
        tone = phone_tone(&sequence->phone, a, b);
        if (tone < 0)
            sum += (double)shop;
        else if (per_module > 0)
            sum += tone * through_grid(look, per_module, a, b);
        else
            sum += tone;
    }
    return (float)(sum / (samples * samples));
}

static void paint_phone(struct sequence *sequence, const struct homography *view, struct part part)
{
    struct canvas *canvas = &sequence->canvas;
    int samples = sequence->look.pose.module_px < 6 || sequence->look.grid > 0 ? 3 : 2;

    for (long y = part.top; y < part.bottom; y++)
        for (long x = part.left; x < part.right; x++) {
            float *tone = &canvas->tones[y * canvas->width + x];

            *tone = pixel(sequence, view, (double)x - (double)canvas->width / 2,
                          (double)y - (double)canvas->height / 2, *tone, samples);
        }
}

static void add_lens(struct sequence *sequence, const struct homography *view, struct part part,
                     struct dice *dice)
{
    const struct look *look = &sequence->look;
    struct canvas *canvas = &sequence->canvas;
    double way = dice_range(dice, 0, 2 * M_PI), smear = look->smear * dice_share(dice);
    double blur = look->blur * dice_range(dice, 0.8, 1.2), x, y;

    if (look->glare > 0) {
        homography_project(view, sequence->glare_x + 2 * dice_jitter(dice),
                           sequence->glare_y + 2 * dice_jitter(dice), &x, &y);
        canvas_glare(canvas, x + (double)canvas->width / 2, y + (double)canvas->height / 2,
                     look->glare_radius, look->glare);
    }
    canvas_smear(canvas, part, smear * cos(way), smear * sin(way));
    canvas_blur(canvas, part, blur);
    if (look->skew != 0 || look->wave != 0)
        canvas_roll(canvas, look->skew * dice_jitter(dice), look->wave * dice_jitter(dice),
                    dice_range(dice, 150, 600));
}

void sequence_frame(struct sequence *sequence, unsigned frame, unsigned char *ret_gray)
{
    struct dice dice = {sequence->seed * 1000003 + frame + 1};
    struct canvas *canvas = &sequence->canvas;
    struct pose pose = stray(sequence, &dice);
    struct homography view;
    struct part part;

    pose_homography(&pose, (double)canvas->width, &view);
    part = phone_part(sequence, &view);
    memcpy(canvas->tones, sequence->shop, (size_t)(canvas->width * canvas->height) * sizeof(float));
    paint_phone(sequence, &view, part);
    add_lens(sequence, &view, part, &dice);
    canvas_finish(canvas, sequence->look.noise, &dice, ret_gray);
}

int sequence_of(const struct look *look, const char *text, uint64_t seed, long width, long height,
                struct sequence **ret)
{
    struct sequence *sequence = calloc(1, sizeof(*sequence));
    struct dice dice = {seed * 7919 + 17};
    struct phone_options options = {.text = text,
                                    .dark_mode = look->dark_mode,
                                    .white = look->white,
                                    .black = look->black,
                                    .cracks = look->cracks};
    struct shop shop;

    if (!sequence)
        return -1;
    sequence->look = *look;
    sequence->seed = seed;
    sequence->text = strdup(text);
    sequence->shop = malloc((size_t)(width * height) * sizeof(float));
    if (!sequence->text || !sequence->shop || canvas_init(&sequence->canvas, width, height) < 0 ||
        phone_draw(&options, &dice, &sequence->phone) < 0) {
        sequence_free(sequence);
        return -1;
    }
    shop_furnish(&shop, width, height, &dice);
    shop_paint(&shop, &sequence->canvas);
    memcpy(sequence->shop, sequence->canvas.tones, (size_t)(width * height) * sizeof(float));
    sequence->glare_x = dice_jitter(&dice) * sequence->phone.modules / 2;
    sequence->glare_y = dice_jitter(&dice) * sequence->phone.modules / 2;
    *ret = sequence;
    return 0;
}

struct sequence *sequence_free(struct sequence *sequence)
{
    if (!sequence)
        return NULL;
    phone_done(&sequence->phone);
    canvas_done(&sequence->canvas);
    free(sequence->shop);
    free(sequence->text);
    free(sequence);
    return NULL;
}

const char *sequence_text(const struct sequence *sequence)
{
    return sequence->text;
}

const struct look *sequence_look(const struct sequence *sequence)
{
    return &sequence->look;
}
