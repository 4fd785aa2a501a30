/* The finder step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/finder/alignment.h"
#include "kiosk/finder/canonical.h"
#include "kiosk/finder/fit.h"
#include "kiosk/finder/format.h"
#include "kiosk/finder/mask.h"
#include "kiosk/finder/pyramid.h"
#include "kiosk/finder/triple.h"
#include "kiosk/finder/variant.h"
#include "tests/unit/kiosk/finder/synthetic.h"

#include "common/cleanup.h"

#include <math.h>
#include <string.h>

static void test_pyramid(void **state)
{
    static const uint8_t pixels[] = {0, 4, 8, 8, 9, 4, 8, 8, 8, 9};
    const struct plane small = {pixels, 5, 2};
    struct plane picture;
    _cleanup_free_ uint8_t *noise = synthetic_noise(200, 100, &picture);
    struct pyramid pyramid = {};
    uint8_t half[2], doubled[40];

    pyramid_halve(&small, half);
    assert_int_equal(half[0], 4);
    assert_int_equal(half[1], 8);
    pyramid_double(&small, doubled);
    assert_int_equal(doubled[0], 0); /* the corner has no neighbours */
    assert_int_equal(doubled[1], 1); /* a quarter of the way from 0 to 4 */
    assert_int_equal(doubled[11], (9 * 0 + 3 * 4 + 3 * 4 + 8 + 8) / 16);
    assert_int_equal(pyramid_start(&pyramid, &picture), 0);
    assert_ptr_equal(pyramid_level(&pyramid, 0)->pixels, noise);
    assert_int_equal(pyramid_level(&pyramid, 1)->width, 100);
    assert_null(pyramid_level(&pyramid, 2)); /* 25 rows are too few */
    pyramid_done(&pyramid);
}

static bool is_dark(const struct plane *plane, int x, int y, int radius, int floor)
{
    int sum = 0, n = 0;

    for (int v = y - radius; v <= y + radius; v++)
        for (int u = x - radius; u <= x + radius; u++)
            if (u >= 0 && v >= 0 && u < plane->width && v < plane->height) {
                sum += plane->pixels[v * plane->width + u];
                n++;
            }
    return (plane->pixels[y * plane->width + x] + floor) * n < sum;
}

/* The running sums say what a plain mean says, at the borders too. */
static void test_mask_is_the_plain_mean(void **state)
{
    static const int radii[] = {1, 5, 20, 60};
    struct plane plane;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_noise(61, 43, &plane);
    struct mask mask = {};

    for (size_t i = 0; i < ELEMENTSOF(radii); i++) {
        assert_int_equal(mask_make(&mask, &plane, radii[i], 5), 0);
        for (int y = 0; y < plane.height; y++)
            for (int x = 0; x < plane.width; x++)
                assert_int_equal(mask.dark[y * plane.width + x],
                                 is_dark(&plane, x, y, radii[i], 5));
    }
    mask_done(&mask);
}

static int count_corners(const struct patterns *patterns, const struct grid *grid)
{
    int n = 0;

    for (int i = 0; i < 3; i++) {
        struct point at = {grid->p[(int[]){GRID_CORNER_X, GRID_RIGHT_X, GRID_BELOW_X}[i]],
                           grid->p[(int[]){GRID_CORNER_Y, GRID_RIGHT_Y, GRID_BELOW_Y}[i]]};

        for (int j = 0; j < patterns->n; j++)
            if (hypotf(patterns->items[j].middle.x - at.x, patterns->items[j].middle.y - at.y) <
                    2 &&
                patterns->items[j].inverted == grid->inverted) {
                n++;
                break;
            }
    }
    return n;
}

