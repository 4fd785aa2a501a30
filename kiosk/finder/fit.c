#include "kiosk/finder/fit.h"

#include <math.h>
#include <stdlib.h>

#define PLACE_COST 85 /* instructions, about, to sample one place (valgrind) */

static void add(struct places *places, const struct fit *fit, const struct grid *grid, int u, int v,
                int dark)
{
    float span = 1.0F / (float)(grid->size - 7);
    float s = ((float)u - 3) * span, t = ((float)v - 3) * span;
    int i = places->n;

    if (i == FIT_PLACES)
        return;
    places->n++;
    places->s[i] = s;
    places->t[i] = t;
    places->along[i] = 4 * s * (1 - s);
    places->down[i] = 4 * t * (1 - t);
    places->dark[i] = dark ? 1 : -1;
    light_at(&fit->light, grid, (float)u + 0.5F, (float)v + 0.5F, &places->middle[i],
             &places->half[i]);
}

static void add_finders(struct fit *fit, const struct grid *grid)
{
    int far = grid->size - 7;

    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) {
            add(&fit->fixed, fit, grid, u, v, finder_module(u, v));
            add(&fit->fixed, fit, grid, far - 1 + u, v, finder_module(u - 1, v));
            add(&fit->fixed, fit, grid, u, far - 1 + v, finder_module(u, v - 1));
        }
}

static void add_alignment(struct fit *fit, const struct grid *grid)
{
    int at[GRID_MESH_MAX], n = grid_alignment(grid_version(grid->size), at);

    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            if ((i == 0 && j == 0) || (i == 0 && j == n - 1) || (i == n - 1 && j == 0))
                continue;
            for (int dv = -2; dv <= 2; dv++)
                for (int du = -2; du <= 2; du++)
                    add(&fit->fixed, fit, grid, at[j] + du, at[i] + dv,
                        abs(du) == 2 || abs(dv) == 2 || (du == 0 && dv == 0));
        }
}

void fit_start_timing(struct fit *fit, const struct plane *plane, const struct grid *grid)
{
    fit->plane = plane;
    fit->fixed.n = fit->whole.n = 0;
    light_measure(&fit->light, plane, grid);
    for (int i = 8; i < grid->size - 8; i++) {
        add(&fit->fixed, fit, grid, i, 6, i % 2 == 0);
        add(&fit->fixed, fit, grid, 6, i, i % 2 == 0);
    }
}

void fit_start(struct fit *fit, const struct plane *plane, const struct grid *grid)
{
    fit_start_timing(fit, plane, grid);
    add_finders(fit, grid);
    add_alignment(fit, grid);
}

/* Every so many-th row and column tell enough of a larger code. */
static int whole_step(const struct grid *grid)
{
    return grid->size <= 29 ? 1 : grid->size <= 61 ? 2 : 3;
}

long fit_goal_cost(const struct fit *fit, const struct grid *grid)
{
    int side = grid->size / whole_step(grid) + 1;

    return (long)PLACE_COST * (fit->fixed.n + side * side);
}

static void list_whole(struct fit *fit, const struct grid *grid)
{
    int step = whole_step(grid);

    for (int v = 0; v < grid->size; v += step)
        for (int u = 0; u < grid->size; u += step)
            add(&fit->whole, fit, grid, u, v, 1);
}

/* Where the first `n` places lie in the picture: grid_point() without mesh, for many. */
static void locate(const struct places *restrict places, const struct grid *grid, int n,
                   float *restrict x, float *restrict y)
{
    const float *p = grid->p;
    float wr = p[GRID_W_RIGHT], wb = p[GRID_W_BELOW];
    float ax = p[GRID_CORNER_X], bx = wr * p[GRID_RIGHT_X], cx = wb * p[GRID_BELOW_X];
    float ay = p[GRID_CORNER_Y], by = wr * p[GRID_RIGHT_Y], cy = wb * p[GRID_BELOW_Y];
    float top_x = p[GRID_BOW_TOP_X], top_y = p[GRID_BOW_TOP_Y];
    float side_x = p[GRID_BOW_SIDE_X], side_y = p[GRID_BOW_SIDE_Y];

    for (int i = 0; i < n; i++) {
        float s = places->s[i], t = places->t[i], a = 1 - s - t;
        float depth = 1 / (a + s * wr + t * wb);

        x[i] = (a * ax + s * bx + t * cx) * depth + places->along[i] * top_x +
               places->down[i] * side_x;
        y[i] = (a * ay + s * by + t * cy) * depth + places->along[i] * top_y +
               places->down[i] * side_y;
    }
}

/* How dark a place is: 1 as dark as the finder patterns, -1 as light. */
static float darkness(const struct fit *fit, const struct places *places, bool inverted, int i)
{
    float level = plane_at(fit->plane, fit->x[i], fit->y[i]);
    float value = (places->middle[i] - (inverted ? 255 - level : level)) / places->half[i];

    return value > 1 ? 1 : value < -1 ? -1 : value;
}

