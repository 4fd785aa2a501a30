#include "kiosk/finder/variant.h"

#include <string.h>

#define LOCAL_RADIUS 5 /* modules */
#define NEAR_RADIUS  2

static float neighbour(const float *values, int size, int u, int v)
{
    u = u < 0 ? 0 : u >= size ? size - 1 : u;
    v = v < 0 ? 0 : v >= size ? size - 1 : v;
    return values[v * size + u];
}

/* Blur mixes a module with the four beside it: a share of them is taken away again. */
static void sharpen(const float *values, int size, float share, float *restrict out)
{
    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++)
            out[v * size + u] =
                values[v * size + u] * (1 + 4 * share) -
                share * (neighbour(values, size, u - 1, v) + neighbour(values, size, u + 1, v) +
                         neighbour(values, size, u, v - 1) + neighbour(values, size, u, v + 1));
}

/* Mean of the window around each value. */
static void window_mean(const float *values, int size, int radius, float *restrict rows,
                        float *restrict out)
{
    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++) {
            int from = u > radius ? u - radius : 0, to = u + radius < size ? u + radius : size - 1;
            float sum = 0;

            for (int i = from; i <= to; i++)
                sum += values[v * size + i];
            rows[v * size + u] = sum / (float)(to - from + 1);
        }
    for (int v = 0; v < size; v++) {
        int from = v > radius ? v - radius : 0, to = v + radius < size ? v + radius : size - 1;
        float *line = out + (long)v * size, share = 1.0F / (float)(to - from + 1);

        memset(line, 0, (size_t)size * sizeof(*line));
        for (int i = from; i <= to; i++)
            for (int u = 0; u < size; u++)
                line[u] += rows[i * size + u];
        for (int u = 0; u < size; u++)
            line[u] *= share;
    }
}

/* Middle between the extremes of the window around each value. */
static void window_middle(const float *values, int size, int radius, float *restrict out)
{
    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++) {
            float low = 1e9F, high = -1e9F;

            for (int dv = -radius; dv <= radius; dv++)
                for (int du = -radius; du <= radius; du++) {
                    float value = neighbour(values, size, u + du, v + dv);

                    low = value < low ? value : low;
                    high = value > high ? value : high;
                }
            out[v * size + u] = (low + high) / 2;
        }
}

static void even_light(const struct grid *grid, const struct light *light, float *restrict out)
{
    for (int v = 0; v < grid->size; v++)
        for (int u = 0; u < grid->size; u++) {
            float half;

            light_at(light, grid, (float)u + 0.5F, (float)v + 0.5F, &out[v * grid->size + u],
                     &half);
        }
}

void variant_make(enum variant variant, const float *values, const struct grid *grid,
                  const struct light *light, float *scratch, uint8_t *dark)
{
    int size = grid->size, n = size * size;
    float *sharp = scratch, *threshold = scratch + n, *rows = scratch + 2 * n;
    float share = variant == VARIANT_VERY_SHARP ? 0.45F
                  : variant == VARIANT_SHARP    ? 0.22F
                  : variant == VARIANT_NEAR     ? 0.05F
                                                : 0.1F;

    sharpen(values, size, share, sharp);
    if (variant == VARIANT_EVEN)
        even_light(grid, light, threshold);
    else if (variant == VARIANT_NEAR)
        window_middle(sharp, size, NEAR_RADIUS, threshold);
    else
        window_mean(sharp, size, LOCAL_RADIUS, rows, threshold);
    for (int i = 0; i < n; i++)
        dark[i] = sharp[i] < threshold[i];
}