static void test_patterns_at_any_turn_and_polarity(void **state)
{
    struct mask mask = {};

    for (int turn = 0; turn < 360; turn += 20) {
        struct synthetic s = {.text = "P1 PATTERNS", .turn = turn, .tilt = turn % 40};
        struct patterns patterns = {};
        struct plane plane;
        struct grid grid;
        uint8_t *pixels;

        if (turn % 60 == 0) {
            s.dark = 200;
            s.light = 60;
        }
        pixels = synthetic_draw(&s, &plane, &grid);
        assert_int_equal(mask_make(&mask, &plane, 20, 5), 0);
        patterns_find(&patterns, &mask, 1, 2);
        if (count_corners(&patterns, &grid) != 3)
            print_error("turned by %d degrees\n", turn);
        assert_int_equal(count_corners(&patterns, &grid), 3);
        free(pixels);
    }
    mask_done(&mask);
}

static void test_triple_knows_corner_size_and_depth(void **state)
{
    struct synthetic s = {.text = "P1", .version = 5, .turn = 75, .tilt = 40};
    struct mask mask = {};
    struct patterns patterns = {};
    struct triples triples = {};
    struct plane plane;
    struct grid grid;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, &grid);
    const struct triple *t = &triples.items[0];

    assert_int_equal(mask_make(&mask, &plane, 20, 5), 0);
    patterns_find(&patterns, &mask, 1, 1);
    triples_find(&triples, &patterns, GRID_SIZE_MAX);
    assert_true(triples.n > 0);
    assert_float_equal(patterns.items[t->corner].middle.x, grid.p[GRID_CORNER_X], 1.5);
    assert_float_equal(patterns.items[t->right].middle.y, grid.p[GRID_RIGHT_Y], 1.5);
    assert_float_equal(patterns.items[t->below].middle.x, grid.p[GRID_BELOW_X], 1.5);
    assert_float_equal(t->size, 37, 2.5);
    assert_float_equal(t->w_right, grid.p[GRID_W_RIGHT], 0.08);
    assert_float_equal(t->w_below, grid.p[GRID_W_BELOW], 0.08);
    mask_done(&mask);
}

static void test_grid(void **state)
{
    static const int annex_e[][GRID_MESH_MAX + 1] = {
        {2, 6, 18},
        {7, 6, 22, 38},
        {15, 6, 26, 48, 70},
        {22, 6, 26, 50, 74, 98},
        {32, 6, 34, 60, 86, 112, 138},
        {36, 6, 24, 50, 76, 102, 128, 154},
        {39, 6, 26, 54, 82, 110, 138, 166},
        {40, 6, 30, 58, 86, 114, 142, 170},
    };
    struct grid grid = {.size = 37,
                        .p = {[GRID_CORNER_X] = 10,
                              [GRID_CORNER_Y] = 20,
                              [GRID_RIGHT_X] = 110,
                              [GRID_RIGHT_Y] = 25,
                              [GRID_BELOW_X] = 5,
                              [GRID_BELOW_Y] = 120,
                              [GRID_W_RIGHT] = 1,
                              [GRID_W_BELOW] = 1}};
    struct point at = {120, 140}, seen;
    int places[GRID_MESH_MAX];

    for (size_t i = 0; i < ELEMENTSOF(annex_e); i++) {
        int n = grid_alignment(annex_e[i][0], places);

        assert_memory_equal(places, annex_e[i] + 1, (size_t)n * sizeof(int));
        assert_true(n == GRID_MESH_MAX || annex_e[i][n + 1] == 0);
    }
    assert_int_equal(grid_version(37), 5);
    assert_int_equal(grid_version(38), -1);
    assert_int_equal(grid_version(181), -1);
    assert_true(grid_is_sound(&grid));
    assert_true(grid_pin(&grid, 30.5F, 30.5F, at));
    seen = grid_point(&grid, 30.5F, 30.5F);
    assert_float_equal(seen.x, at.x, 0.01);
    assert_float_equal(seen.y, at.y, 0.01);
    seen = grid_point(&grid, 33.5F, 3.5F); /* pinning moves no corner */
    assert_float_equal(seen.x, 110, 0.01);
    grid.p[GRID_RIGHT_X] = -90; /* seen from behind */
    assert_false(grid_is_sound(&grid));
}

