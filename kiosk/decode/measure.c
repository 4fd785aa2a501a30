#include "kiosk/decode/measure.h"

#define ROW_STEP 4
#define WHITE    250
/* Smaller steps between neighbours are noise. */
#define EDGE 16
#define FAR  4 /* pixels */

/* Squares of the differences of neighbours, and of pixels FAR apart. A sharp edge gives the first
 * once and the second FAR times; a ramp over many pixels gives the second FAR squared as much. */
struct sums {
    uint64_t tone, white, near, far, n;
};

static uint64_t squared_edge(int a, int b)
{
    int d = a > b ? a - b : b - a;

    return d < EDGE ? 0 : (uint64_t)(d * d);
}

static void add_row(const uint8_t *row, uint32_t width, struct sums *sums)
{
    for (uint32_t x = 0; x < width; x++) {
        sums->tone += row[x];
        sums->white += row[x] >= WHITE;
    }
    sums->n += width;
    for (uint32_t x = 0; x + FAR < width; x++) {
        uint64_t far = squared_edge(row[x], row[x + FAR]);
        int d = row[x] - row[x + 1];

        sums->far += far;
        if (far > 0)
            sums->near += (uint64_t)(d * d);
    }
}

void measure_gray(const struct gray *gray, struct measure *ret_measure)
{
    struct sums sums = {};

    for (uint32_t y = 0; y < gray->height; y += ROW_STEP)
        add_row(gray->pixels + (size_t)y * gray->width, gray->width, &sums);
    *ret_measure = (struct measure){.width = gray->width, .height = gray->height};
    if (sums.n == 0)
        return;
    ret_measure->mean = (float)sums.tone / (float)sums.n;
    ret_measure->clipped = (float)sums.white / (float)sums.n;
    if (sums.far > 0)
        ret_measure->sharpness = FAR * (float)sums.near / (float)sums.far;
}
