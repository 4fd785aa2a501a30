/* frames-soak: many pictures through everything that is done with a frame, to see that nothing is
 * read that is not there, nothing grows, nothing crashes. Seeded; ends with 1 at the first wrong
 * text.
 *
 * Making a picture takes longer than reading it, so there is a store of originals (codes under all
 * conditions, negatives, given files) and every frame is one of them, moved, made brighter or
 * darker, noisy, or with broken JPEG bytes. */
#include "common/cleanup.h"
#include "kiosk/decode/eye.h"
#include "tests/generator/sequence.h"
#include "tests/generator/shop.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <malloc.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <turbojpeg.h>

#define WIDTH      640
#define HEIGHT     480
#define PIXELS     (WIDTH * HEIGHT)
#define ORIGINALS  600
#define FILES      1000
#define GROWTH_MAX (8 * 1024 * 1024) /* bytes of heap between a tenth of the run and its end */

struct original {
    uint8_t *gray; /* WIDTH * HEIGHT, or NULL: `jpeg` is a file of any size */
    uint8_t *jpeg;
    size_t n_jpeg;
    char text[200]; /* "" = it holds no code that may be read */
    bool any;       /* it may hold codes that are not ours: nothing may leave a customer's scan */
    char name[300];
};

struct soak {
    struct original *originals;
    size_t n;
    struct eye *eye;
    struct eye_view view;
    tjhandle tj;
    uint8_t *gray;
    unsigned char *jpeg;
    unsigned long n_jpeg;
    uint64_t read, silent, broken, wrong;
};

/* ---- originals ---- */

static int add_sequence(struct original *original, uint64_t seed)
{
    enum condition condition = (enum condition)(seed % CONDITIONS);
    struct sequence *sequence;

    if (sequence_new(condition, seed, WIDTH, HEIGHT, &sequence) < 0)
        return -ENOMEM;
    sequence_frame(sequence, (unsigned)(seed % 7), original->gray);
    snprintf(original->text, sizeof(original->text), "%s", sequence_text(sequence));
    snprintf(original->name, sizeof(original->name), "%s %llu", condition_name(condition),
             (unsigned long long)seed);
    sequence_free(sequence);
    return 0;
}

static int add_negative(struct original *original, uint64_t seed)
{
    enum shop_negative negative = (enum shop_negative)(seed / 3 % SHOP_NEGATIVES);
    struct dice dice = {seed};
    struct canvas canvas;

    if (canvas_init(&canvas, WIDTH, HEIGHT) < 0)
        return -ENOMEM;
    shop_paint_negative(negative, &canvas, &dice);
    canvas_finish(&canvas, 3, &dice, original->gray);
    canvas_done(&canvas);
    snprintf(original->name, sizeof(original->name), "%s %llu", shop_negative_name(negative),
             (unsigned long long)seed);
    return 0;
}

/* A part of a text that is spread over several codes (ISO/IEC 18004, structured append): zbar with
 * its cache on aborts at one. Several of them may be read as one text, in any way. */
static int add_split_code(struct original *original, uint64_t seed)
{
    char text[300];
    QRcode_List *parts;
    uint32_t scale = 4 + (uint32_t)(seed % 3);

    memset(text, 'A' + (int)(seed % 26), sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    parts = QRcode_encodeStringStructured(text, 5, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!parts)
        return -ENOMEM;
    memset(original->gray, 220, PIXELS);
    for (uint32_t y = 0; y < (uint32_t)parts->code->width * scale; y++)
        for (uint32_t x = 0; x < (uint32_t)parts->code->width * scale; x++)
            if (parts->code->data[y / scale * (uint32_t)parts->code->width + x / scale] & 1)
                original->gray[(40 + y) * WIDTH + 60 + x] = 25;
    QRcode_List_free(parts);
    original->any = true;
    snprintf(original->name, sizeof(original->name), "structured append %llu",
             (unsigned long long)seed);
    return 0;
}

static int add_original(struct original *original, uint64_t seed)
{
    original->gray = malloc(PIXELS);
    if (!original->gray)
        return -ENOMEM;
    if (seed % 97 == 0)
        return add_split_code(original, seed);
    return seed % 3 == 0 ? add_negative(original, seed) : add_sequence(original, seed);
}

static int add_file(struct original *original, const char *path, size_t n)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    original->jpeg = malloc(n + 1);
    if (!original->jpeg)
        return -ENOMEM;
    if (read(fd, original->jpeg, n) != (ssize_t)n)
        return -EIO;
    original->n_jpeg = n;
    original->any = true;
    snprintf(original->name, sizeof(original->name), "%s", path);
    return 0;
}

