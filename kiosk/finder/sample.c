#include "kiosk/finder/sample.h"

#include <math.h>
#include <stdlib.h>

/* Without bow and mesh a row is a straight line, and only its depth needs a division a module. */
static void sample_flat_row(const struct plane *plane, const struct grid *grid, int row,
                            float *values)
{
    const float *p = grid->p;
    float span = 1.0F / (float)(grid->size - 7), t = ((float)row - 3.0F) * span;

    for (int i = 0; i < grid->size; i++) {
        float s = ((float)i - 3.0F) * span;
        float a = 1 - s - t, b = s * p[GRID_W_RIGHT], c = t * p[GRID_W_BELOW];
        float depth = 1 / (a + b + c);
        float x = (a * p[GRID_CORNER_X] + b * p[GRID_RIGHT_X] + c * p[GRID_BELOW_X]) * depth;
        float y = (a * p[GRID_CORNER_Y] + b * p[GRID_RIGHT_Y] + c * p[GRID_BELOW_Y]) * depth;

        values[i] = plane_at(plane, x, y);
    }
}

void sample_grid(const struct plane *plane, const struct grid *grid, float *values)
{
    bool flat = grid->n_mesh == 0;
    int n = grid->size * grid->size;

    for (int i = GRID_FLAT; i < GRID_PARAMETERS; i++)
        if (grid->p[i] != 0)
            flat = false;
    for (int row = 0; row < grid->size; row++) {
        float *out = values + (long)row * grid->size;

        if (flat) {
            sample_flat_row(plane, grid, row, out);
            continue;
        }
        for (int i = 0; i < grid->size; i++) {
            struct point at = grid_point(grid, (float)i + 0.5F, (float)row + 0.5F);

            out[i] = plane_at(plane, at.x, at.y);
        }
    }
    if (grid->inverted)
        for (int i = 0; i < n; i++)
            values[i] = 255 - values[i];
}

int finder_module(int u, int v)
{
    int du = abs(u - 3), dv = abs(v - 3), ring = du > dv ? du : dv;

    return ring < 2 || ring == 3;
}

/* Glare, damage or a grid that is not right yet hides one pattern: the best of the three stands in.
 */
static void repair(struct light *light)
{
    int best = 0;

    for (int i = 1; i < 3; i++)
        if (light->light[i] - light->dark[i] > light->light[best] - light->dark[best])
            best = i;
    for (int i = 0; i < 3; i++)
        if (light->light[i] - light->dark[i] < 0.3F * (light->light[best] - light->dark[best])) {
            light->light[i] = light->light[best];
            light->dark[i] = light->dark[best];
        }
}

void light_measure(struct light *light, const struct plane *plane, const struct grid *grid)
{
    int far = grid->size - 7;
    const int corners[3][2] = {{0, 0}, {far, 0}, {0, far}};

    for (int i = 0; i < 3; i++) {
        float sums[2] = {0, 0};
        int counts[2] = {0, 0};

        for (int v = 0; v < 7; v++)
            for (int u = 0; u < 7; u++) {
                int dark = finder_module(u, v);

                sums[dark] += sample_at(plane, grid, (float)(corners[i][0] + u) + 0.5F,
                                        (float)(corners[i][1] + v) + 0.5F);
                counts[dark]++;
            }
        light->light[i] = sums[0] / (float)counts[0];
        light->dark[i] = sums[1] / (float)counts[1];
    }
    repair(light);
}

float light_contrast(const struct light *light)
{
    float least = light->light[0] - light->dark[0];

    for (int i = 1; i < 3; i++)
        if (light->light[i] - light->dark[i] < least)
            least = light->light[i] - light->dark[i];
    return least;
}
