#include "kiosk/finder/alignment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOUND 0.55F /* of 1: agreement that is not chance */

/* Where the pattern should be, and one module to the right and down there. */
struct frame_at {
    struct point middle, right, down;
};

static int is_dark(int du, int dv)
{
    return abs(du) == 2 || abs(dv) == 2 || (du == 0 && dv == 0);
}

/* How well a pattern with its middle at `at` agrees: against its own light and dark, so that glare
 * on this corner of the code does not matter. */
static float judge(const struct plane *plane, const struct frame_at *frame, bool inverted,
                   struct point at, float contrast)
{
    float levels[25], sums[2] = {0, 0}, middle, half, sum = 0;
    int n = 0;

    for (int dv = -2; dv <= 2; dv++)
        for (int du = -2; du <= 2; du++) {
            float x = at.x + (float)du * frame->right.x + (float)dv * frame->down.x;
            float y = at.y + (float)du * frame->right.y + (float)dv * frame->down.y;
            float level = plane_at(plane, x, y);

            levels[n] = inverted ? 255 - level : level;
            sums[is_dark(du, dv)] += levels[n++];
        }
    half = (sums[0] / 8 - sums[1] / 17) / 2;
    middle = (sums[0] / 8 + sums[1] / 17) / 2;
    if (half < 0.12F * contrast || half < 1.5F)
        return 0;
    n = 0;
    for (int dv = -2; dv <= 2; dv++)
        for (int du = -2; du <= 2; du++) {
            float darkness = (middle - levels[n++]) / half;

            darkness = darkness > 1 ? 1 : darkness < -1 ? -1 : darkness;
            sum += is_dark(du, dv) ? darkness / 17 : -darkness / 8;
        }
    return sum / 2;
}

float alignment_find(const struct plane *plane, const struct grid *grid, float contrast, float u,
                     float v, float reach, struct point *ret_at, long *spent)
{
    struct frame_at frame = {.middle = grid_point(grid, u, v)};
    struct point a = grid_point(grid, u + 1, v), b = grid_point(grid, u, v + 1), best_at;
    float best = 0, best_value = 0, step = 0.5F;
    int n = (int)(reach / step);

    frame.right = (struct point){a.x - frame.middle.x, a.y - frame.middle.y};
    frame.down = (struct point){b.x - frame.middle.x, b.y - frame.middle.y};
    best_at = frame.middle;
    for (int pass = 0; pass < 3; pass++) {
        struct point from = pass == 0 ? frame.middle : best_at;

        for (int j = -n; j <= n; j++)
            for (int i = -n; i <= n; i++) {
                float du = (float)i * step, dv = (float)j * step, value;
                struct point at = {from.x + du * frame.right.x + dv * frame.down.x,
                                   from.y + du * frame.right.y + dv * frame.down.y};
                float score = judge(plane, &frame, grid->inverted, at, contrast);

                /* Of two that agree alike, the nearer one. */
                value = pass == 0 ? score - 0.15F * hypotf(du, dv) / (reach + 1) : score;
                if (value > best_value) {
                    best_value = value;
                    best = score;
                    best_at = at;
                }
            }
        *spent += 1700L * (2 * n + 1) * (2 * n + 1);
        if (best == 0)
            break;
        best_value = best;
        step /= 2;
        n = 1;
    }
    *ret_at = best_at;
    return best;
}

static void fill(struct grid *grid, bool known[GRID_MESH_MAX][GRID_MESH_MAX], int n)
{
    for (int round = 0; round < n; round++)
        for (int j = 0; j < n; j++)
            for (int i = 0; i < n; i++) {
                struct point sum = {0, 0};
                int count = 0;

                if (known[j][i])
                    continue;
                for (int dj = -1; dj <= 1; dj++)
                    for (int di = -1; di <= 1; di++)
                        if (j + dj >= 0 && j + dj < n && i + di >= 0 && i + di < n &&
                            known[j + dj][i + di]) {
                            sum.x += grid->mesh[j + dj][i + di].x;
                            sum.y += grid->mesh[j + dj][i + di].y;
                            count++;
                        }
                if (count < 2)
                    continue;
                grid->mesh[j][i] = (struct point){sum.x / (float)count, sum.y / (float)count};
                known[j][i] = true;
            }
}

int alignment_mesh(const struct plane *plane, struct grid *grid, float contrast, long *spent)
{
    int at[GRID_MESH_MAX], n = grid_alignment(grid_version(grid->size), at), n_found = 0;
    bool known[GRID_MESH_MAX][GRID_MESH_MAX] = {};
    struct grid flat = *grid;

    if (n < 2)
        return 0;
    flat.n_mesh = 0;
    memset(grid->mesh, 0, sizeof(grid->mesh));
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
            float u = (float)at[i] + 0.5F, v = (float)at[j] + 0.5F;
            struct point want = grid_point(&flat, u, v), seen;

            /* In the three finder patterns the grid is right already. */
            known[j][i] = (i == 0 && j == 0) || (i == 0 && j == n - 1) || (i == n - 1 && j == 0);
            if (known[j][i])
                continue;
            if (i > 0 && j > 0 && known[j - 1][i - 1]) {
                want.x += grid->mesh[j - 1][i - 1].x / 2;
                want.y += grid->mesh[j - 1][i - 1].y / 2;
            }
            if (alignment_find(plane, &flat, contrast, u, v, 2.0F, &seen, spent) < FOUND)
                continue;
            want = grid_point(&flat, u, v);
            grid->mesh[j][i] = (struct point){seen.x - want.x, seen.y - want.y};
            known[j][i] = true;
            n_found++;
        }
    fill(grid, known, n);
    grid->n_mesh = n;
    return n_found;
}
