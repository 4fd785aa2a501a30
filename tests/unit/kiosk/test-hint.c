/* What somebody is told whose code is not read, and that the screen keeps calm about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/hint.h"

#include <math.h>
#include <string.h>

#define PICTURE_US UINT64_C(66000)
#define S          UINT64_C(1000000)

/* A code in the middle of a picture of 1280 by 720, large, sharp and well lit. */
static struct eye_view good(void)
{
    return (struct eye_view){
        .measure = {.width = 1280, .height = 720, .mean = 90, .clipped = 0.01f},
        .sight = {.n_finders = 3,
                  .n_triples = 1,
                  .size_px = 300,
                  .module_px = 8,
                  .contrast = 150,
                  .sharpness = 0.8f},
    };
}

static struct eye_view nobody(void)
{
    return (struct eye_view){.measure = {.width = 1280, .height = 720, .mean = 90}};
}

/* `n` pictures of one kind; returns what is shown after the last. */
static enum hint see(struct hint_state *state, struct eye_view view, unsigned n, uint64_t *at_us)
{
    enum hint hint = HINT_NONE;

    for (unsigned i = 0; i < n; i++)
        hint = hint_step(state, &view, *at_us += PICTURE_US);
    return hint;
}

static void test_what_one_picture_says(void **state)
{
    struct hint_state hint = {.lamps = 0.01f};
    struct eye_view view = good();

    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
    view.sight.module_px = 1.8f;
    assert_int_equal(hint_judge(&hint, &view), HINT_CLOSER);
    view = good();
    view.sight.size_px = 700;
    view.sight.touches_border = true;
    assert_int_equal(hint_judge(&hint, &view), HINT_FARTHER);
    view.sight.size_px = 300;
    assert_int_equal(hint_judge(&hint, &view), HINT_INSIDE);
    view = good();
    view.sight.sharpness = 0.1f;
    assert_int_equal(hint_judge(&hint, &view), HINT_STILL);
    view = good();
    view.measure.clipped = 0.2f;
    assert_int_equal(hint_judge(&hint, &view), HINT_BRIGHT);
    view = good();
    view.n_foreign = 1;
    assert_int_equal(hint_judge(&hint, &view), HINT_FOREIGN);
    view.n_texts = 1;
    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
    /* Nearly all of it is outside: one large corner is left. */
    view = good();
    view.sight.n_triples = 0;
    view.sight.n_finders = 1;
    view.sight.module_px = 20;
    view.sight.size_px = 140;
    view.sight.touches_border = true;
    assert_int_equal(hint_judge(&hint, &view), HINT_FARTHER);
    view.sight.module_px = 10;
    assert_int_equal(hint_judge(&hint, &view), HINT_INSIDE);
    /* Windows, logos and shelves have squares too. */
    view.sight.n_finders = 20;
    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
    view.sight.n_finders = 1;
    view.sight.contrast = 10;
    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
    view = good();
    view.sight.n_triples = 0;
    view.sight.module_px = 1;
    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
    view = nobody();
    assert_int_equal(hint_judge(&hint, &view), HINT_NONE);
}

static void test_comes_after_a_while_and_stays_a_while(void **state)
{
    struct hint_state hint = {};
    struct eye_view small = good();
    uint64_t t = S;

    small.sight.module_px = 1.5f;
    see(&hint, nobody(), 20, &t);
    assert_int_equal(see(&hint, small, 2, &t), HINT_NONE);
    assert_int_equal(see(&hint, small, 8, &t), HINT_CLOSER);
    /* Pictures in which nothing is found come in between. */
    assert_int_equal(see(&hint, nobody(), 4, &t), HINT_CLOSER);
    assert_int_equal(see(&hint, nobody(), 60, &t), HINT_NONE);
}

static void test_read_ends_it_at_once(void **state)
{
    struct hint_state hint = {};
    struct eye_view view = good();
    uint64_t t = S;

    view.sight.sharpness = 0.1f;
    assert_int_equal(see(&hint, view, 20, &t), HINT_STILL);
    view.n_texts = 1;
    assert_int_equal(see(&hint, view, 1, &t), HINT_NONE);
    view.n_texts = 0;
    assert_int_equal(see(&hint, view, 2, &t), HINT_NONE);
}

/* Two verdicts in turn: never more than a change in a second. */
static void test_does_not_flicker(void **state)
{
    struct hint_state hint = {};
    struct eye_view small = good(), soft = good();
    enum hint before = HINT_NONE;
    unsigned changes = 0;
    uint64_t t = S;

    small.sight.module_px = 1.5f;
    soft.sight.sharpness = 0.1f;
    for (unsigned i = 0; i < 300; i++) { /* 20 seconds */
        enum hint now = see(&hint, i / 7 % 2 ? small : soft, 1, &t);

        changes += now != before;
        before = now;
    }
    assert_in_range(changes, 1, 20);
}

static void test_nobody_is_there_any_more(void **state)
{
    struct hint_state hint = {};
    struct eye_view small = good();
    uint64_t t = S;

    small.sight.module_px = 1.5f;
    assert_int_equal(see(&hint, small, 20, &t), HINT_CLOSER);
    for (unsigned i = 0; i < 40; i++) /* the camera was unplugged; the clock ticks */
        (void)hint_at(&hint, t += 250000);
    assert_int_equal(hint_at(&hint, t), HINT_NONE);
}

/* A lamp that is always in view is no phone. */
static void test_lamps_are_known(void **state)
{
    struct hint_state hint = {};
    struct eye_view lamp = nobody(), phone = nobody();
    uint64_t t = S;

    lamp.measure.clipped = 0.1f;
    phone.measure.clipped = 0.3f;
    see(&hint, lamp, 5000, &t);
    assert_int_equal(see(&hint, lamp, 1, &t), HINT_NONE);
    assert_int_equal(see(&hint, phone, 15, &t), HINT_BRIGHT);
}

/* The decoder may have been led astray. */
static void test_measurements_that_are_no_numbers(void **state)
{
    struct hint_state hint = {};
    struct eye_view view = good();
    uint64_t t = S;

    view.measure.clipped = view.sight.module_px = NAN;
    view.sight.sharpness = view.sight.size_px = NAN;
    assert_int_equal(see(&hint, view, 20, &t), HINT_NONE);
    view.sight.n_finders = 0;
    see(&hint, view, 20, &t);
    assert_true(hint.lamps >= 0);
    view = good();
    view.sight.module_px = 1.5f;
    assert_int_equal(see(&hint, view, 40, &t), HINT_CLOSER);
}

static void test_names(void **state)
{
    for (int i = 0; i < HINTS; i++)
        assert_non_null(hint_name((enum hint)i));
    assert_null(hint_name(HINTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_one_picture_says),
        cmocka_unit_test(test_comes_after_a_while_and_stays_a_while),
        cmocka_unit_test(test_read_ends_it_at_once),
        cmocka_unit_test(test_does_not_flicker),
        cmocka_unit_test(test_nobody_is_there_any_more),
        cmocka_unit_test(test_lamps_are_known),
        cmocka_unit_test(test_measurements_that_are_no_numbers),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("hint", tests, NULL, NULL);
}