/* What format_draw() draws is what libqrencode has there, in every version. */
static void test_fixed_modules_are_the_standards(void **state)
{
    for (int version = 1; version <= 40; version++) {
        int size;
        _cleanup_free_ uint8_t *modules = synthetic_modules("P1", version, &size);
        _cleanup_free_ uint8_t *copy = malloc((size_t)size * (size_t)size);
        struct format format;

        memcpy(copy, modules, (size_t)size * (size_t)size);
        format_find(modules, size, &format);
        assert_int_equal(format.distance, 0);
        assert_int_equal(format_timing_wrong(modules, size), 0);
        format_draw(copy, size, &format);
        assert_memory_equal(copy, modules, (size_t)size * (size_t)size);
    }
}

static void test_format_with_errors_and_in_a_mirror(void **state)
{
    int size;
    _cleanup_free_ uint8_t *modules = synthetic_modules("P1 MIRROR", 3, &size);
    _cleanup_free_ uint8_t *mirror = malloc((size_t)size * (size_t)size);
    struct format format;

    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++)
            mirror[u * size + v] = modules[v * size + u];
    mirror[8 * size + 2] ^= 1;
    mirror[3 * size + 8] ^= 1;
    mirror[8 * size + size - 2] ^= 1;
    format_find(mirror, size, &format);
    assert_true(format.mirrored);
    assert_int_equal(format.distance, 3);
    assert_int_equal(format.nearest, 1);
    format_draw(mirror, size, &format);
    assert_memory_equal(mirror, modules, (size_t)size * (size_t)size);
}

/* Every rule gives the code back from a clean picture; the sharp ones from a blurred one. */
static void test_variants(void **state)
{
    struct synthetic s = {.text = "P1 VARIANTS", .turn = 33, .slope = 40};
    int size;
    _cleanup_free_ uint8_t *modules = synthetic_modules(s.text, 0, &size);
    float values[29 * 29], scratch[3 * 29 * 29];
    uint8_t dark[29 * 29];

    assert_true(size <= 29);
    for (int blurred = 0; blurred < 2; blurred++) {
        struct plane plane;
        struct grid grid;
        struct light light;
        uint8_t *pixels;
        int wrong[VARIANTS] = {};

        s.blur = blurred ? 2.6 : 0;
        pixels = synthetic_draw(&s, &plane, &grid);
        sample_grid(&plane, &grid, values);
        light_measure(&light, &plane, &grid);
        for (enum variant i = 0; i < VARIANTS; i++) {
            variant_make(i, values, &grid, &light, scratch, dark);
            for (int j = 0; j < size * size; j++)
                wrong[i] += dark[j] != modules[j];
            if (!blurred)
                assert_int_equal(wrong[i], 0);
        }
        if (blurred) {
            assert_true(wrong[VARIANT_EVEN] > 0); /* else the blur is too weak to tell */
            assert_true(wrong[VARIANT_VERY_SHARP] <= 1);
            assert_true(wrong[VARIANT_SHARP] < wrong[VARIANT_LOCAL]);
        }
        free(pixels);
    }
}

static void test_fit_climbs_back(void **state)
{
    struct synthetic s = {.text = "P1 CLIMB", .version = 5, .turn = 10, .tilt = 30};
    struct plane plane;
    struct grid truth, grid;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, &truth);
    static struct fit fit;
    struct point seen, want = grid_point(&truth, 37, 37);
    long spent = 0;

    grid = truth;
    grid.p[GRID_CORNER_X] += 3;
    grid.p[GRID_BELOW_Y] -= 3;
    grid.p[GRID_W_RIGHT] *= 1.02F;
    fit_start(&fit, &plane, &grid);
    assert_true(fit_score(&fit, &grid) < 0.8F);
    assert_true(fit_climb(&fit, &grid, GRID_FLAT, 0.5F, 12, 0.5F, &spent) > 0.9F);
    seen = grid_point(&grid, 37, 37);
    assert_float_equal(seen.x, want.x, 2.5);
    assert_float_equal(seen.y, want.y, 2.5);
    assert_true(spent > 0);
}

