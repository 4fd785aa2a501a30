/* Every screen in every language, portrait and landscape: complete, readable, within its box. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/ui/scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define N_DOORS 24

static const struct scene_size sizes[] = {{1080, 1920}, {1280, 800}, {480, 800}};
static const char *const outcomes[] = {
    "unknown", "forged",       "other_branch", "other_bank",  "not_stocked", "too_early",
    "expired", "cancelled",    "transferred",  "collected",   "held",        "id_check",
    "clock",   "out_of_order", "busy",         "number_slip", "number_wait", "refused",
};

struct bench {
    struct door table[N_DOORS];
    struct doors doors;
    cairo_surface_t *surface;
    cairo_t *cairo;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        return -1;
    for (unsigned i = 0; i < N_DOORS; i++)
        bench->table[i] =
            (struct door){.number = i + 1, .column = i / 8 + 1, .row = i % 8 + 1, .rows = 1};
    bench->doors = (struct doors){.items = bench->table, .n = N_DOORS};
    bench->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1920, 1920);
    bench->cairo = cairo_create(bench->surface);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    cairo_destroy(bench->cairo);
    cairo_surface_destroy(bench->surface);
    free(bench);
    return 0;
}

static struct screen_state make_state(enum screen_kind kind, enum language language,
                                      const char *outcome)
{
    struct screen_state state = {
        .kind = kind,
        .door = 24,
        .index = 2,
        .of = 3,
        .order = "HK-2026-000123",
        .display = "A. M***",
        .text = "hk-canton-2",
        .at_ms = INT64_C(1798000000000),
        .stocked = 12,
    };

    snprintf(state.language, sizeof(state.language), "%s", language_tag(language));
    snprintf(state.outcome, sizeof(state.outcome), "%s", outcome);
    return state;
}

typedef void (*check_fn)(struct bench *bench, const struct draw_list *list, const char *what);

/* Calls `check` for each screen there is. */
static void each_screen(struct bench *bench, check_fn check)
{
    for (size_t size = 0; size < ELEMENTSOF(sizes); size++)
        for (unsigned language = 0; language < LANGUAGES; language++)
            for (unsigned kind = 0; kind < SCREEN_KINDS; kind++)
                for (size_t i = 0; i < (kind == SCREEN_REFUSED ? ELEMENTSOF(outcomes) : 2); i++) {
                    struct screen_state state =
                        make_state((enum screen_kind)kind, (enum language)language, outcomes[i]);
                    struct draw_list list = {};
                    char what[128];

                    state.failed = i == 1 ? 1 : 0;
                    snprintf(what, sizeof(what), "%s %s in %s at %g x %g",
                             screen_kind_name(state.kind), outcomes[i], state.language,
                             sizes[size].width, sizes[size].height);
                    scene_build(&state, &bench->doors, sizes[size], (enum language)language, &list);
                    check(bench, &list, what);
                    draw_list_done(&list);
                }
}

static void check_fits(struct bench *bench, const struct draw_list *list, const char *what)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].kind == DRAW_TEXT && !draw_text_fits(&list->items[i], bench->cairo))
            fail_msg("%s: \"%s\" does not fit", what, list->items[i].text);
}

static void test_every_text_fits(void **state)
{
    each_screen(*state, check_fits);
}

/* Relative luminance, WCAG 2.1. */
static double luminance(uint32_t colour)
{
    static const double weights[] = {0.2126, 0.7152, 0.0722};
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        double c = ((colour >> (16 - 8 * i)) & 0xff) / 255.0;

        sum += weights[i] * (c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static void check_contrast(struct bench *bench, const struct draw_list *list, const char *what)
{
    for (size_t i = 0; i < list->n; i++) {
        double a = luminance(list->items[i].fill), b = luminance(list->items[i].ground);

        if (list->items[i].kind != DRAW_TEXT)
            continue;
        if ((fmax(a, b) + 0.05) / (fmin(a, b) + 0.05) < 7)
            fail_msg("%s: \"%s\" has too little contrast", what, list->items[i].text);
    }
}

static void test_every_text_has_contrast(void **state)
{
    each_screen(*state, check_contrast);
}

static bool overlap(const struct draw_item *a, const struct draw_item *b)
{
    return a->x < b->x + b->w - 0.5 && b->x < a->x + a->w - 0.5 && a->y < b->y + b->h - 0.5 &&
           b->y < a->y + a->h - 0.5;
}

static void check_overlap(struct bench *bench, const struct draw_list *list, const char *what)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = i + 1; k < list->n; k++)
            if (list->items[i].kind == DRAW_TEXT && list->items[k].kind == DRAW_TEXT &&
                overlap(&list->items[i], &list->items[k]))
                fail_msg("%s: \"%s\" and \"%s\" overlap", what, list->items[i].text,
                         list->items[k].text);
}