static float agreement(struct fit *fit, const struct grid *grid, int n)
{
    float sum = 0;

    locate(&fit->fixed, grid, n, fit->x, fit->y);
    for (int i = 0; i < n; i++)
        sum += fit->fixed.dark[i] * darkness(fit, &fit->fixed, grid->inverted, i);
    return sum / (float)n;
}

float fit_score(struct fit *fit, const struct grid *grid)
{
    return agreement(fit, grid, fit->fixed.n);
}

float fit_timing(struct fit *fit, const struct grid *grid)
{
    return agreement(fit, grid, 2 * (grid->size - 16));
}

float fit_crispness(struct fit *fit, const struct grid *grid)
{
    float sum = 0;

    if (fit->whole.n == 0)
        list_whole(fit, grid);
    locate(&fit->whole, grid, fit->whole.n, fit->x, fit->y);
    for (int i = 0; i < fit->whole.n; i++)
        sum += fabsf(darkness(fit, &fit->whole, grid->inverted, i));
    return sum / (float)fit->whole.n;
}

/* By how much a parameter changes for a shift of `step` modules. */
static float stride(const struct grid *grid, int parameter, float step)
{
    if (parameter == GRID_W_RIGHT || parameter == GRID_W_BELOW)
        return step / (float)(grid->size - 7);
    return step * grid_module(grid);
}

static float goal(struct fit *fit, const struct grid *grid, float crispness, long *spent)
{
    float score = fit_score(fit, grid);

    *spent += (long)PLACE_COST * fit->fixed.n;
    if (crispness > 0) {
        score += crispness * fit_crispness(fit, grid);
        *spent += (long)PLACE_COST * fit->whole.n;
    }
    return score;
}

float fit_climb(struct fit *fit, struct grid *grid, int n_parameters, float step, int n_sweeps,
                float crispness, long *spent)
{
    float best = goal(fit, grid, crispness, spent);

    for (int sweep = 0; sweep < n_sweeps && step > 0.05F; sweep++) {
        bool better = false;

        for (int i = 0; i < n_parameters; i++) {
            float before = grid->p[i], by = stride(grid, i, step);

            for (int sign = 1; sign >= -1; sign -= 2) {
                float now;

                grid->p[i] = before + (float)sign * by;
                now = goal(fit, grid, crispness, spent);
                if (now > best + 0.0005F && grid_is_sound(grid)) {
                    best = now;
                    better = true;
                    break;
                }
                grid->p[i] = before;
            }
        }
        if (!better)
            step /= 2;
    }
    return crispness > 0 ? fit_score(fit, grid) : best;
}

bool fit_corner(struct fit *fit, struct grid *grid, float reach, long *spent)
{
    float at = (float)grid->size - 3.5F, best = goal(fit, grid, 1, spent);
    struct point here = grid_point(grid, at, at), a = grid_point(grid, at + 1, at);
    struct point b = grid_point(grid, at, at + 1);
    struct grid best_grid = *grid;
    bool moved = false;

    for (float dv = -reach; dv <= reach; dv += 0.75F)
        for (float du = -reach; du <= reach; du += 0.75F) {
            struct grid tried = *grid;
            struct point to = {here.x + du * (a.x - here.x) + dv * (b.x - here.x),
                               here.y + du * (a.y - here.y) + dv * (b.y - here.y)};
            float now;

            if (!grid_pin(&tried, at, at, to) || !grid_is_sound(&tried))
                continue;
            now = goal(fit, &tried, 1, spent);
            if (now > best) {
                best = now;
                best_grid = tried;
                moved = true;
            }
        }
    *grid = best_grid;
    return moved;
}

void fit_bow(struct fit *fit, struct grid *grid, long *spent)
{
    float half = (float)grid->size / 2, best = goal(fit, grid, 1, spent);
    struct point middle = grid_point(grid, half, half), a = grid_point(grid, half + 1, half);
    struct point b = grid_point(grid, half, half + 1);
    struct grid best_grid = *grid;

    for (int i = -2; i <= 2; i++)
        for (int j = -2; j <= 2; j++) {
            struct grid tried = *grid;
            float top = 0.75F * (float)i, side = 0.75F * (float)j, now;

            tried.p[GRID_BOW_TOP_X] += top * (b.x - middle.x);
            tried.p[GRID_BOW_TOP_Y] += top * (b.y - middle.y);
            tried.p[GRID_BOW_SIDE_X] += side * (a.x - middle.x);
            tried.p[GRID_BOW_SIDE_Y] += side * (a.y - middle.y);
            now = goal(fit, &tried, 1, spent);
            if (now > best) {
                best = now;
                best_grid = tried;
            }
        }
    *grid = best_grid;
}