/* The far corner is two modules off, with nothing there but data. */
static void test_the_corner_without_a_pattern(void **state)
{
    struct synthetic s = {.text = "P1 CORNER", .version = 1, .module = 8};
    struct plane plane;
    struct grid truth, grid;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, &truth);
    struct point want = grid_point(&truth, 17.5F, 17.5F), seen = want;
    static struct fit fit;
    long spent = 0;

    grid = truth;
    assert_true(grid_pin(&grid, 17.5F, 17.5F, (struct point){want.x + 14, want.y - 12}));
    fit_start(&fit, &plane, &grid);
    assert_true(fit_corner(&fit, &grid, 3, &spent));
    seen = grid_point(&grid, 17.5F, 17.5F);
    assert_float_equal(seen.x, want.x, 5);
    assert_float_equal(seen.y, want.y, 5);
}

static void test_alignment_is_found_and_pins_the_depth(void **state)
{
    struct synthetic s = {.text = "P1", .version = 5, .turn = 20, .tilt = 45};
    struct plane plane;
    struct grid truth, flat;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, &truth);
    struct point want = grid_point(&truth, 30.5F, 30.5F), seen;
    long spent = 0;

    flat = truth;
    flat.p[GRID_W_RIGHT] = flat.p[GRID_W_BELOW] = 1;
    assert_true(alignment_find(&plane, &flat, 170, 30.5F, 30.5F, 5, &seen, &spent) > 0.6F);
    assert_float_equal(seen.x, want.x, 1.5);
    assert_float_equal(seen.y, want.y, 1.5);
    assert_true(grid_pin(&flat, 30.5F, 30.5F, seen));
    assert_float_equal(flat.p[GRID_W_RIGHT], truth.p[GRID_W_RIGHT], 0.05);
    assert_float_equal(flat.p[GRID_W_BELOW], truth.p[GRID_W_BELOW], 0.05);
}

/* A bent code of version 10: the mesh knows where its middle went. */
static void test_mesh_follows_a_bow(void **state)
{
    struct synthetic s = {.text = "P1", .version = 10, .bow = 8};
    struct plane plane;
    struct grid grid, truth;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, &grid);
    struct point before = grid_point(&grid, 28.5F, 50.5F), after;
    long spent = 0;

    truth = grid;
    assert_true(alignment_mesh(&plane, &grid, 170, &spent) >= 3);
    after = grid_point(&grid, 28.5F, 50.5F);
    assert_float_equal(after.y - before.y, 8, 2);
    assert_float_equal(grid_point(&truth, 28.5F, 50.5F).y, before.y, 0.01);
}

static void test_canonical(void **state)
{
    int size;
    _cleanup_free_ uint8_t *modules = synthetic_modules("P1", 1, &size);
    static uint8_t pixels[CANONICAL_SIDE_MAX * CANONICAL_SIDE_MAX];
    struct plane picture;

    canonical_draw(modules, size, 3, pixels, &picture);
    assert_int_equal(picture.width, (21 + 8) * 3);
    assert_int_equal(picture.pixels[0], 255);
    for (int v = 0; v < size; v++)
        for (int u = 0; u < size; u++)
            assert_int_equal(picture.pixels[((v + 4) * 3 + 2) * picture.width + (u + 4) * 3],
                             modules[v * size + u] ? 0 : 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pyramid),
        cmocka_unit_test(test_mask_is_the_plain_mean),
        cmocka_unit_test(test_patterns_at_any_turn_and_polarity),
        cmocka_unit_test(test_triple_knows_corner_size_and_depth),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_fixed_modules_are_the_standards),
        cmocka_unit_test(test_format_with_errors_and_in_a_mirror),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_fit_climbs_back),
        cmocka_unit_test(test_the_corner_without_a_pattern),
        cmocka_unit_test(test_alignment_is_found_and_pins_the_depth),
        cmocka_unit_test(test_mesh_follows_a_bow),
        cmocka_unit_test(test_canonical),
    };

    return cmocka_run_group_tests_name("finder steps", tests, NULL, NULL);
}