static void test_no_texts_overlap(void **state)
{
    each_screen(*state, check_overlap);
}

static void check_paints(struct bench *bench, const struct draw_list *list, const char *what)
{
    assert_int_equal(draw_paint(list, bench->cairo), 0);
}

static void test_everything_can_be_painted(void **state)
{
    each_screen(*state, check_paints);
}

/* The door's number is on the screen in large letters, whatever the language. */
static void check_marked_door(struct bench *bench, const struct draw_list *list, const char *what)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].kind == DRAW_TEXT && list->items[i].bold &&
            strcmp(list->items[i].text, "24") == 0)
            return;
    fail_msg("%s: door 24 is not marked", what);
}

static void test_the_map_marks_the_door(void **state)
{
    static const enum screen_kind kinds[] = {SCREEN_OPENING, SCREEN_TAKE, SCREEN_CLOSE,
                                             SCREEN_NOT_OPENED, SCREEN_STOCK_PLACE};
    struct bench *bench = *state;

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        struct screen_state screen = make_state(kinds[i], LANGUAGE_AR, "");
        struct draw_list list = {};

        scene_build(&screen, &bench->doors, sizes[0], LANGUAGE_EN, &list);
        check_marked_door(bench, &list, screen_kind_name(kinds[i]));
        draw_list_done(&list);
    }
}

/* No language lacks a text, and each has the placeholders of the English one. */
static void test_words_are_complete(void **state)
{
    static const char *const places[] = {"{door}", "{index}", "{of}",
                                         "{bank}", "{at}",    "{stocked}"};

    for (size_t words = 0; words < WORDS_N; words++) {
        const struct words_pair *english = &words_table[words][LANGUAGE_EN];

        for (size_t language = 0; language < LANGUAGES; language++) {
            const struct words_pair *pair = &words_table[words][language];

            assert_true(pair->title && *pair->title);
            assert_true(words == WORDS_PARCEL_OF || (pair->hint && *pair->hint));
            for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                assert_int_equal(!strstr(pair->title, places[i]),
                                 !strstr(english->title, places[i]));
                assert_int_equal(!strstr(pair->hint, places[i]), !strstr(english->hint, places[i]));
            }
            if (language != LANGUAGE_EN)
                assert_string_not_equal(pair->title, english->title);
        }
    }
}

static void test_words_are_filled_in(void **state)
{
    struct screen_state screen = {.door = 7, .text = "B", .index = 1, .of = 2};
    char text[32];

    words_fill("door {door} of {bank}, {index}/{of}, {no}", &screen, sizeof(text), text);
    assert_string_equal(text, "door 7 of B, 1/2, {no}");
    words_fill("a long sentence that does not fit at all", &screen, 8, text);
    assert_string_equal(text, "a long ");
    words_fill("{at} {", &screen, sizeof(text), text);
    assert_string_equal(text, "– {");
    setenv("TZ", "UTC", 1);
    screen.at_ms = 0 + INT64_C(86400000);
    words_fill("{at}", &screen, sizeof(text), text);
    assert_string_equal(text, "1970-01-02\u00a000:00");
}

/* Staff look codes up: each refusal has its own. */
static void test_staff_codes_are_unique(void **state)
{
    const char *codes[ELEMENTSOF(outcomes)];

    for (size_t i = 0; i < ELEMENTSOF(outcomes); i++) {
        struct screen_state screen = make_state(SCREEN_REFUSED, LANGUAGE_EN, outcomes[i]);

        codes[i] = words_staff_code(&screen);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(codes[i], codes[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_every_text_fits),
        TEST(test_every_text_has_contrast),
        TEST(test_no_texts_overlap),
        TEST(test_everything_can_be_painted),
        TEST(test_the_map_marks_the_door),
        cmocka_unit_test(test_words_are_complete),
        cmocka_unit_test(test_words_are_filled_in),
        cmocka_unit_test(test_staff_codes_are_unique),
    };

    return cmocka_run_group_tests_name("scene", tests, NULL, NULL);
}
