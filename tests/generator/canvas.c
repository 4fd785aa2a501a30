#include "tests/generator/canvas.h"

#include <stdlib.h>
#include <string.h>

#define REACH_MAX 64

int canvas_init(struct canvas *canvas, long width, long height)
{
    size_t n = (size_t)(width * height);

    *canvas = (struct canvas){.width = width, .height = height};
    canvas->tones = malloc(n * sizeof(float));
    canvas->scratch = malloc(n * sizeof(float));
    return canvas->tones && canvas->scratch ? 0 : -1;
}

void canvas_done(struct canvas *canvas)
{
    free(canvas->tones);
    free(canvas->scratch);
    *canvas = (struct canvas){};
}

struct part canvas_whole(const struct canvas *canvas)
{
    return (struct part){0, 0, canvas->width, canvas->height};
}

static long clamp(long at, long n)
{
    return at < 0 ? 0 : at >= n ? n - 1 : at;
}

/* Along rows from tones to scratch; then, with `down`, along columns back. */
static void convolve(struct canvas *canvas, struct part part, const float *weights, long reach,
                     int down)
{
    const float *from = down ? canvas->scratch : canvas->tones;
    float *to = down ? canvas->tones : canvas->scratch;
    long w = canvas->width, h = canvas->height;

    for (long y = part.top; y < part.bottom; y++) {
        float *row = to + y * w;

        memset(row + part.left, 0, (size_t)(part.right - part.left) * sizeof(float));
        for (long k = -reach; k <= reach; k++) {
            float weight = weights[k + reach];
            const float *source = down ? from + clamp(y + k, h) * w : from + y * w;
            long left = part.left, right = part.right;

            if (down) {
                for (long x = left; x < right; x++)
                    row[x] += weight * source[x];
                continue;
            }
            for (; left < right && left + k < 0; left++)
                row[left] += weight * source[0];
            for (; right > left && right - 1 + k >= w; right--)
                row[right - 1] += weight * source[w - 1];
            for (long x = left; x < right; x++)
                row[x] += weight * source[x + k];
        }
    }
}

void canvas_blur(struct canvas *canvas, struct part part, double sigma)
{
    long reach = (long)ceil(3 * sigma);
    float weights[2 * REACH_MAX + 1], sum = 0;
    struct part taller = part;

    if (sigma < 0.1 || part.left >= part.right || part.top >= part.bottom)
        return;
    reach = reach > REACH_MAX ? REACH_MAX : reach;
    for (long k = -reach; k <= reach; k++)
        sum += weights[k + reach] = (float)exp(-(double)(k * k) / (2 * sigma * sigma));
    for (long k = 0; k <= 2 * reach; k++)
        weights[k] /= sum;
    taller.top = clamp(part.top - reach, canvas->height);
    taller.bottom = clamp(part.bottom + reach - 1, canvas->height) + 1;
    convolve(canvas, taller, weights, reach, 0);
    convolve(canvas, part, weights, reach, 1);
}

void canvas_smear(struct canvas *canvas, struct part part, double dx, double dy)
{
    long steps = (long)ceil(fmax(fabs(dx), fabs(dy))) + 1;

    if (steps < 2)
        return;
    for (long y = part.top; y < part.bottom; y++)
        for (long x = part.left; x < part.right; x++) {
            float sum = 0;

            for (long i = 0; i < steps; i++) {
                double along = (double)i / (double)(steps - 1) - 0.5;
                long sx = clamp(x + lround(dx * along), canvas->width);
                long sy = clamp(y + lround(dy * along), canvas->height);

                sum += canvas->tones[sy * canvas->width + sx];
            }
            canvas->scratch[y * canvas->width + x] = sum / (float)steps;
        }
    for (long y = part.top; y < part.bottom; y++)
        memcpy(canvas->tones + y * canvas->width + part.left,
               canvas->scratch + y * canvas->width + part.left,
               (size_t)(part.right - part.left) * sizeof(float));
}

void canvas_glare(struct canvas *canvas, double x, double y, double radius, double strength)
{
    long reach = (long)(2.5 * radius);
    long top = clamp((long)y - reach, canvas->height), left = clamp((long)x - reach, canvas->width);
    long bottom = clamp((long)y + reach, canvas->height);
    long right = clamp((long)x + reach, canvas->width);

    for (long py = top; py <= bottom; py++)
        for (long px = left; px <= right; px++) {
            double rx = ((double)px - x) / radius, ry = ((double)py - y) / radius;

            canvas->tones[py * canvas->width + px] +=
                (float)(strength * exp(-0.7 * (rx * rx + ry * ry)));
        }
}

void canvas_roll(struct canvas *canvas, double skew, double wave, double rows_per_wave)
{
    for (long y = 0; y < canvas->height; y++) {
        double from_middle = (double)y - (double)canvas->height / 2;
        double shift = skew * from_middle + wave * sin(2 * M_PI * (double)y / rows_per_wave);
        long whole = (long)floor(shift);
        float part = (float)(shift - (double)whole);
        const float *row = canvas->tones + y * canvas->width;
        float *out = canvas->scratch + y * canvas->width;

        for (long x = 0; x < canvas->width; x++)
            out[x] = (1 - part) * row[clamp(x - whole, canvas->width)] +
                     part * row[clamp(x - whole - 1, canvas->width)];
    }
    memcpy(canvas->tones, canvas->scratch,
           (size_t)(canvas->width * canvas->height) * sizeof(float));
}

/* Irwin and Hall: the sum of twelve uniform numbers has deviation 1; of four bytes it is near
 * enough for noise and much quicker. */
static float noise_of(uint64_t bits)
{
    int sum = (int)(bits & 255) + (int)(bits >> 8 & 255) + (int)(bits >> 16 & 255) +
              (int)(bits >> 24 & 255);

    return (float)(sum - 510) / 147.8f;
}

void canvas_finish(const struct canvas *canvas, double noise, struct dice *dice,
                   unsigned char *ret_gray)
{
    size_t n = (size_t)(canvas->width * canvas->height);
    uint64_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        float tone;

        bits = i % 2 == 0 ? dice_bits(dice) : bits >> 32;
        tone = canvas->tones[i] + (float)noise * noise_of(bits) + 0.5f;
        ret_gray[i] = (unsigned char)(tone < 0 ? 0 : tone > 255 ? 255 : tone);
    }
}
