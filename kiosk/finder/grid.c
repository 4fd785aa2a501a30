#include "kiosk/finder/grid.h"

#include <math.h>

int grid_version(int size)
{
    int version = (size - 17) / 4;

    return version < 1 || version > 40 || GRID_SIZE(version) != size ? -1 : version;
}

int grid_alignment(int version, int ret_at[GRID_MESH_MAX])
{
    int n = version / 7 + 2, last = GRID_SIZE(version) - 7, gaps = n - 1, step;

    if (version == 1)
        return 0;
    /* Even steps, counted from the far end; the first gap takes what is left. */
    step = version == 32 ? 26 : ((last - 6 + gaps - 1) / gaps + 1) / 2 * 2;
    for (int i = 0; i < n; i++)
        ret_at[i] = i == 0 ? 6 : last - step * (n - 1 - i);
    return n;
}

struct point grid_mesh_shift(const struct grid *grid, float u, float v)
{
    int at[GRID_MESH_MAX], n = grid_alignment(grid_version(grid->size), at), i = 0, j = 0;
    float a, b;
    const struct point *top, *low;

    if (n < 2)
        return (struct point){};
    while (i < n - 2 && u > (float)at[i + 1] + 0.5F)
        i++;
    while (j < n - 2 && v > (float)at[j + 1] + 0.5F)
        j++;
    a = (u - (float)at[i] - 0.5F) / (float)(at[i + 1] - at[i]);
    b = (v - (float)at[j] - 0.5F) / (float)(at[j + 1] - at[j]);
    a = a < -0.3F ? -0.3F : a > 1.3F ? 1.3F : a;
    b = b < -0.3F ? -0.3F : b > 1.3F ? 1.3F : b;
    top = &grid->mesh[j][i];
    low = &grid->mesh[j + 1][i];
    return (struct point){
        (top[0].x * (1 - a) + top[1].x * a) * (1 - b) + (low[0].x * (1 - a) + low[1].x * a) * b,
        (top[0].y * (1 - a) + top[1].y * a) * (1 - b) + (low[0].y * (1 - a) + low[1].y * a) * b,
    };
}

bool grid_pin(struct grid *grid, float u, float v, struct point at)
{
    float *p = grid->p;
    float span = 1.0F / (float)(grid->size - 7);
    float s = (u - 3.5F) * span, t = (v - 3.5F) * span, a = 1 - s - t;
    /* at * (a + s * wr + t * wb) = a * corner + s * wr * right + t * wb * below, for wr and wb */
    float m00 = s * (p[GRID_RIGHT_X] - at.x), m01 = t * (p[GRID_BELOW_X] - at.x);
    float m10 = s * (p[GRID_RIGHT_Y] - at.y), m11 = t * (p[GRID_BELOW_Y] - at.y);
    float n0 = a * (at.x - p[GRID_CORNER_X]), n1 = a * (at.y - p[GRID_CORNER_Y]);
    float determinant = m00 * m11 - m01 * m10, right, below;

    if (fabsf(determinant) < 1e-3F)
        return false;
    right = (n0 * m11 - n1 * m01) / determinant;
    below = (m00 * n1 - m10 * n0) / determinant;
    if (!(right > 0.3F && right < 3.3F && below > 0.3F && below < 3.3F && right + below > 1.15F))
        return false;
    p[GRID_W_RIGHT] = right;
    p[GRID_W_BELOW] = below;
    return true;
}

void grid_scale(struct grid *grid, float factor)
{
    for (int i = 0; i < GRID_PARAMETERS; i++)
        if (i != GRID_W_RIGHT && i != GRID_W_BELOW)
            grid->p[i] *= factor;
    for (int i = 0; i < grid->n_mesh; i++)
        for (int j = 0; j < grid->n_mesh; j++) {
            grid->mesh[i][j].x *= factor;
            grid->mesh[i][j].y *= factor;
        }
}

float grid_module(const struct grid *grid)
{
    const float *p = grid->p;
    float right = hypotf(p[GRID_RIGHT_X] - p[GRID_CORNER_X], p[GRID_RIGHT_Y] - p[GRID_CORNER_Y]);
    float below = hypotf(p[GRID_BELOW_X] - p[GRID_CORNER_X], p[GRID_BELOW_Y] - p[GRID_CORNER_Y]);

    return (right < below ? right : below) / (float)(grid->size - 7);
}

bool grid_is_sound(const struct grid *grid)
{
    const float *p = grid->p;
    float end = (float)grid->size, twist = 0;
    struct point corners[4] = {grid_point(grid, 0, 0), grid_point(grid, end, 0),
                               grid_point(grid, end, end), grid_point(grid, 0, end)};

    if (!(p[GRID_W_RIGHT] + p[GRID_W_BELOW] > 1.15F) || !(p[GRID_W_RIGHT] > 0.3F) ||
        !(p[GRID_W_BELOW] > 0.3F))
        return false;
    for (int i = 0; i < 4; i++) {
        const struct point *a = &corners[i], *b = &corners[(i + 1) % 4], *c = &corners[(i + 2) % 4];
        float turn = (b->x - a->x) * (c->y - b->y) - (b->y - a->y) * (c->x - b->x);

        if (!(turn > 0))
            return false;
        twist += turn;
    }
    return twist > end * end; /* at least half a pixel a module */
}
