#include "tests/unit/kiosk/finder/synthetic.h"

#include <math.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES  3 /* a side, a pixel */
#define DISTANCE 3 /* of the camera, in code sides */

uint8_t *synthetic_modules(const char *text, int version, int *ret_size)
{
    QRcode *code = QRcode_encodeString(text, version, QR_ECLEVEL_M, QR_MODE_8, 1);
    uint8_t *modules;

    if (!code)
        abort();
    modules = malloc((size_t)code->width * (size_t)code->width);
    for (int i = 0; i < code->width * code->width; i++)
        modules[i] = code->data[i] & 1;
    *ret_size = code->width;
    QRcode_free(code);
    return modules;
}

/* Where module coordinates from the code's middle appear, in pixels from there. */
static void project(const struct synthetic *s, int size, double u, double v, double *ret_x,
                    double *ret_y)
{
    double turn = s->turn * M_PI / 180, tilt = s->tilt * M_PI / 180;
    double x = u * cos(turn) - v * sin(turn), y = u * sin(turn) + v * cos(turn);
    double depth = 1 + y * sin(tilt) / (DISTANCE * size);

    *ret_x = s->module * x / depth;
    *ret_y = s->module * y * cos(tilt) / depth;
}

/* The way back: which module a pixel shows. */
static void unproject(const struct synthetic *s, int size, double px, double py, double *ret_u,
                      double *ret_v)
{
    double turn = s->turn * M_PI / 180, tilt = s->tilt * M_PI / 180;
    double y = py / (s->module * cos(tilt) - py * sin(tilt) / (DISTANCE * size));
    double x = px / s->module * (1 + y * sin(tilt) / (DISTANCE * size));
    double u = x * cos(turn) + y * sin(turn), v = y * cos(turn) - x * sin(turn);
    double across = 2 * u / size;

    *ret_u = u;
    *ret_v = v - s->bow / s->module * (1 - across * across);
}

static double level_at(const struct synthetic *s, const uint8_t *modules, int size, double px,
                       double py)
{
    double u, v;
    int iu, iv;

    unproject(s, size, px, py, &u, &v);
    iu = (int)floor(u + size / 2.0);
    iv = (int)floor(v + size / 2.0);
    if (iu < -s->quiet || iv < -s->quiet || iu >= size + s->quiet || iv >= size + s->quiet)
        return s->around;
    if (iu < 0 || iv < 0 || iu >= size || iv >= size)
        return s->light;
    return modules[iv * size + iu] ? s->dark : s->light;
}

static void blur(uint8_t *pixels, int width, int height, double radius)
{
    int r = (int)ceil(radius);
    uint8_t *copy = malloc((size_t)width * (size_t)height);

    for (int pass = 0; pass < 4; pass++) {
        int dx = pass % 2, dy = !dx;

        memcpy(copy, pixels, (size_t)width * (size_t)height);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                double sum = 0, weights = 0;

                for (int i = -r; i <= r; i++) {
                    double weight = abs(i) < r || r == (int)radius ? 1 : 1 - (r - radius);
                    int u = x + i * dx, v = y + i * dy;

                    u = u < 0 ? 0 : u >= width ? width - 1 : u;
                    v = v < 0 ? 0 : v >= height ? height - 1 : v;
                    sum += weight * copy[v * width + u];
                    weights += weight;
                }
                pixels[y * width + x] = (uint8_t)(sum / weights + 0.5);
            }
    }
    free(copy);
}

static uint8_t clamp(double level)
{
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level + 0.5);
}

static void fill_grid(const struct synthetic *s, int size, double middle_x, double middle_y,
                      struct grid *grid)
{
    const double far = size / 2.0 - 3.5;
    const double places[4][2] = {{-far, -far}, {far, -far}, {-far, far}, {far, far}};
    float at[4][2];

    for (int i = 0; i < 4; i++) {
        double x, y;

        project(s, size, places[i][0], places[i][1], &x, &y);
        at[i][0] = (float)(x + middle_x);
        at[i][1] = (float)(y + middle_y);
    }
    *grid = (struct grid){.size = size, .inverted = s->dark > s->light};
    memcpy(&grid->p[GRID_CORNER_X], at[0], sizeof(at[0]));
    memcpy(&grid->p[GRID_RIGHT_X], at[1], sizeof(at[1]));
    memcpy(&grid->p[GRID_BELOW_X], at[2], sizeof(at[2]));
    grid->p[GRID_W_RIGHT] = grid->p[GRID_W_BELOW] = 1;
    grid_pin(grid, (float)size - 3.5F, (float)size - 3.5F, (struct point){at[3][0], at[3][1]});
}

static struct synthetic with_defaults(const struct synthetic *synthetic)
{
    struct synthetic s = *synthetic;

    s.width = s.width ? s.width : 640;
    s.height = s.height ? s.height : 480;
    s.module = s.module > 0 ? s.module : 5;
    s.dark = s.dark ? s.dark : 40;
    s.light = s.light ? s.light : 210;
    s.quiet = s.quiet == 0 ? 4 : s.quiet < 0 ? 0 : s.quiet;
    s.around = s.around ? s.around : 120;
    return s;
}

uint8_t *synthetic_draw(const struct synthetic *synthetic, struct plane *ret_plane,
                        struct grid *ret_grid)
{
    const struct synthetic whole = with_defaults(synthetic), *s = &whole;
    int size;
    uint8_t *modules = synthetic_modules(s->text, s->version, &size);
    uint8_t *pixels = malloc((size_t)s->width * (size_t)s->height);
    double middle_x = s->width * (s->x > 0 ? s->x : 0.5);
    double middle_y = s->height * (s->y > 0 ? s->y : 0.5);
    uint32_t state = 1;

    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            double sum = 0;

            for (int i = 0; i < SAMPLES * SAMPLES; i++)
                sum += level_at(s, modules, size, x + (i % SAMPLES + 0.5) / SAMPLES - middle_x,
                                y + (i / SAMPLES + 0.5) / SAMPLES - middle_y);
            pixels[y * s->width + x] = clamp(sum / (SAMPLES * SAMPLES) + s->slope * x / s->width);
        }
    if (s->blur > 0)
        blur(pixels, s->width, s->height, s->blur);
    for (int i = 0; s->noise > 0 && i < s->width * s->height; i++) {
        state = state * 1664525 + 1013904223;
        pixels[i] = clamp(pixels[i] + (int)(state >> 16) % (2 * s->noise + 1) - s->noise);
    }
    if (ret_grid)
        fill_grid(s, size, middle_x, middle_y, ret_grid);
    free(modules);
    *ret_plane = (struct plane){pixels, s->width, s->height};
    return pixels;
}

uint8_t *synthetic_noise(int width, int height, struct plane *ret_plane)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height);
    uint32_t state = 7;

    for (int i = 0; i < width * height; i++) {
        state = state * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(state >> 24);
    }
    *ret_plane = (struct plane){pixels, width, height};
    return pixels;
}
