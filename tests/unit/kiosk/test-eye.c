/* What may leave the decoder, and when: texts by their form, bar codes that two pictures agree on,
 * measurements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/test-card.h"
#include "kiosk/decode/agree.h"
#include "kiosk/decode/eye.h"

#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

/* 120 characters of Base45. */
#define BODY                                                                                       \
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ "           \
    "$%*+-./:0123456789ABCDEFGHIJKLMNOPQRST"

static enum wanted kind(const char *text)
{
    unsigned card;

    return wanted_kind(text, strlen(text), &card);
}

static void test_form_of_our_codes(void **state)
{
    char text[200], card_text[TEST_CARD_CHARACTERS + 1];
    unsigned card = 99;

    assert_int_equal(strlen(BODY), 120);
    assert_int_equal(kind("P1" BODY), WANTED_OURS);
    assert_int_equal(kind("S1" BODY), WANTED_OURS);
    snprintf(text, sizeof(text), "P2%.42s", BODY);
    assert_int_equal(kind(text), WANTED_OURS);
    assert_int_equal(kind("P3" BODY), WANTED_FOREIGN);
    assert_int_equal(kind("P1" BODY "0"), WANTED_FOREIGN);
    assert_int_equal(kind("P2" BODY), WANTED_FOREIGN);
    snprintf(text, sizeof(text), "P1%.119sa", BODY); /* Base45 has no small letters */
    assert_int_equal(kind(text), WANTED_FOREIGN);
    assert_int_equal(kind("P1"), WANTED_FOREIGN);
    assert_int_equal(kind(""), WANTED_FOREIGN);
    assert_int_equal(kind("https://example.org/"), WANTED_FOREIGN);
    for (unsigned i = 0; i < TEST_CARD_CODES; i++) {
        test_card_text(i, card_text);
        assert_int_equal(wanted_kind(card_text, strlen(card_text), &card), WANTED_CARD);
        assert_int_equal(card, i);
    }
    card_text[50] = card_text[50] == 'A' ? 'B' : 'A';
    assert_int_equal(kind(card_text), WANTED_FOREIGN);
}

static void test_two_reads_agree(void **state)
{
    struct agree agree = {};

    assert_false(agree_see(&agree, "4006381333931", 1));
    assert_false(agree_see(&agree, "4006381333931", 1)); /* the same picture */
    assert_true(agree_see(&agree, "4006381333931", 2));
    assert_false(agree_see(&agree, "phantom", 3));
    assert_false(agree_see(&agree, "phantom", 3 + AGREE_FRAMES)); /* too long ago */
    assert_true(agree_see(&agree, "phantom", 4 + AGREE_FRAMES));
    for (uint64_t i = 0; i < 2 * AGREE_TEXTS; i++) {
        char text[8];

        snprintf(text, sizeof(text), "n%u", (unsigned)i);
        assert_false(agree_see(&agree, text, 100 + i));
    }
    assert_true(agree_see(&agree, "n15", 117));
}

/* ---- pictures ---- */

static struct gray blank(uint32_t width, uint32_t height)
{
    struct gray gray = {};

    assert_int_equal(gray_resize(&gray, width, height), 0);
    memset(gray.pixels, 230, (size_t)width * height);
    return gray;
}

static void draw_code(struct gray *gray, const char *text, uint32_t at_x, uint32_t at_y,
                      uint32_t scale)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    uint32_t side = (uint32_t)code->width * scale;

    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++)
            if (code->data[y / scale * (uint32_t)code->width + x / scale] & 1)
                gray->pixels[(at_y + y) * gray->width + at_x + x] = 20;
    QRcode_free(code);
}

/* Bars and spaces in turn, each of so many modules, beginning with a bar; three pixels a module. */
static void draw_bars(struct gray *gray, const char *widths, uint32_t at_y)
{
    uint32_t x = 60;

    for (size_t i = 0; widths[i]; i++)
        for (int k = 0; k < (widths[i] - '0') * 3; k++, x++)
            for (uint32_t y = at_y; y < at_y + 60 && i % 2 == 0; y++)
                gray->pixels[y * gray->width + x] = 20;
}

static void look(struct eye *eye, const struct gray *gray, enum frame_wish wish,
                 struct eye_view *ret_view)
{
    const struct frame frame = {.format = FRAME_GREY,
                                .width = gray->width,
                                .height = gray->height,
                                .stride = gray->width,
                                .data = gray->pixels,
                                .n_bytes = (size_t)gray->width * gray->height};

    eye_look(eye, 0, &frame, wish, ret_view);
    assert_int_equal(ret_view->error, 0);
}

static bool holds(const struct eye_view *view, const char *text)
{
    for (uint32_t i = 0; i < view->n_texts; i++)
        if (strcmp(view->texts[i].text, text) == 0)
            return true;
    return false;
}

/* Shows one code at a time, some pictures long, until something is found out about it. */
static void show(struct eye *eye, const char *text, enum frame_wish wish, struct eye_view *ret_view)
{
    struct gray gray = blank(640, 480);

    draw_code(&gray, text, 180, 100, 6);
    for (int i = 0; i < 6; i++) {
        look(eye, &gray, wish, ret_view);
        if (ret_view->n_texts > 0 || ret_view->n_foreign > 0 || ret_view->cards != 0)
            break;
    }
    gray_done(&gray);
}

