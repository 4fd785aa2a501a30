#include "kiosk/finder/canonical.h"

#include <string.h>

void canonical_draw(const uint8_t *dark, int size, int module, uint8_t *pixels,
                    struct plane *ret_picture)
{
    int side = (size + 2 * CANONICAL_QUIET) * module, quiet = CANONICAL_QUIET * module;

    memset(pixels, 255, (size_t)side * (size_t)side);
    for (int v = 0; v < size; v++) {
        uint8_t *row = pixels + (long)(quiet + v * module) * side + quiet;

        for (int u = 0; u < size; u++)
            if (dark[v * size + u])
                memset(row + (long)u * module, 0, (size_t)module);
        for (int i = 1; i < module; i++)
            memcpy(row + (long)i * side, row, (size_t)(size * module));
    }
    *ret_picture = (struct plane){pixels, side, side};
}

void canonical_rectify(const struct plane *plane, const struct grid *grid,
                       const struct light *light, int module, uint8_t *pixels,
                       struct plane *ret_picture)
{
    int side = (grid->size + 2 * CANONICAL_QUIET) * module, quiet = CANONICAL_QUIET * module;

    memset(pixels, 255, (size_t)side * (size_t)side);
    for (int y = quiet; y < side - quiet; y++)
        for (int x = quiet; x < side - quiet; x++) {
            float u = ((float)(x - quiet) + 0.5F) / (float)module;
            float v = ((float)(y - quiet) + 0.5F) / (float)module, middle, half, level;

            light_at(light, grid, u, v, &middle, &half);
            level = 128 + (sample_at(plane, grid, u, v) - middle) / half * 110;
            pixels[(long)y * side + x] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : (int)level);
        }
    *ret_picture = (struct plane){pixels, side, side};
}
