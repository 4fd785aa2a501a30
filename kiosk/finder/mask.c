#include "kiosk/finder/mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int reserve(struct mask *mask, int width, int height)
{
    size_t n = (size_t)width * (size_t)height, n_sums = 2 * (size_t)width + 2;

    if (n > mask->capacity) {
        uint8_t *dark = realloc(mask->dark, n);

        if (!dark)
            return -ENOMEM;
        mask->dark = dark;
        mask->capacity = n;
    }
    if (n_sums > mask->sums_capacity) {
        uint32_t *sums = realloc(mask->sums, n_sums * sizeof(*sums));

        if (!sums)
            return -ENOMEM;
        mask->sums = sums;
        mask->sums_capacity = n_sums;
    }
    mask->width = width;
    mask->height = height;
    return 0;
}

static void add_row(uint16_t *restrict columns, const uint8_t *restrict row, int width)
{
    for (int x = 0; x < width; x++)
        columns[x] = (uint16_t)(columns[x] + row[x]);
}

static void drop_row(uint16_t *restrict columns, const uint8_t *restrict row, int width)
{
    for (int x = 0; x < width; x++)
        columns[x] = (uint16_t)(columns[x] - row[x]);
}

/* One row: `sums` has the sums of all columns up to x, so a window's sum is a difference of two. */
static void judge_row(const uint8_t *restrict row, const uint32_t *restrict sums, int width,
                      int radius, int n_rows, int floor, uint8_t *restrict dark)
{
    int inner = width - radius, x = 0;
    uint32_t area = (uint32_t)(n_rows * (2 * radius + 1));

    for (; x < width && (x <= radius || x >= inner); x++) {
        int from = x > radius ? x - radius : 0, to = x + radius < width ? x + radius + 1 : width;

        dark[x] = (uint32_t)((row[x] + floor) * n_rows * (to - from)) < sums[to] - sums[from];
    }
    for (; x < inner; x++)
        dark[x] = (uint32_t)(row[x] + floor) * area < sums[x + radius + 1] - sums[x - radius];
    for (; x < width; x++)
        dark[x] = (uint32_t)((row[x] + floor) * n_rows * (width - x + radius)) <
                  sums[width] - sums[x - radius];
}

int mask_make(struct mask *mask, const struct plane *plane, int radius, int floor)
{
    int width = plane->width, height = plane->height, n_rows = 0;
    uint16_t *columns;
    uint32_t *sums;
    int r = reserve(mask, width, height);

    if (r < 0)
        return r;
    sums = mask->sums;
    columns = (uint16_t *)(sums + width + 1);
    memset(columns, 0, (size_t)width * sizeof(*columns));
    for (int y = -radius; y < height; y++) {
        uint32_t sum = 0;

        if (y + radius < height) {
            add_row(columns, plane->pixels + (long)(y + radius) * width, width);
            n_rows++;
        }
        if (y - radius > 0) {
            drop_row(columns, plane->pixels + (long)(y - radius - 1) * width, width);
            n_rows--;
        }
        if (y < 0)
            continue;
        sums[0] = 0;
        for (int x = 0; x < width; x++)
            sums[x + 1] = sum += columns[x];
        judge_row(plane->pixels + (long)y * width, sums, width, radius, n_rows, floor,
                  mask->dark + (long)y * width);
    }
    return 0;
}

void mask_done(struct mask *mask)
{
    free(mask->dark);
    free(mask->sums);
    *mask = (struct mask){};
}
