#include "kiosk/finder/pyramid.h"

#include <errno.h>
#include <stdlib.h>

int pyramid_start(struct pyramid *pyramid, const struct plane *picture)
{
    int width = picture->width, height = picture->height;
    size_t n_bytes = 0;

    pyramid->levels[0] = *picture;
    pyramid->n_levels = pyramid->n_made = 1;
    while (pyramid->n_levels < PYRAMID_LEVELS && width / 2 >= PYRAMID_SIDE_MIN &&
           height / 2 >= PYRAMID_SIDE_MIN) {
        width /= 2;
        height /= 2;
        pyramid->levels[pyramid->n_levels++] = (struct plane){NULL, width, height};
        n_bytes += (size_t)width * (size_t)height;
    }
    if (n_bytes > pyramid->capacity) {
        uint8_t *memory = realloc(pyramid->memory, n_bytes);

        if (!memory)
            return -ENOMEM;
        pyramid->memory = memory;
        pyramid->capacity = n_bytes;
    }
    return 0;
}

const struct plane *pyramid_level(struct pyramid *pyramid, int n)
{
    uint8_t *free_part = pyramid->memory;

    if (n >= pyramid->n_levels)
        return NULL;
    for (int i = 1; i <= n; i++) {
        struct plane *level = &pyramid->levels[i];

        if (i == pyramid->n_made) {
            pyramid_halve(level - 1, free_part);
            level->pixels = free_part;
            pyramid->n_made++;
        }
        free_part += (size_t)level->width * (size_t)level->height;
    }
    return &pyramid->levels[n];
}

void pyramid_done(struct pyramid *pyramid)
{
    free(pyramid->memory);
    *pyramid = (struct pyramid){};
}

void pyramid_halve(const struct plane *from, uint8_t *restrict to)
{
    int width = from->width / 2, height = from->height / 2;

    for (int y = 0; y < height; y++) {
        const uint8_t *upper = from->pixels + (long)(2 * y) * from->width;
        const uint8_t *lower = upper + from->width;
        uint8_t *row = to + (long)y * width;

        for (int x = 0; x < width; x++)
            row[x] =
                (uint8_t)((upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1] + 2) /
                          4);
    }
}

/* Each new pixel lies a quarter of an old one away from an old middle: weights 9, 3, 3, 1. */
static void double_row(const uint8_t *near, const uint8_t *far, int width, uint8_t *restrict to)
{
    for (int x = 0; x < width; x++) {
        int left = x > 0 ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
        int middle = 9 * near[x] + 3 * far[x] + 8;

        to[2 * x] = (uint8_t)((middle + 3 * near[left] + far[left]) / 16);
        to[2 * x + 1] = (uint8_t)((middle + 3 * near[right] + far[right]) / 16);
    }
}

void pyramid_double(const struct plane *from, uint8_t *to)
{
    int width = from->width, height = from->height;

    for (int y = 0; y < height; y++) {
        const uint8_t *row = from->pixels + (long)y * width;

        double_row(row, y > 0 ? row - width : row, width, to + (long)(2 * y) * 2 * width);
        double_row(row, y + 1 < height ? row + width : row, width,
                   to + (long)(2 * y + 1) * 2 * width);
    }
}
