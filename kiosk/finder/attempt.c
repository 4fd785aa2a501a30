#include "kiosk/finder/attempt.h"

#include "kiosk/finder/alignment.h"
#include "kiosk/finder/format.h"
#include "kiosk/finder/variant.h"

#include <math.h>
#include <string.h>

#define ZBAR_MODULE     2 /* pixels: what zbar reads of a drawn code without a miss */
#define RECTIFY_MODULE  4
#define CORNER_LOOKS    140 /* of fit_goal_cost(): 81 places, then a climb */
#define BOW_LOOKS       140
#define CONTRAST_MIN    5 /* gray levels */
#define SCORE_MIN_ROUGH 0.15F

/* Instructions, about, that zbar takes for a picture of so many pixels (valgrind). */
static long read_cost(int side)
{
    return 260L * side * side + 1000000;
}

static uint64_t hash(const uint8_t *bytes, int n)
{
    uint64_t h = 0xcbf29ce484222325U; /* FNV-1a */

    for (int i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3U;
    return h;
}

/* Whether these modules were given to zbar before; remembers them. */
static bool seen_before(struct attempt *a, int size)
{
    uint64_t h = hash(a->dark, size * size);

    for (int i = 0; i < a->n_seen && i < ATTEMPT_SEEN; i++)
        if (a->seen[i] == h)
            return true;
    a->seen[a->n_seen++ % ATTEMPT_SEEN] = h;
    return false;
}

static int give(struct attempt *a, const struct plane *picture)
{
    a->spent += read_cost(picture->width);
    a->n_reads++;
    if (a->show)
        a->show(a->show_userdata, "canonical", picture, NULL, 0);
    return a->read(a->userdata, picture);
}

/* The sampled modules in a->values, judged by one rule. */
static int read_variant(struct attempt *a, const struct grid *grid, enum variant variant)
{
    struct format format;
    struct plane picture;
    int size = grid->size;

    variant_make(variant, a->values, grid, &a->fit.light, a->scratch, a->dark);
    a->spent += 150L * size * size;
    format_find(a->dark, size, &format);
    if (format.distance > 9 && format.nearest > 1)
        return 0;
    if (format_timing_wrong(a->dark, size) > 35)
        return 0;
    a->n_grids++;
    format_draw(a->dark, size, &format);
    if (seen_before(a, size))
        return 0;
    canonical_draw(a->dark, size, ZBAR_MODULE, a->pixels, &picture);
    return give(a, &picture);
}

static void show_grid(struct attempt *a, const struct plane *plane, const struct grid *grid)
{
    struct point marks[2048];
    int n = 0;

    if (!a->show)
        return;
    for (int v = 0; v < grid->size; v++)
        for (int u = v % 2; u < grid->size && n < 2048; u += 2)
            marks[n++] = grid_point(grid, (float)u + 0.5F, (float)v + 0.5F);
    a->show(a->show_userdata, "grid", plane, marks, n);
}

static int read_grid(struct attempt *a, const struct plane *plane, const struct grid *grid,
                     enum variant from, enum variant to)
{
    int n = 0;

    if ((a->steps & FINDER_VARIANT) == 0)
        to = from + 1;
    sample_grid(plane, grid, a->values);
    show_grid(a, plane, grid);
    light_measure(&a->fit.light, plane, grid);
    a->spent += 70L * grid->size * grid->size + 12000;
    for (enum variant i = from; i < to && n == 0 && a->spent < a->budget; i++)
        n = read_variant(a, grid, i);
    return n;
}

/* The level on which a module has 2 to 4 pixels: one sample there is the mean of a module's middle.
 */
static const struct plane *choose_level(struct attempt *a, const struct grid *grid,
                                        float *ret_factor)
{
    float module = grid_module(grid);
    const struct plane *plane;
    int level = 0;

    while (module >= 4.4F && level + 1 < a->pyramid->n_levels) {
        module /= 2;
        level++;
    }
    plane = pyramid_level(a->pyramid, level);
    *ret_factor = 1.0F / (float)(1 << level);
    return plane;
}

static void pin_alignment(struct attempt *a, const struct plane *plane, struct grid *grid)
{
    float at = (float)grid->size - 6.5F, before = fit_score(&a->fit, grid);
    struct grid pinned = *grid;
    struct point seen;

    if (grid->size < GRID_SIZE(2) || (a->steps & FINDER_ALIGN) == 0)
        return;
    if (alignment_find(plane, grid, light_contrast(&a->fit.light), at, at,
                       2.5F + 0.06F * (float)grid->size, &seen, &a->spent) < 0.55F)
        return;
    if (grid_pin(&pinned, at, at, seen) && grid_is_sound(&pinned) &&
        fit_score(&a->fit, &pinned) > before - 0.03F)
        *grid = pinned;
}

/* Whether so many looks of a fit still fit into the budget. */
static bool affords(const struct attempt *a, const struct grid *grid, int n_looks)
{
    return a->spent + n_looks * fit_goal_cost(&a->fit, grid) < a->budget;
}

/* After the plain tries failed: bent codes, and the corner that nothing but its modules shows. */
static int read_harder(struct attempt *a, const struct plane *plane, struct grid *grid)
{
    struct plane picture;
    int n = 0;

    grid->n_mesh = 0;
    if (a->steps & FINDER_CORNER && affords(a, grid, CORNER_LOOKS)) {
        fit_corner(&a->fit, grid, 3.0F, &a->spent);
        fit_climb(&a->fit, grid, GRID_FLAT, 0.5F, 5, 0.8F, &a->spent);
        n = read_grid(a, plane, grid, VARIANT_LOCAL, VARIANTS);
    }
    if (n == 0 && a->steps & FINDER_BOW && affords(a, grid, BOW_LOOKS)) {
        fit_bow(&a->fit, grid, &a->spent);
        fit_climb(&a->fit, grid, GRID_PARAMETERS, 0.4F, 6, 0.8F, &a->spent);
        if (grid->size >= GRID_SIZE(7) && a->steps & FINDER_MESH)
            alignment_mesh(plane, grid, light_contrast(&a->fit.light), &a->spent);
        n = read_grid(a, plane, grid, VARIANT_LOCAL, VARIANTS);
    }
    if (n == 0 && a->steps & FINDER_RECTIFY &&
        a->spent + read_cost(RECTIFY_MODULE * (grid->size + 8)) < a->budget) {
        canonical_rectify(plane, grid, &a->fit.light, RECTIFY_MODULE, a->pixels, &picture);
        a->spent += 110L * picture.width * picture.width;
        n = give(a, &picture);
    }
    return n;
}

static int read_level(struct attempt *a, const struct plane *plane, struct grid *grid,
                      struct outcome *outcome)
{
    int n;

    fit_start(&a->fit, plane, grid);
    a->spent += fit_start_cost(&a->fit);
    outcome->contrast = light_contrast(&a->fit.light);
    outcome->score = fit_score(&a->fit, grid);
    if (outcome->contrast < CONTRAST_MIN || outcome->score < SCORE_MIN_ROUGH)
        return 0;
    pin_alignment(a, plane, grid);
    if (a->steps & FINDER_FIT)
        outcome->score = fit_climb(&a->fit, grid, GRID_FLAT, 0.5F, 6, 0, &a->spent);
    if (outcome->score < ATTEMPT_SCORE_MIN)
        return 0;
    if (grid->size >= GRID_SIZE(7) && a->steps & FINDER_MESH)
        alignment_mesh(plane, grid, outcome->contrast, &a->spent);
    n = read_grid(a, plane, grid, VARIANT_LOCAL, VARIANT_EVEN);
    if (n == 0 && a->spent < a->budget)
        n = read_harder(a, plane, grid);
    return n;
}

void attempt_grid(struct attempt *a, const struct grid *grid, struct outcome *ret_outcome)
{
    struct outcome outcome = {.grid = *grid};
    float factor;
    const struct plane *plane = choose_level(a, grid, &factor);

    grid_scale(&outcome.grid, factor);
    outcome.n_texts = read_level(a, plane, &outcome.grid, &outcome);
    grid_scale(&outcome.grid, 1 / factor);
    *ret_outcome = outcome;
}

static void start_grid(const struct patterns *patterns, const struct triple *triple, int size,
                       struct grid *ret_grid)
{
    const struct pattern *corner = &patterns->items[triple->corner];
    const struct pattern *right = &patterns->items[triple->right];
    const struct pattern *below = &patterns->items[triple->below];

    *ret_grid = (struct grid){
        .size = size,
        .inverted = corner->inverted,
        .p =
            {
                [GRID_CORNER_X] = corner->middle.x,
                [GRID_CORNER_Y] = corner->middle.y,
                [GRID_RIGHT_X] = right->middle.x,
                [GRID_RIGHT_Y] = right->middle.y,
                [GRID_BELOW_X] = below->middle.x,
                [GRID_BELOW_Y] = below->middle.y,
                [GRID_W_RIGHT] = triple->w_right,
                [GRID_W_BELOW] = triple->w_below,
            },
    };
    if (triple->w_right + triple->w_below < 1.2F)
        ret_grid->p[GRID_W_RIGHT] = ret_grid->p[GRID_W_BELOW] = 1;
}

/* The sizes near the estimate, the one first whose timing patterns agree best. */
static int rank_sizes(struct attempt *a, const struct patterns *patterns,
                      const struct triple *triple, struct grid ret_grids[2])
{
    int nearest = 17 + 4 * (int)lroundf((triple->size - 17) / 4);
    int reach = 1 + (int)(triple->size / 50), n = 0;
    float scores[2] = {-9, -9};

    for (int i = -reach; i <= reach; i++) {
        struct grid grid, scaled;
        float factor, score;
        const struct plane *plane;
        int size = nearest + 4 * i;

        if (grid_version(size) < 0 || size > a->size_max)
            continue;
        start_grid(patterns, triple, size, &grid);
        if (!grid_is_sound(&grid))
            continue;
        plane = choose_level(a, &grid, &factor);
        scaled = grid;
        grid_scale(&scaled, factor);
        fit_start_timing(&a->fit, plane, &scaled);
        a->spent += fit_start_cost(&a->fit);
        score = fit_timing(&a->fit, &scaled) - 0.05F * fabsf(triple->size - (float)size) / 4;
        if (score > scores[0]) {
            ret_grids[1] = ret_grids[0];
            scores[1] = scores[0];
            ret_grids[0] = grid;
            scores[0] = score;
        } else if (score > scores[1]) {
            ret_grids[1] = grid;
            scores[1] = score;
        }
        n++;
    }
    return n > 2 ? 2 : n;
}

void attempt_triple(struct attempt *a, const struct patterns *patterns, const struct triple *triple,
                    struct outcome *ret_outcome)
{
    struct grid grids[2];
    int n = rank_sizes(a, patterns, triple, grids);

    *ret_outcome = (struct outcome){};
    for (int i = 0; i < n && ret_outcome->n_texts == 0 && a->spent < a->budget; i++) {
        struct outcome outcome;

        attempt_grid(a, &grids[i], &outcome);
        if (i == 0 || outcome.n_texts > 0 || outcome.score > ret_outcome->score)
            *ret_outcome = outcome;
    }
}
