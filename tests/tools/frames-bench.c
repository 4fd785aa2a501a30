/* frames-bench: what a camera picture costs, and after how many pictures a code is read.
 * tests/bench/frames.py runs it and makes tables of what it prints (JSON lines). */
#include "common/cleanup.h"
#include "kiosk/decode/eye.h"
#include "tests/generator/sequence.h"
#include "tests/generator/shop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <turbojpeg.h>
#include <zbar.h>

#define FRAMES_MAX 10 /* of a sequence */
#define PICTURES   8  /* different ones, seen in turn */

/* ---- the decoders, each in a function that callgrind can be told to count alone ---- */

struct engines {
    struct eye *eye;
    struct eye_view view;
    zbar_image_scanner_t *zbar;
};

__attribute__((noinline)) static void measured_ours(struct engines *engines,
                                                    const struct frame *frame)
{
    eye_look(engines->eye, 0, frame, FRAME_WISH_CODES, &engines->view);
}

/* As most programs use zbar: all as it comes, no code sought but QR. */
__attribute__((noinline)) static void measured_zbar(struct engines *engines,
                                                    const struct frame *frame)
{
    zbar_image_t *image = zbar_image_create();

    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, frame->width, frame->height);
    zbar_image_set_data(image, frame->data, frame->n_bytes, NULL);
    zbar_scan_image(engines->zbar, image);
    zbar_image_destroy(image);
}

static int engines_new(struct engines *engines)
{
    int r = eye_new(&engines->eye);

    engines->zbar = zbar_image_scanner_create();
    if (r < 0 || !engines->zbar)
        return r < 0 ? r : -ENOMEM;
    zbar_image_scanner_set_config(engines->zbar, 0, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(engines->zbar, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    return 0;
}

static void engines_done(struct engines *engines)
{
    eye_free(engines->eye);
    zbar_image_scanner_destroy(engines->zbar);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- cost ---- */

/* Picture `i` of a kind: "idle", "clutter" (everything that a shop can hold) or "code". */
static int paint(const char *kind, unsigned i, long width, long height, uint8_t *gray)
{
    struct dice dice = {i + 1};
    struct sequence *sequence;
    struct canvas canvas;

    if (strcmp(kind, "code") == 0) {
        if (sequence_new(CONDITION_PLAIN, i, width, height, &sequence) < 0)
            return -ENOMEM;
        sequence_frame(sequence, 0, gray);
        sequence_free(sequence);
        return 0;
    }
    if (canvas_init(&canvas, width, height) < 0)
        return -ENOMEM;
    shop_paint_negative(strcmp(kind, "idle") == 0 ? SHOP_IDLE
                                                  : (enum shop_negative)(SHOP_SHELF + i % 4),
                        &canvas, &dice);
    canvas_finish(&canvas, 3, &dice, gray);
    canvas_done(&canvas);
    return 0;
}

/* Looks at each picture `repeats` times in a row, as a camera does; prints the time of each look.
 */
static int cost(const char *engine, const char *kind, long width, long height, unsigned repeats)
{
    size_t n = (size_t)(width * height);
    _cleanup_free_ uint8_t *gray = malloc(n);
    struct engines engines = {};
    int r = gray ? engines_new(&engines) : -ENOMEM;

    for (unsigned i = 0; i < PICTURES && r == 0; i++) {
        const struct frame frame = {.format = FRAME_GREY,
                                    .width = (uint32_t)width,
                                    .height = (uint32_t)height,
                                    .stride = (uint32_t)width,
                                    .data = gray,
                                    .n_bytes = n};

        r = paint(kind, i, width, height, gray);
        for (unsigned k = 0; k < repeats && r == 0; k++) {
            double start_ms = now_ms();

            if (strcmp(engine, "ours") == 0)
                measured_ours(&engines, &frame);
            else
                measured_zbar(&engines, &frame);
            printf("{\"ms\":%.4f}\n", now_ms() - start_ms);
        }
    }
    engines_done(&engines);
    return r;
}

/* ---- sequences ---- */

struct stream {
    tjhandle tj;
    unsigned char *jpeg;
    unsigned long n_jpeg;
};

static bool encode(struct stream *stream, const uint8_t *gray, long width, long height, int quality)
{
    return tjCompress2(stream->tj, gray, (int)width, 0, (int)height, TJPF_GRAY, &stream->jpeg,
                       &stream->n_jpeg, TJSAMP_GRAY, quality, 0) == 0;
}

/* Shows a sequence until its code is read. Returns how many pictures that took; FRAMES_MAX + 1 when
 * they were not enough, 0 when something else was read. */
static unsigned watch(struct sequence *sequence, struct eye *eye, struct stream *stream,
                      uint8_t *gray, long width, long height)
{
    static struct eye_view view;

    for (unsigned i = 0; i < FRAMES_MAX; i++) {
        struct frame frame = {.format = FRAME_JPEG};

        sequence_frame(sequence, i, gray);
        if (!encode(stream, gray, width, height, sequence_look(sequence)->quality))
            return FRAMES_MAX + 1;
        frame.data = stream->jpeg;
        frame.n_bytes = stream->n_jpeg;
        eye_look(eye, 0, &frame, FRAME_WISH_LABELS, &view);
        for (uint32_t k = 0; k < view.n_texts; k++)
            if (strcmp(view.texts[k].text, sequence_text(sequence)) != 0)
                return 0;
        if (view.n_texts > 0)
            return i + 1;
    }
    return FRAMES_MAX + 1;
}

/* One line a sequence. Each begins without a memory of the one before. */
static int sequences(enum condition condition, uint64_t first, uint64_t n, long width, long height)
{
    _cleanup_free_ uint8_t *gray = malloc((size_t)(width * height));
    struct stream stream = {.tj = tjInitCompress()};
    int r = gray && stream.tj ? 0 : -ENOMEM;

    for (uint64_t seed = first; seed < first + n && r == 0; seed++) {
        struct sequence *sequence;
        struct eye *eye;

        if (sequence_new(condition, seed, width, height, &sequence) < 0 || eye_new(&eye) < 0)
            return -ENOMEM;
        printf(
            "{\"condition\":\"%s\",\"seed\":%llu,\"module_px\":%.2f,\"tilt\":%.1f,\"frames\":%u}\n",
            condition_name(condition), (unsigned long long)seed,
            sequence_look(sequence)->pose.module_px, sequence_look(sequence)->pose.tilt,
            watch(sequence, eye, &stream, gray, width, height));
        eye_free(eye);
        sequence_free(sequence);
    }
    tjFree(stream.jpeg);
    tjDestroy(stream.tj);
    return r;
}

int main(int argc, char **argv)
{
    int r = -EINVAL;

    if (argc == 7 && strcmp(argv[1], "cost") == 0)
        r = cost(argv[2], argv[3], atol(argv[4]), atol(argv[5]), (unsigned)atol(argv[6]));
    else if (argc == 7 && strcmp(argv[1], "sequences") == 0 && condition_find(argv[2]) < CONDITIONS)
        r = sequences(condition_find(argv[2]), (uint64_t)atoll(argv[3]), (uint64_t)atoll(argv[4]),
                      atol(argv[5]), atol(argv[6]));
    else
        fputs("frames-bench cost ours|zbar idle|clutter|code WIDTH HEIGHT REPEATS\n"
              "frames-bench sequences CONDITION FIRST_SEED COUNT WIDTH HEIGHT\n",
              stderr);
    if (r < 0)
        fprintf(stderr, "frames-bench: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