/* A payment code and the test card: a customer's scan gives neither. */
static void test_customers_see_only_ours(void **state)
{
    _cleanup_(eye_freep) struct eye *eye = NULL;
    static const char payment[] = "https://example.org/pay?amount=1";
    char card[TEST_CARD_CHARACTERS + 1];
    struct eye_view view;

    test_card_text(3, card);
    assert_int_equal(eye_new(&eye), 0);
    show(eye, "P1" BODY, FRAME_WISH_CODES, &view);
    assert_int_equal(view.n_texts, 1);
    assert_true(holds(&view, "P1" BODY));
    show(eye, payment, FRAME_WISH_CODES, &view);
    assert_int_equal(view.n_texts, 0);
    assert_int_equal(view.n_foreign, 1);
    show(eye, card, FRAME_WISH_CODES, &view);
    assert_int_equal(view.n_texts + view.n_foreign, 0);
    assert_int_equal(view.cards, 1 << 3);
    show(eye, payment, FRAME_WISH_LABELS, &view);
    assert_true(holds(&view, payment));
    show(eye, "S1" BODY, FRAME_WISH_LABELS, &view);
    assert_true(holds(&view, "S1" BODY));
}

/* The bars of EAN-13 2900077120015, of "ABCD" in Code 128 (ISO/IEC 15417) and of "A1B2" in Code 39
 * (ISO/IEC 16388) with a wide bar of three. */
static void test_staff_see_labels_after_two_pictures(void **state)
{
    _cleanup_(eye_freep) struct eye *eye = NULL;
    static const char ean13[] = "111"
                                "3112"
                                "3211"
                                "1123"
                                "1123"
                                "1312"
                                "2131" /* guard, 9 0 0 0 7 7 */
                                "11111"
                                "2221"
                                "2122"
                                "3211"
                                "3211"
                                "2221"
                                "1231"
                                "111"; /* guard, 1 2 0 0 1 5, guard */
    static const char code128[] = "211214"
                                  "111323"
                                  "131123"
                                  "131321"
                                  "112313"
                                  "112133"
                                  "2331112";
    static const char code39[] = "1311313111"
                                 "3111131131"
                                 "3113111131"
                                 "1131131131"
                                 "1133111131"
                                 "131131311";
    struct gray gray = blank(800, 400);
    struct eye_view view;

    draw_bars(&gray, ean13, 40);
    draw_bars(&gray, code128, 160);
    draw_bars(&gray, code39, 280);
    assert_int_equal(eye_new(&eye), 0);
    look(eye, &gray, FRAME_WISH_CODES, &view);
    look(eye, &gray, FRAME_WISH_CODES, &view);
    assert_int_equal(view.n_texts + view.n_foreign, 0);
    look(eye, &gray, FRAME_WISH_LABELS, &view);
    assert_int_equal(view.n_texts, 0);
    look(eye, &gray, FRAME_WISH_LABELS, &view);
    assert_true(holds(&view, "2900077120015"));
    assert_true(holds(&view, "ABCD"));
    assert_true(holds(&view, "A1B2"));
    gray_done(&gray);
}

static void test_a_picture_that_cannot_be_looked_at(void **state)
{
    _cleanup_(eye_freep) struct eye *eye = NULL;
    static const uint8_t bytes[100] = {0xff, 0xd8, 0xff};
    const struct frame jpeg = {.format = FRAME_JPEG, .data = bytes, .n_bytes = sizeof(bytes)};
    const struct frame torn = {.format = FRAME_YUYV,
                               .width = 640,
                               .height = 480,
                               .stride = 1280,
                               .data = bytes,
                               .n_bytes = sizeof(bytes)};
    struct eye_view view;

    assert_int_equal(eye_new(&eye), 0);
    eye_look(eye, 0, &jpeg, FRAME_WISH_CODES, &view);
    assert_int_equal(view.error, -EBADMSG);
    eye_look(eye, 0, &torn, FRAME_WISH_CODES, &view);
    assert_int_equal(view.error, -EBADMSG);
    assert_int_equal(view.n_texts, 0);
}

/* ---- measurements ---- */

static void test_sharpness_follows_the_edge(void **state)
{
    struct gray gray = blank(200, 40);
    struct measure sharp, soft;

    for (uint32_t i = 0; i < 200 * 40; i++)
        gray.pixels[i] = i % 200 < 100 ? 40 : 200;
    measure_gray(&gray, &sharp);
    for (uint32_t i = 0; i < 200 * 40; i++) {
        int x = (int)(i % 200) - 92;

        gray.pixels[i] = (uint8_t)(40 + (x < 0 ? 0 : x > 16 ? 160 : x * 10));
    }
    measure_gray(&gray, &soft);
    assert_true(sharp.sharpness > 0.95f && sharp.sharpness < 1.05f);
    assert_true(soft.sharpness < 0.3f && soft.sharpness > 0.2f);
    assert_true(sharp.mean > 119 && sharp.mean < 121);
    memset(gray.pixels, 255, 200 * 20);
    measure_gray(&gray, &sharp);
    assert_true(sharp.clipped > 0.49f && sharp.clipped < 0.51f);
    gray_done(&gray);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_of_our_codes),
        cmocka_unit_test(test_two_reads_agree),
        cmocka_unit_test(test_customers_see_only_ours),
        cmocka_unit_test(test_staff_see_labels_after_two_pictures),
        cmocka_unit_test(test_a_picture_that_cannot_be_looked_at),
        cmocka_unit_test(test_sharpness_follows_the_edge),
    };

    return cmocka_run_group_tests_name("eye", tests, NULL, NULL);
}