/* The JPEG files below a folder, at most FILES. */
static int add_files(struct soak *soak, char *folder)
{
    char *const folders[] = {folder, NULL};
    FTS *files = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *file;
    size_t end = soak->n + FILES;
    int r = 0;

    if (!files)
        return -errno;
    while (r == 0 && soak->n < end && (file = fts_read(files)))
        if (file->fts_info == FTS_F && strstr(file->fts_name, ".jpg"))
            r = add_file(&soak->originals[soak->n++], file->fts_path,
                         (size_t)file->fts_statp->st_size);
    fts_close(files);
    return r;
}

static int collect(struct soak *soak, char *folder)
{
    int r = 0;

    soak->originals = calloc(ORIGINALS + FILES, sizeof(*soak->originals));
    if (!soak->originals)
        return -ENOMEM;
    for (uint64_t seed = 1; seed <= ORIGINALS && r == 0; seed++)
        r = add_original(&soak->originals[soak->n++], seed);
    return r < 0 || !folder ? r : add_files(soak, folder);
}

/* ---- frames ---- */

/* Moved by some pixels, with another brightness and contrast, and new noise. */
static void vary(const struct original *original, struct dice *dice, uint8_t *gray)
{
    long dx = (long)(dice_bits(dice) % 33) - 16, dy = (long)(dice_bits(dice) % 33) - 16;
    int gain = 200 + (int)(dice_bits(dice) % 112), offset = (int)(dice_bits(dice) % 41) - 20;
    uint64_t noise = 0;

    for (long y = 0; y < HEIGHT; y++) {
        long from_y = y + dy < 0 ? 0 : y + dy >= HEIGHT ? HEIGHT - 1 : y + dy;

        for (long x = 0; x < WIDTH; x++) {
            long from_x = x + dx < 0 ? 0 : x + dx >= WIDTH ? WIDTH - 1 : x + dx;
            int tone = original->gray[from_y * WIDTH + from_x];

            noise = x % 16 == 0 ? dice_bits(dice) : noise >> 4;
            tone = tone * gain / 256 + offset + (int)(noise & 7) - 3;
            gray[y * WIDTH + x] = (uint8_t)(tone < 0 ? 0 : tone > 255 ? 255 : tone);
        }
    }
}

/* Some bytes changed, some lost, the end cut off. */
static void break_bytes(struct dice *dice, uint8_t *bytes, size_t *n)
{
    unsigned changes = 1 + (unsigned)(dice_bits(dice) % 12);

    for (unsigned i = 0; i<changes && * n> 4; i++)
        bytes[dice_bits(dice) % *n] = (uint8_t)dice_bits(dice);
    if (dice_bits(dice) % 3 == 0)
        *n = 1 + dice_bits(dice) % *n;
}

static int make_frame(struct soak *soak, const struct original *original, struct dice *dice,
                      struct frame *ret_frame, bool *ret_broken)
{
    _cleanup_free_ uint8_t *bytes = NULL;
    size_t n;

    *ret_broken = dice_bits(dice) % 8 == 0;
    *ret_frame = (struct frame){.format = FRAME_GREY,
                                .width = WIDTH,
                                .height = HEIGHT,
                                .stride = WIDTH,
                                .data = soak->gray,
                                .n_bytes = PIXELS};
    if (original->gray) {
        vary(original, dice, soak->gray);
        if (!*ret_broken && dice_bits(dice) % 4 != 0)
            return 0;
        if (tjCompress2(soak->tj, soak->gray, WIDTH, 0, HEIGHT, TJPF_GRAY, &soak->jpeg,
                        &soak->n_jpeg, TJSAMP_GRAY, 30 + (int)(dice_bits(dice) % 70), 0) < 0)
            return -ENOMEM;
        n = soak->n_jpeg;
    } else {
        n = original->n_jpeg;
    }
    /* A buffer of exactly that size, so that a step beyond its end is seen. */
    bytes = malloc(n);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, original->gray ? soak->jpeg : original->jpeg, n);
    if (*ret_broken)
        break_bytes(dice, bytes, &n);
    ret_frame->format = FRAME_JPEG;
    ret_frame->n_bytes = n;
    ret_frame->data = TAKE_PTR(bytes);
    return 0;
}

