/* scan-bench: reads the pictures of a folder that has a truth.jsonl with several decoders, each
 * given the same gray pixels, and prints one JSON object a picture and decoder. tests/bench/scan.py
 * makes tables of it. With --raw it writes the pixels themselves, for decoders outside. */
#include "kiosk/decode/jpeg.h"
#include "kiosk/decode/scanner.h"
#include "kiosk/finder/finder.h"
#include "tests/tools/scan-peer.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zbar.h>

struct settings {
    const char *folder, *only;
    long width, frames;
    unsigned steps;
    bool raw, ours, zbar, zxing;
};

/* CPU time of this thread: other programs on the machine do not count. */
static double now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static int load(const char *path, struct jpeg *jpeg, struct gray *gray)
{
    _cleanup_free_ uint8_t *data = NULL;
    FILE *file = fopen(path, "rbe");
    struct stat st;
    size_t n;

    if (!file)
        return -errno;
    if (fstat(fileno(file), &st) < 0 || !(data = malloc((size_t)st.st_size + 1))) {
        fclose(file);
        return -ENOMEM;
    }
    n = fread(data, 1, (size_t)st.st_size, file);
    fclose(file);
    return jpeg_to_gray(jpeg, data, n, gray);
}

/* To `longest` pixels on the longer side, each pixel the mean of the area it covers. A smaller
 * picture stays as it is. */
static int shrink(const struct gray *from, uint32_t longest, struct gray *to)
{
    uint32_t side = from->width > from->height ? from->width : from->height;
    double scale = side > longest ? (double)side / longest : 1;
    int r = gray_resize(to, (uint32_t)(from->width / scale + 0.5),
                        (uint32_t)(from->height / scale + 0.5));

    if (r < 0)
        return r;
    if (scale <= 1) {
        memcpy(to->pixels, from->pixels, (size_t)from->width * from->height);
        return 0;
    }
    for (uint32_t y = 0; y < to->height; y++)
        for (uint32_t x = 0; x < to->width; x++) {
            double x0 = x * scale, x1 = x0 + scale, y0 = y * scale, y1 = y0 + scale;
            double sum = 0, weights = 0;

            for (uint32_t v = (uint32_t)y0; v < y1 && v < from->height; v++)
                for (uint32_t u = (uint32_t)x0; u < x1 && u < from->width; u++) {
                    double w = ((u + 1 < x1 ? u + 1 : x1) - (u > x0 ? u : x0)) *
                               ((v + 1 < y1 ? v + 1 : y1) - (v > y0 ? v : y0));

                    sum += w * from->pixels[(size_t)v * from->width + u];
                    weights += w;
                }
            to->pixels[(size_t)y * to->width + x] = (uint8_t)(sum / weights + 0.5);
        }
    return 0;
}

/* What is compared is the printable ASCII part without spaces: decoders differ in how they tell
 * encodings. */
static json_t *printable(const char *data, size_t n)
{
    _cleanup_free_ char *text = malloc(n + 1);
    size_t used = 0;

    for (size_t i = 0; text && i < n; i++)
        if (data[i] > ' ' && data[i] <= '~')
            text[used++] = data[i];
    return text ? json_stringn(text, used) : NULL;
}

static json_t *texts_of(const struct scanner_text *texts, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, printable(texts[i].text, texts[i].n_bytes));
    return list;
}

static void tell(const char *file, const char *set, const char *engine, double ms, long spent,
                 json_t *texts)
{
    _cleanup_free_ char *line = NULL;
    json_t *object = json_pack("{s:s, s:s, s:s, s:f, s:I, s:o}", "file", file, "set", set, "engine",
                               engine, "ms", ms, "spent", (json_int_t)spent, "texts", texts);

    line = json_dumps(object, JSON_COMPACT);
    puts(line);
    json_decref(object);
}

/* The same picture as so many frames of a live camera: one line a frame. */
static void run_frames(const struct settings *settings, const struct gray *gray, const char *file,
                       const char *set)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct gray copy = {};

    if (scanner_new(&scanner) < 0 || gray_resize(&copy, gray->width, gray->height) < 0)
        return;
    for (long i = 1; i <= settings->frames; i++) {
        struct scanner_text texts[SCANNER_TEXTS_MAX];
        char engine[32];
        double start;
        int n;

        memcpy(copy.pixels, gray->pixels, (size_t)gray->width * gray->height);
        snprintf(engine, sizeof(engine), "frame %ld", i);
        start = now_ms();
        n = scanner_read(scanner, &copy, FRAME_WISH_CODES, texts);
        tell(file, set, engine, now_ms() - start, finder_spent(scanner_finder(scanner)),
             texts_of(texts, n));
    }
    gray_done(&copy);
}

static void run_ours(const struct settings *settings, const struct gray *gray, const char *file,
                     const char *set)
{
    static struct scanner *scanner;
    struct scanner_text texts[SCANNER_TEXTS_MAX];
    double start;
    int n;

    if (!scanner && scanner_new(&scanner) < 0)
        return;
    start = now_ms();
    n = scanner_search(scanner, gray, settings->steps, GRID_SIZE_MAX, texts);
    tell(file, set, "pickup", now_ms() - start, finder_spent(scanner_finder(scanner)),
         texts_of(texts, n));
}

