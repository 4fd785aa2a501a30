/* From a camera's bytes to texts: formats, and pictures made with libqrencode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/decode/jpeg.h"
#include "kiosk/decode/scanner.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>
#include <turbojpeg.h>

/* A code with its quiet zone, `scale` pixels a module. The caller frees `pixels`. */
static struct gray make_picture(const char *text, unsigned scale)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    struct gray gray = {};
    uint32_t side;

    assert_non_null(code);
    side = ((uint32_t)code->width + 8) * scale;
    assert_int_equal(gray_resize(&gray, side, side), 0);
    memset(gray.pixels, 255, (size_t)side * side);
    for (uint32_t y = 4 * scale; y < side - 4 * scale; y++)
        for (uint32_t x = 4 * scale; x < side - 4 * scale; x++)
            if (code->data[(y / scale - 4) * (uint32_t)code->width + x / scale - 4] & 1)
                gray.pixels[y * side + x] = 0;
    QRcode_free(code);
    return gray;
}

static void assert_reads(struct scanner *scanner, struct gray *gray, const char *text)
{
    struct scanner_text texts[SCANNER_TEXTS_MAX];

    assert_int_equal(scanner_read(scanner, gray, FRAME_WISH_CODES, texts), 1);
    assert_string_equal(texts[0].text, text);
}

static void test_reads_a_code(void **state)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct gray gray = make_picture("P1ABC $%*+-./:", 4);

    assert_int_equal(scanner_new(&scanner), 0);
    assert_reads(scanner, &gray, "P1ABC $%*+-./:");
    gray_done(&gray);
}

static void test_reads_dark_mode(void **state)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct gray gray = make_picture("DARK", 4);

    assert_int_equal(scanner_new(&scanner), 0);
    pixels_invert(&gray);
    assert_reads(scanner, &gray, "DARK");
    gray_done(&gray);
}

/* Many more than a scanner lives for, and it still reads. */
static void test_reads_on_and_on(void **state)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct gray gray = make_picture("AGAIN", 2);

    assert_int_equal(scanner_new(&scanner), 0);
    for (int i = 0; i < 2500; i++)
        assert_reads(scanner, &gray, "AGAIN");
    gray_done(&gray);
}

static void test_what_is_none_of_ours_is_left_out(void **state)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct scanner_text texts[SCANNER_TEXTS_MAX];
    char longest[SCANNER_TEXT_MAX + 2];
    struct gray gray;

    memset(longest, '7', sizeof(longest) - 1); /* digits: three in ten bits */
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(scanner_new(&scanner), 0);
    gray = make_picture(longest, 3);
    assert_int_equal(scanner_read(scanner, &gray, FRAME_WISH_LABELS, texts), 0);
    gray_done(&gray);
    longest[SCANNER_TEXT_MAX] = '\0';
    gray = make_picture(longest, 3);
    assert_int_equal(scanner_read(scanner, &gray, FRAME_WISH_LABELS, texts), 1);
    assert_string_equal(texts[0].text, longest);
    assert_int_equal(scanner_read(scanner, &gray, FRAME_WISH_CODES, texts), 0);
    gray_done(&gray);
}

/* The same ramp in each format. */
static void test_formats(void **state)
{
    static const uint8_t grey[] = {10, 20, 30, 0, 40, 50, 60, 0};
    static const uint8_t yuyv[] = {10, 1, 20, 2, 30, 3, 40, 4, 50, 5, 60, 6};
    static const uint8_t uyvy[] = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60};
    static const uint8_t expected[] = {10, 20, 30, 40, 50, 60};
    const struct frame frames[] = {
        {FRAME_GREY, 3, 2, 4, grey, sizeof(grey), 0},
        {FRAME_NV12, 3, 2, 4, grey, sizeof(grey), 0},
        {FRAME_YUYV, 3, 2, 6, yuyv, sizeof(yuyv), 0},
        {FRAME_UYVY, 3, 2, 6, uyvy, sizeof(uyvy), 0},
    };
    struct gray gray = {};

    for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
        assert_int_equal(pixels_to_gray(&frames[i], &gray), 0);
        assert_int_equal(gray.width, 3);
        assert_memory_equal(gray.pixels, expected, sizeof(expected));
    }
    gray_done(&gray);
}

static void test_short_frames_are_refused(void **state)
{
    static const uint8_t bytes[16];
    struct frame frame = {FRAME_GREY, 4, 4, 4, bytes, 16, 0};
    struct gray gray = {};

    assert_int_equal(pixels_to_gray(&frame, &gray), 0);
    frame.n_bytes = 15;
    assert_int_equal(pixels_to_gray(&frame, &gray), -EBADMSG);
    frame.n_bytes = 16;
    frame.stride = 3;
    assert_int_equal(pixels_to_gray(&frame, &gray), -EBADMSG);
    frame.stride = 4;
    frame.height = FRAME_SIDE_MAX + 1;
    assert_int_equal(pixels_to_gray(&frame, &gray), -EMSGSIZE);
    frame.height = 0;
    assert_int_equal(pixels_to_gray(&frame, &gray), -EMSGSIZE);
    gray_done(&gray);
}

