#include "kiosk/finder/search.h"

#include <math.h>

#define STRIDE 4 /* every so many-th pixel of every so many-th row tells enough */

static void measure_picture(struct sight *sight, const struct plane *plane)
{
    long sum = 0, n = 0, n_saturated = 0, n_dark = 0;

    for (int y = 0; y < plane->height; y += STRIDE)
        for (int x = 0; x < plane->width; x += STRIDE) {
            uint8_t level = plane->pixels[(long)y * plane->width + x];

            sum += level;
            n_saturated += level >= 250;
            n_dark += level <= 16;
            n++;
        }
    sight->mean = (uint8_t)(sum / n);
    sight->saturated_share = (float)n_saturated / (float)n;
    sight->dark_share = (float)n_dark / (float)n;
}

/* From the middle of a pattern outwards in eight directions: the steepest step between neighbouring
 * pixels, as a share of the contrast. */
static float steepness(const struct plane *plane, struct point middle, float size, float contrast)
{
    float steepest = 0;

    for (int i = 0; i < 8; i++) {
        float dx = cosf((float)i * 0.785398F), dy = sinf((float)i * 0.785398F);
        float before = plane_at(plane, middle.x, middle.y);

        for (float at = 1; at < 0.75F * size; at++) {
            float level = plane_at(plane, middle.x + at * dx, middle.y + at * dy);
            float step = fabsf(level - before);

            steepest = step > steepest ? step : steepest;
            before = level;
        }
    }
    return contrast < 1 ? 0 : steepest < contrast ? steepest / contrast : 1;
}

static void measure_grid(struct sight *sight, const struct plane *plane,
                         const struct outcome *outcome)
{
    const struct grid *grid = &outcome->grid;
    float end = (float)grid->size, module = grid_module(grid);
    struct point middle = grid_point(grid, end / 2, end / 2), corner = grid_point(grid, 3.5F, 3.5F);
    float margin_x = 0.01F * (float)plane->width, margin_y = 0.01F * (float)plane->height;

    sight->x = middle.x;
    sight->y = middle.y;
    sight->module_px = module;
    sight->size_px = module * end;
    sight->contrast = outcome->contrast;
    sight->inverted = grid->inverted;
    sight->sharpness = steepness(plane, corner, 7 * module, outcome->contrast);
    for (int i = 0; i < 4; i++) {
        struct point at = grid_point(grid, i % 2 ? end : 0, i / 2 ? end : 0);

        if (at.x < margin_x || at.y < margin_y || at.x > (float)plane->width - margin_x ||
            at.y > (float)plane->height - margin_y)
            sight->touches_border = true;
    }
}

float search_contrast(const struct finder *finder, const struct pattern *pattern)
{
    const struct plane *plane = &finder->pyramid.levels[0];
    float dx = 2 * pattern->width / 7, dy = 2 * pattern->height / 7; /* the ring's middle */
    float x = pattern->middle.x, y = pattern->middle.y;
    float ring = plane_at(plane, x - dx, y) + plane_at(plane, x + dx, y) +
                 plane_at(plane, x, y - dy) + plane_at(plane, x, y + dy);

    return fabsf(ring / 4 - plane_at(plane, x, y));
}

static void measure_pattern(struct finder *finder, const struct pattern *pattern)
{
    const struct plane *plane = &finder->pyramid.levels[0];
    struct sight *sight = &finder->sight;
    float size = pattern->width < pattern->height ? pattern->width : pattern->height;

    sight->x = pattern->middle.x;
    sight->y = pattern->middle.y;
    sight->size_px = size;
    sight->module_px = size / 7;
    sight->contrast = search_contrast(finder, pattern);
    sight->inverted = pattern->inverted;
    sight->sharpness = steepness(plane, pattern->middle, size, sight->contrast);
    sight->touches_border = pattern->middle.x < pattern->width ||
                            pattern->middle.y < pattern->height ||
                            pattern->middle.x > (float)plane->width - pattern->width ||
                            pattern->middle.y > (float)plane->height - pattern->height;
}

void search_end(struct finder *finder, int n_texts)
{
    const struct plane *plane = &finder->pyramid.levels[0];
    struct sight *sight = &finder->sight;
    int best = 0;

    sight->n_finders = (uint16_t)finder->patterns.n;
    sight->n_grids = (uint16_t)finder->attempt.n_grids;
    sight->n_texts = (uint16_t)n_texts;
    measure_picture(sight, plane);
    if (finder->best.grid.size > 0) {
        measure_grid(sight, plane, &finder->best);
        return;
    }
    for (int i = 1; i < finder->patterns.n; i++)
        if (finder->patterns.items[i].n_directions > finder->patterns.items[best].n_directions)
            best = i;
    if (finder->patterns.n > 0)
        measure_pattern(finder, &finder->patterns.items[best]);
}