static void run_zbar(const struct gray *gray, const char *file, const char *set)
{
    zbar_image_scanner_t *zbar = zbar_image_scanner_create();
    zbar_image_t *image = zbar_image_create();
    json_t *texts = json_array();
    double start = now_ms();

    zbar_image_scanner_set_config(zbar, 0, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(zbar, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    zbar_image_scanner_set_config(zbar, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, gray->width, gray->height);
    zbar_image_set_data(image, gray->pixels, (unsigned long)gray->width * gray->height, NULL);
    zbar_scan_image(zbar, image);
    for (const zbar_symbol_t *symbol = zbar_image_first_symbol(image); symbol;
         symbol = zbar_symbol_next(symbol))
        json_array_append_new(
            texts, printable(zbar_symbol_get_data(symbol), zbar_symbol_get_data_length(symbol)));
    tell(file, set, "zbar", now_ms() - start, 0, texts);
    zbar_image_destroy(image);
    zbar_image_scanner_destroy(zbar);
}

static void run_zxing(const struct gray *gray, const char *file, const char *set)
{
    char texts[8][4096];
    size_t lengths[8];
    double start = now_ms();
    int n = scan_peer_zxing(gray->pixels, (int)gray->width, (int)gray->height, texts, lengths, 8);
    double ms = now_ms() - start;
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, printable(texts[i], lengths[i]));
    tell(file, set, "zxing-cpp (Debian)", ms, 0, list);
}

static void write_raw(const struct gray *gray, const char *file, const char *set)
{
    printf("%s\t%s\t%u\t%u\n", file, set, gray->width, gray->height);
    fwrite(gray->pixels, 1, (size_t)gray->width * gray->height, stdout);
}

static void run(const struct settings *settings, const struct gray *gray, const char *file,
                const char *set)
{
    if (settings->raw) {
        write_raw(gray, file, set);
        return;
    }
    if (settings->frames > 0) {
        run_frames(settings, gray, file, set);
        return;
    }
    if (settings->ours)
        run_ours(settings, gray, file, set);
    if (settings->zbar)
        run_zbar(gray, file, set);
    if (settings->zxing && scan_peer_has_zxing())
        run_zxing(gray, file, set);
}

static int run_line(const struct settings *settings, const char *line, struct jpeg *jpeg)
{
    static struct gray picture, gray;
    json_t *entry = json_loads(line, 0, NULL);
    const char *file, *set;
    char path[4096];
    int r = 0;

    if (!entry || json_unpack(entry, "{s:s, s:s}", "file", &file, "set", &set) < 0) {
        json_decref(entry);
        return -EBADMSG;
    }
    if (!settings->only || strstr(file, settings->only)) {
        snprintf(path, sizeof(path), "%s/%s", settings->folder, file);
        r = load(path, jpeg, &picture);
        if (r == 0)
            r = shrink(&picture, (uint32_t)settings->width, &gray);
        if (r == 0)
            run(settings, &gray, file, set);
        else
            fprintf(stderr, "scan-bench: %s: %s\n", path, strerror(-r));
    }
    json_decref(entry);
    return 0;
}

static int parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"width", required_argument, NULL, 'w'},
        {"steps", required_argument, NULL, 's'},
        {"engines", required_argument, NULL, 'e'},
        {"frames", required_argument, NULL, 'f'},
        {"only", required_argument, NULL, 'o'},
        {"raw", no_argument, NULL, 'r'},
        {},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'w')
            settings->width = strtol(optarg, NULL, 10);
        else if (option == 's')
            settings->steps = (unsigned)strtoul(optarg, NULL, 0);
        else if (option == 'f')
            settings->frames = strtol(optarg, NULL, 10);
        else if (option == 'o')
            settings->only = optarg;
        else if (option == 'r')
            settings->raw = true;
        else if (option == 'e') {
            settings->ours = strstr(optarg, "pickup");
            settings->zbar = strstr(optarg, "zbar");
            settings->zxing = strstr(optarg, "zxing");
        } else
            return -EINVAL;
    }
    if (optind + 1 != argc || settings->width < 16 || settings->width > FRAME_SIDE_MAX)
        return -EINVAL;
    settings->folder = argv[optind];
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .width = 1280, .steps = FINDER_ALL, .ours = true, .zbar = true, .zxing = true};
    _cleanup_(jpeg_freep) struct jpeg *jpeg = NULL;
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    char path[4096];
    FILE *truth;
    int n = 0;

    if (parse(argc, argv, &settings) < 0) {
        fputs("scan-bench [--width N] [--steps BITS] [--engines pickup,zbar,zxing] [--frames N]\n"
              "           [--only PART_OF_NAME] [--raw] FOLDER\n",
              stderr);
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/truth.jsonl", settings.folder);
    truth = fopen(path, "re");
    if (!truth || jpeg_new(&jpeg) < 0) {
        fprintf(stderr, "scan-bench: %s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    while (getline(&line, &capacity, truth) > 0) {
        n++;
        if (run_line(&settings, line, jpeg) < 0) {
            fprintf(stderr, "scan-bench: %s:%d: not a picture's line: file and set\n", path, n);
            return EXIT_FAILURE;
        }
    }
    fclose(truth);
    return EXIT_SUCCESS;
}
