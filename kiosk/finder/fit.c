#include "kiosk/finder/fit.h"

#include <math.h>
#include <stdlib.h>

static void add(struct fit *fit, const struct grid *grid, int u, int v, int dark)
{
    struct fixed *f;

    if (fit->n == (int)(sizeof(fit->fixed) / sizeof(fit->fixed[0])))
        return;
    f = &fit->fixed[fit->n++];
    *f = (struct fixed){.u = (uint8_t)u, .v = (uint8_t)v, .dark = (int8_t)(dark ? 1 : -1)};
    light_at(&fit->light, grid, (float)u + 0.5F, (float)v + 0.5F, &f->middle, &f->half);
}

static void add_finders(struct fit *fit, const struct grid *grid)
{
    int far = grid->size - 7;

    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) {
            add(fit, grid, u, v, finder_module(u, v));
            add(fit, grid, far - 1 + u, v, finder_module(u - 1, v));
            add(fit, grid, u, far - 1 + v, finder_module(u, v - 1));
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
                    add(fit, grid, at[j] + du, at[i] + dv,
                        abs(du) == 2 || abs(dv) == 2 || (du == 0 && dv == 0));
        }
}

void fit_start(struct fit *fit, const struct plane *plane, const struct grid *grid)
{
    fit->plane = plane;
    fit->n = 0;
    light_measure(&fit->light, plane, grid);
    for (int i = 8; i < grid->size - 8; i++) {
        add(fit, grid, i, 6, i % 2 == 0);
        add(fit, grid, 6, i, i % 2 == 0);
    }
    add_finders(fit, grid);
    add_alignment(fit, grid);
    fit->whole_step = grid->size <= 45 ? 1 : grid->size <= 89 ? 2 : 3;
}

static float agreement(const struct fit *fit, const struct grid *grid, int n)
{
    float sum = 0;

    for (int i = 0; i < n; i++) {
        const struct fixed *f = &fit->fixed[i];
        float level = sample_at(fit->plane, grid, (float)f->u + 0.5F, (float)f->v + 0.5F);
        float darkness = (f->middle - level) / f->half;

        darkness = darkness > 1 ? 1 : darkness < -1 ? -1 : darkness;
        sum += f->dark > 0 ? darkness : -darkness;
    }
    return sum / (float)n;
}

float fit_score(const struct fit *fit, const struct grid *grid)
{
    return agreement(fit, grid, fit->n);
}

float fit_timing(const struct fit *fit, const struct grid *grid)
{
    return agreement(fit, grid, 2 * (grid->size - 16));
}

float fit_crispness(const struct fit *fit, const struct grid *grid)
{
    float sum = 0;
    int n = 0;

    for (int v = 0; v < grid->size; v += fit->whole_step)
        for (int u = 0; u < grid->size; u += fit->whole_step) {
            float middle, half, away;

            light_at(&fit->light, grid, (float)u + 0.5F, (float)v + 0.5F, &middle, &half);
            away = fabsf(sample_at(fit->plane, grid, (float)u + 0.5F, (float)v + 0.5F) - middle);
            sum += away < half ? away / half : 1;
            n++;
        }
    return sum / (float)n;
}

/* By how much a parameter changes for a shift of `step` modules. */
static float stride(const struct grid *grid, int parameter, float step)
{
    if (parameter == GRID_W_RIGHT || parameter == GRID_W_BELOW)
        return step / (float)(grid->size - 7);
    return step * grid_module(grid);
}

static float goal(const struct fit *fit, const struct grid *grid, float crispness, long *spent)
{
    float score = fit_score(fit, grid);

    *spent += 34L * fit->n;
    if (crispness > 0) {
        score += crispness * fit_crispness(fit, grid);
        *spent += 50L * grid->size * grid->size / (fit->whole_step * fit->whole_step);
    }
    return score;
}

float fit_climb(const struct fit *fit, struct grid *grid, int n_parameters, float step,
                int n_sweeps, float crispness, long *spent)
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

bool fit_corner(const struct fit *fit, struct grid *grid, float reach, long *spent)
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

void fit_bow(const struct fit *fit, struct grid *grid, long *spent)
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
