/* Whole pictures: what must be read, what must not, and what it may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/decode/scanner.h"
#include "kiosk/finder/finder.h"
#include "tests/unit/kiosk/finder/synthetic.h"

#include <string.h>

/* 122 characters: the longest code of ours. */
#define LONG                                                                                       \
    "P1ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJKLMNOPQR" \
    "STUVWXYZ0123456789ABCDEFGHIJKL"

#define LIVE_IDLE 8000000L /* instructions, by the finder's own count */
#define LIVE_MAX  60000000L

static struct scanner *scanner;
static struct scanner_text texts[SCANNER_TEXTS_MAX];

static int make_scanner(void **state)
{
    return scanner_new(&scanner);
}

static int drop_scanner(void **state)
{
    scanner = scanner_free(scanner);
    return 0;
}

static struct gray gray_of(const struct plane *plane)
{
    return (struct gray){(uint8_t *)plane->pixels, (size_t)plane->width * (size_t)plane->height,
                         (uint32_t)plane->width, (uint32_t)plane->height};
}

static int search(const struct plane *plane)
{
    struct gray gray = gray_of(plane);

    return scanner_search(scanner, &gray, FINDER_ALL, GRID_SIZE_MAX, texts);
}

static int watch(const struct plane *plane)
{
    struct gray gray = gray_of(plane);

    return scanner_read(scanner, &gray, FRAME_WISH_CODES, texts);
}

static const struct {
    const char *what;
    struct synthetic s;
} readable[] = {
    {"plain", {.text = LONG}},
    {"turned", {.text = LONG, .turn = 33}},
    {"tilted", {.text = LONG, .turn = 15, .tilt = 50, .module = 6}},
    {"small", {.text = LONG, .module = 2.3, .turn = 5}},
    {"large", {.text = "P2 LARGE", .module = 14, .turn = 7}},
    {"dark mode", {.text = LONG, .dark = 220, .light = 30, .around = 20}},
    {"dimmed", {.text = LONG, .dark = 12, .light = 34, .around = 20, .noise = 2}},
    {"in a lamp's light", {.text = LONG, .slope = 200, .light = 120, .dark = 10}},
    {"blurred", {.text = LONG, .blur = 1.6, .module = 4}},
    {"noisy", {.text = LONG, .noise = 45, .module = 5}},
    {"on a bottle", {.text = LONG, .bow = 9, .module = 6}},
    {"without a quiet zone", {.text = LONG, .quiet = -1, .around = 190}},
    {"version 1", {.text = "V1", .turn = 60, .tilt = 30}},
    {"version 25", {.text = "V25", .version = 25, .module = 3}},
    {"version 40", {.text = "V40", .version = 40, .module = 2.5}},
};

static void test_reads_what_a_shop_shows(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(readable); i++) {
        struct plane plane;
        uint8_t *pixels = synthetic_draw(&readable[i].s, &plane, NULL);
        int n = search(&plane);

        if (n != 1)
            print_error("%s: %d texts\n", readable[i].what, n);
        assert_int_equal(n, 1);
        assert_string_equal(texts[0].text, readable[i].s.text);
        free(pixels);
    }
}

/* A camera held on a code: within six frames, none dearer than allowed. */
static void test_live_reads_within_six_frames(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(readable); i++) {
        struct plane plane;
        uint8_t *pixels;
        int n = 0;

        if (readable[i].s.version > 10)
            continue;
        pixels = synthetic_draw(&readable[i].s, &plane, NULL);
        for (int frame = 0; frame < 6 && n == 0; frame++) {
            n = watch(&plane);
            assert_true(finder_spent(scanner_finder(scanner)) <= LIVE_MAX);
        }
        if (n != 1)
            print_error("%s: not read\n", readable[i].what);
        assert_int_equal(n, 1);
        assert_string_equal(texts[0].text, readable[i].s.text);
        free(pixels);
    }
}

static void test_reads_nothing_where_nothing_is(void **state)
{
    struct synthetic stripes = {.text = "P1", .module = 0.01};
    struct plane plane;
    uint8_t *pixels = synthetic_noise(640, 480, &plane);

    assert_int_equal(search(&plane), 0);
    for (int i = 0; i < 12; i++)
        assert_int_equal(watch(&plane), 0);
    free(pixels);
    pixels = synthetic_draw(&stripes, &plane, NULL);
    assert_int_equal(search(&plane), 0);
    free(pixels);
}

/* Tiny, thin and even pictures, whatever a camera may hand over. */
static void test_odd_sizes(void **state)
{
    static const int sides[] = {1, 2, 3, 7, 39, 81, 4096};
    static uint8_t pixels[4096 * 81];

    for (size_t i = 0; i < ELEMENTSOF(sides); i++)
        for (size_t j = 0; j < ELEMENTSOF(sides); j++) {
            struct plane plane = {pixels, sides[i], sides[j]};

            if (sides[i] * sides[j] > (int)sizeof(pixels))
                continue;
            assert_int_equal(search(&plane), 0);
            assert_int_equal(watch(&plane), 0);
        }
}