static void judge(struct soak *soak, const struct original *original, enum frame_wish wish,
                  uint64_t number)
{
    soak->read += soak->view.n_texts > 0;
    soak->silent += soak->view.n_texts == 0;
    if (original->any && wish == FRAME_WISH_LABELS)
        return;
    for (uint32_t i = 0; i < soak->view.n_texts; i++) {
        if (strcmp(soak->view.texts[i].text, original->text) == 0)
            continue;
        soak->wrong++;
        printf("wrong: picture %llu, %s: read \"%s\", there is \"%s\"\n",
               (unsigned long long)number, original->name, soak->view.texts[i].text,
               original->text);
    }
}

static int one(struct soak *soak, uint64_t number)
{
    struct dice dice = {number * 2654435761U + 99};
    const struct original *original = &soak->originals[dice_bits(&dice) % soak->n];
    enum frame_wish wish = dice_bits(&dice) % 4 == 0 ? FRAME_WISH_LABELS : FRAME_WISH_CODES;
    struct frame frame;
    bool broken;
    int r = make_frame(soak, original, &dice, &frame, &broken);

    if (r < 0)
        return r;
    eye_look(soak->eye, (unsigned)(number % FRAME_LANES_MAX), &frame, wish, &soak->view);
    soak->broken += broken;
    if (frame.data != soak->gray)
        free((void *)frame.data);
    judge(soak, original, wish, number);
    return 0;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();

    return heap.uordblks + heap.hblkhd; /* 0 under a sanitizer, which has its own */
}

static int run(struct soak *soak, uint64_t n)
{
    size_t before = 0, after;
    int r = 0;

    for (uint64_t i = 0; i < n && r == 0 && soak->wrong == 0; i++) {
        if (i == n / 10)
            before = heap_bytes();
        r = one(soak, i);
        if (i % 10000 == 9999) {
            fprintf(stderr, "%llu pictures\n", (unsigned long long)(i + 1));
            fflush(stderr);
        }
    }
    after = heap_bytes();
    printf("%llu pictures of %zu originals: %llu with texts, %llu without, %llu of broken bytes, "
           "%llu wrong; heap %zu KB after a tenth, %zu KB at the end\n",
           (unsigned long long)n, soak->n, (unsigned long long)soak->read,
           (unsigned long long)soak->silent, (unsigned long long)soak->broken,
           (unsigned long long)soak->wrong, before / 1024, after / 1024);
    if (r == 0 && after > before + GROWTH_MAX) {
        puts("wrong: the heap has grown");
        r = -ENOMEM;
    }
    return soak->wrong > 0 ? -EBADMSG : r;
}

static void soak_done(struct soak *soak)
{
    for (size_t i = 0; i < soak->n; i++) {
        free(soak->originals[i].gray);
        free(soak->originals[i].jpeg);
    }
    free(soak->originals);
    free(soak->gray);
    eye_free(soak->eye);
    tjFree(soak->jpeg);
    tjDestroy(soak->tj);
}

int main(int argc, char **argv)
{
    struct soak soak = {.tj = tjInitCompress(), .gray = malloc(PIXELS)};
    int r = -EINVAL;

    if (argc < 2 || argc > 3 || atoll(argv[1]) < 1)
        fputs("frames-soak N [FOLDER of JPEG files]\n", stderr);
    else if (!soak.tj || !soak.gray || (r = eye_new(&soak.eye)) < 0 ||
             (r = collect(&soak, argc == 3 ? argv[2] : NULL)) < 0 ||
             (r = run(&soak, (uint64_t)atoll(argv[1]))) < 0)
        fprintf(stderr, "frames-soak: %s\n", strerror(r < 0 ? -r : ENOMEM));
    soak_done(&soak);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