static void test_halves(void **state)
{
    uint8_t pixels[] = {0, 4, 8, 8, 9, 4, 8, 8, 8, 9};
    struct gray from = {pixels, sizeof(pixels), 5, 2}, to = {};

    assert_int_equal(pixels_halve(&from, &to), 0);
    assert_int_equal(to.width, 2);
    assert_int_equal(to.height, 1);
    assert_int_equal(to.pixels[0], 4);
    assert_int_equal(to.pixels[1], 8);
    gray_done(&to);
}

static void test_jpeg(void **state)
{
    _cleanup_(jpeg_freep) struct jpeg *jpeg = NULL;
    uint8_t flat[64 * 48];
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    tjhandle tj = tjInitCompress();
    struct jpeg_outcome outcome;
    struct gray gray = {};

    memset(flat, 77, sizeof(flat));
    assert_int_equal(tjCompress2(tj, flat, 64, 0, 48, TJPF_GRAY, &bytes, &n, TJSAMP_GRAY, 90, 0),
                     0);
    assert_int_equal(jpeg_new(&jpeg), 0);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, n, FRAME_SIDE_MAX, &gray, &outcome), 0);
    assert_int_equal(gray.width, 64);
    assert_in_range(gray.pixels[100], 75, 79);
    assert_int_equal(outcome.scale, 1);
    assert_false(outcome.damaged);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, n, 32, &gray, &outcome), 0);
    assert_int_equal(outcome.scale, 2);
    assert_int_equal(gray.width, 32);
    assert_int_equal(gray.height, 24);
    assert_in_range(gray.pixels[100], 75, 79);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, n, 7, &gray, &outcome), -EMSGSIZE);
    assert_int_equal(
        jpeg_to_gray_within(jpeg, (const uint8_t *)"hello", 5, FRAME_SIDE_MAX, &gray, &outcome),
        -EBADMSG);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, 0, FRAME_SIDE_MAX, &gray, &outcome),
                     -EBADMSG);
    tjFree(bytes);
    tjDestroy(tj);
    gray_done(&gray);
}

/* The rest of a picture that is cut short must not show the picture before. */
static void test_jpeg_that_is_cut_short(void **state)
{
    _cleanup_(jpeg_freep) struct jpeg *jpeg = NULL;
    uint8_t *noise = malloc(256 * 256);
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    tjhandle tj = tjInitCompress();
    struct jpeg_outcome outcome;
    struct gray gray = {};

    for (unsigned i = 0; i < 256 * 256; i++)
        noise[i] = (uint8_t)(i * 2654435761U >> 24);
    assert_int_equal(tjCompress2(tj, noise, 256, 0, 256, TJPF_GRAY, &bytes, &n, TJSAMP_GRAY, 90, 0),
                     0);
    assert_int_equal(jpeg_new(&jpeg), 0);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, n, FRAME_SIDE_MAX, &gray, &outcome), 0);
    memset(gray.pixels, 1, 256 * 256);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, n / 2, FRAME_SIDE_MAX, &gray, &outcome), 0);
    assert_true(outcome.damaged);
    assert_int_not_equal(gray.pixels[256 * 256 - 1], 1);
    for (unsigned long k = 0; k < n; k += 37) /* whatever comes of it, it must not crash */
        (void)jpeg_to_gray_within(jpeg, bytes, k, FRAME_SIDE_MAX, &gray, &outcome);
    tjFree(bytes);
    tjDestroy(tj);
    free(noise);
    gray_done(&gray);
}

/* Motion JPEG of many cameras leaves the standard Huffman tables out. */
static void test_jpeg_without_huffman_tables(void **state)
{
    _cleanup_(jpeg_freep) struct jpeg *jpeg = NULL;
    uint8_t ramp[64 * 64];
    unsigned char *bytes = NULL;
    unsigned long n = 0, to = 2;
    tjhandle tj = tjInitCompress();
    struct jpeg_outcome outcome;
    struct gray gray = {};

    for (unsigned i = 0; i < sizeof(ramp); i++)
        ramp[i] = (uint8_t)(i % 64 * 4);
    assert_int_equal(tjCompress2(tj, ramp, 64, 0, 64, TJPF_GRAY, &bytes, &n, TJSAMP_GRAY, 90, 0),
                     0);
    /* Copies segment by segment, without DHT (ITU-T T.81, B.1.1.3), up to the scan. */
    for (unsigned long at = 2; at < n;) {
        bool scan = bytes[at + 1] == 0xda;
        unsigned long size =
            scan ? n - at : 2 + (unsigned long)(bytes[at + 2] << 8 | bytes[at + 3]);

        if (bytes[at + 1] != 0xc4) {
            memmove(bytes + to, bytes + at, size);
            to += size;
        }
        at += size;
    }
    assert_true(to < n);
    assert_int_equal(jpeg_new(&jpeg), 0);
    assert_int_equal(jpeg_to_gray_within(jpeg, bytes, to, FRAME_SIDE_MAX, &gray, &outcome), 0);
    assert_false(outcome.damaged);
    assert_in_range(gray.pixels[32], 118, 138);
    tjFree(bytes);
    tjDestroy(tj);
    gray_done(&gray);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_code),
        cmocka_unit_test(test_reads_dark_mode),
        cmocka_unit_test(test_reads_on_and_on),
        cmocka_unit_test(test_what_is_none_of_ours_is_left_out),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_short_frames_are_refused),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_that_is_cut_short),
        cmocka_unit_test(test_jpeg_without_huffman_tables),
    };

    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