static void test_an_idle_frame_is_cheap(void **state)
{
    struct synthetic s = {.text = "P1", .module = 0.01, .noise = 3, .slope = 60};
    struct plane plane;
    _cleanup_free_ _unused_ uint8_t *pixels = synthetic_draw(&s, &plane, NULL);

    for (int i = 0; i < 20; i++) {
        assert_int_equal(watch(&plane), 0);
        if (i >= 14) /* the dear stages have been tried */
            assert_true(finder_spent(scanner_finder(scanner)) <= LIVE_IDLE);
    }
}

/* Tiles of finder patterns, made to keep a decoder busy. */
static void test_tiled_patterns_cost_no_more_than_allowed(void **state)
{
    static uint8_t pixels[640 * 480];
    const struct plane plane = {pixels, 640, 480};

    for (int y = 0; y < 480; y++)
        for (int x = 0; x < 640; x++) {
            int u = x / 3 % 9 - 4, v = y / 3 % 9 - 4, ring = abs(u) > abs(v) ? abs(u) : abs(v);

            pixels[y * 640 + x] = ring < 2 || ring == 3 ? 0 : 255;
        }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(watch(&plane), 0);
        assert_true(finder_spent(scanner_finder(scanner)) <= LIVE_MAX);
    }
}

/* A code held still is found where it was, without a search. */
static void test_the_last_place_is_remembered(void **state)
{
    struct synthetic s = {.text = LONG, .turn = 12};
    struct plane plane;
    uint8_t *pixels = synthetic_draw(&s, &plane, NULL);
    long first, again;

    for (int i = 0; i < 6 && watch(&plane) == 0; i++)
        ;
    first = finder_spent(scanner_finder(scanner));
    assert_int_equal(watch(&plane), 1);
    again = finder_spent(scanner_finder(scanner));
    assert_int_equal(scanner_sight(scanner)->n_finders, 0); /* not even searched */
    assert_true(again < first);
    free(pixels);
    s.x = 0.3;
    pixels = synthetic_draw(&s, &plane, NULL); /* moved away: found anew */
    assert_int_equal(watch(&plane) + watch(&plane) > 0, 1);
    free(pixels);
}

static void test_two_codes_in_one_picture(void **state)
{
    struct synthetic left = {.text = "LEFT", .module = 4, .x = 0.25};
    struct synthetic right = {.text = "RIGHT", .module = 5, .x = 0.75};
    struct plane a, b;
    uint8_t *pixels = synthetic_draw(&left, &a, NULL), *other = synthetic_draw(&right, &b, NULL);

    for (int y = 0; y < 480; y++)
        memcpy(pixels + y * 640 + 320, other + y * 640 + 320, 320);
    assert_int_equal(search(&a), 2);
    free(pixels);
    free(other);
}

static void test_sight(void **state)
{
    struct synthetic s = {.text = LONG, .module = 6};
    struct plane plane;
    const struct sight *sight = scanner_sight(scanner);
    uint8_t *pixels = synthetic_draw(&s, &plane, NULL);

    assert_int_equal(search(&plane), 1);
    assert_int_equal(sight->n_texts, 1);
    assert_true(sight->n_finders >= 3 && sight->n_triples >= 1 && sight->n_grids >= 1);
    assert_float_equal(sight->module_px, 6, 0.3);
    assert_float_equal(sight->size_px, 222, 8);
    assert_float_equal(sight->x, 320, 4);
    assert_float_equal(sight->contrast, 170, 25);
    assert_true(sight->sharpness > 0.8F);
    assert_false(sight->inverted);
    assert_false(sight->touches_border);
    free(pixels);
    s = (struct synthetic){
        .text = LONG, .module = 6, .x = 0.18, .blur = 3, .dark = 250, .light = 10};
    pixels = synthetic_draw(&s, &plane, NULL);
    search(&plane);
    assert_true(sight->touches_border);
    assert_true(sight->inverted);
    assert_true(sight->sharpness < 0.4F);
    free(pixels);
    pixels = synthetic_draw(&(struct synthetic){.text = "P1", .module = 0.01, .around = 253},
                            &plane, NULL);
    assert_int_equal(search(&plane), 0);
    assert_int_equal(sight->n_finders, 0);
    assert_int_equal(sight->mean, 253);
    assert_true(sight->saturated_share > 0.99F);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_what_a_shop_shows, make_scanner, drop_scanner),
        cmocka_unit_test_setup_teardown(test_live_reads_within_six_frames, make_scanner,
                                        drop_scanner),
        cmocka_unit_test_setup_teardown(test_reads_nothing_where_nothing_is, make_scanner,
                                        drop_scanner),
        cmocka_unit_test_setup_teardown(test_odd_sizes, make_scanner, drop_scanner),
        cmocka_unit_test_setup_teardown(test_an_idle_frame_is_cheap, make_scanner, drop_scanner),
        cmocka_unit_test_setup_teardown(test_tiled_patterns_cost_no_more_than_allowed, make_scanner,
                                        drop_scanner),
        cmocka_unit_test_setup_teardown(test_the_last_place_is_remembered, make_scanner,
                                        drop_scanner),
        cmocka_unit_test_setup_teardown(test_two_codes_in_one_picture, make_scanner, drop_scanner),
        cmocka_unit_test_setup_teardown(test_sight, make_scanner, drop_scanner),
    };

    return cmocka_run_group_tests_name("finder", tests, NULL, NULL);
}
