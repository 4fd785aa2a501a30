/* pickup-phone-picture: a picture of a QR code as a camera sees it on a phone in a hand. For the
 * demo, tests and benchmarks; what a real camera adds is told by the options, and the same seed
 * gives the same picture. The pictures come from tests/generator. */
#include "common/cleanup.h"
#include "tests/generator/random.h"
#include "tests/generator/sequence.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

struct settings {
    uint64_t seed;
    long width, height, frames;
    double tilt, turn, blur, noise, scale;
    bool invert;
    const char *condition; /* NULL = as the other settings say */
    const char *output, *text;
};

static bool write_file(const char *path, const void *head, size_t n_head, const void *data,
                       size_t n)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(head, 1, n_head, file) == n_head && fwrite(data, 1, n, file) == n;

    if (file && fclose(file) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "pickup-phone-picture: %s: %s\n", path, strerror(errno));
    return good;
}

static bool save(const struct settings *settings, int quality, const char *path,
                 const unsigned char *gray)
{
    size_t n = strlen(path);
    unsigned char *jpeg = NULL;
    unsigned long n_jpeg = 0;
    char head[64];
    tjhandle tj;
    bool good;

    if (n > 4 && strcmp(path + n - 4, ".pgm") == 0) {
        int n_head =
            snprintf(head, sizeof(head), "P5\n%ld %ld\n255\n", settings->width, settings->height);

        return write_file(path, head, (size_t)n_head, gray,
                          (size_t)(settings->width * settings->height));
    }
    tj = tjInitCompress();
    good = tj &&
           tjCompress2(tj, gray, (int)settings->width, 0, (int)settings->height, TJPF_GRAY, &jpeg,
                       &n_jpeg, TJSAMP_GRAY, quality, 0) == 0 &&
           write_file(path, "", 0, jpeg, n_jpeg);
    tjFree(jpeg);
    tjDestroy(tj);
    return good;
}

/* One picture of the sequence. */
static bool make(const struct settings *settings, struct sequence *sequence, long frame)
{
    _cleanup_free_ unsigned char *gray = malloc((size_t)(settings->width * settings->height));
    _cleanup_free_ char *path = NULL;
    const char *dot = strrchr(settings->output, '.');
    int r;

    if (settings->frames > 1)
        r = asprintf(&path, "%.*s-%03ld%s", (int)(dot - settings->output), settings->output, frame,
                     dot);
    else
        r = asprintf(&path, "%s", settings->output);
    if (r < 0 || !gray)
        return false;
    sequence_frame(sequence, (unsigned)frame, gray);
    return save(settings, sequence_look(sequence)->quality, path, gray);
}

/* The phone leans some way and lies somewhere near the middle; the seed says which and where. */
static int begin(const struct settings *settings, struct sequence **ret)
{
    struct dice dice = {settings->seed};
    struct look look = {
        .pose = {.module_px = settings->scale,
                 .tilt = settings->tilt,
                 .axis = dice_range(&dice, 0, 360),
                 .turn = settings->turn + 4 * dice_jitter(&dice),
                 .x = 0.06 * dice_jitter(&dice) * (double)settings->width,
                 .y = 0.06 * dice_jitter(&dice) * (double)settings->height},
        .dark_mode = settings->invert,
        .white = 225,
        .black = 25,
        .noise = settings->noise,
        .blur = settings->blur,
        .quality = 85,
    };

    if (settings->condition)
        return sequence_new(condition_find(settings->condition), settings->seed, settings->width,
                            settings->height, ret);
    return sequence_of(&look, settings->text, settings->seed, settings->width, settings->height,
                       ret);
}

static const char help_text[] =
    "pickup-phone-picture [OPTIONS] --output=FILE TEXT\n"
    "Draws a QR code as a camera sees it on a phone in a hand.\n\n"
    "  --output=FILE    .jpg or .pgm; with --frames a number is put before the dot\n"
    "  --seed=N         another hand, another place (1)\n"
    "  --width=N, --height=N   size in pixels (1280, 720)\n"
    "  --scale=PIXELS   size of a module (6)\n"
    "  --tilt=DEGREES   the phone leans by so much, some way (15)\n"
    "  --turn=DEGREES   turned in the hand (0)\n"
    "  --blur=PIXELS    deviation of the blur (0.8)\n"
    "  --noise=LEVELS   deviation of the noise, of 255 (4)\n"
    "  --invert         dark mode\n"
    "  --frames=N       so many pictures, the hand moves (1)\n"
    "  --condition=NAME a sequence of the benchmark instead, its text on standard output: plain,\n"
    "                   small, large, tilted, blurred, glare, moire, dimmed, dark, cracked, "
    "shake,\n"
    "                   rolling, mjpeg, mixed; takes no TEXT\n";

/* 1 = go on, 0 = done, negative = usage. */
static int parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"seed", 1, NULL, 's'},   {"width", 1, NULL, 'w'},
        {"height", 1, NULL, 'h'}, {"tilt", 1, NULL, 't'},
        {"turn", 1, NULL, 'u'},   {"blur", 1, NULL, 'b'},
        {"noise", 1, NULL, 'n'},  {"scale", 1, NULL, 'c'},
        {"invert", 0, NULL, 'i'}, {"frames", 1, NULL, 'f'},
        {"output", 1, NULL, 'o'}, {"condition", 1, NULL, 'd'},
        {"help", 0, NULL, '?'},   {},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        double number = optarg ? strtod(optarg, NULL) : 0;

        switch (option) {
        case 's':
            settings->seed = (uint64_t)number;
            break;
        case 'w':
            settings->width = (long)number;
            break;
        case 'h':
            settings->height = (long)number;
            break;
        case 't':
            settings->tilt = number;
            break;
        case 'u':
            settings->turn = number;
            break;
        case 'b':
            settings->blur = number;
            break;
        case 'n':
            settings->noise = number;
            break;
        case 'c':
            settings->scale = number;
            break;
        case 'i':
            settings->invert = true;
            break;
        case 'f':
            settings->frames = (long)number;
            break;
        case 'o':
            settings->output = optarg;
            break;
        case 'd':
            settings->condition = optarg;
            break;
        default:
            fputs(help_text, stdout);
            return 0;
        }
    }
    settings->text = argv[optind];
    if (settings->condition && condition_find(settings->condition) == CONDITIONS)
        return -EINVAL;
    if (optind + (settings->condition ? 0 : 1) != argc || !settings->output ||
        !strrchr(settings->output, '.') || settings->width < 16 || settings->height < 16 ||
        settings->width > 4096 || settings->height > 4096 || settings->scale < 0.5 ||
        settings->blur > 50 || settings->frames < 1)
        return -EINVAL;
    return 1;
}

int main(int argc, char **argv)
{
    struct settings settings = {.seed = 1,
                                .width = 1280,
                                .height = 720,
                                .frames = 1,
                                .tilt = 15,
                                .blur = 0.8,
                                .noise = 4,
                                .scale = 6};
    int r = parse(argc, argv, &settings);
    struct sequence *sequence;
    bool good = true;

    if (r <= 0) {
        if (r < 0)
            fprintf(stderr, "One TEXT and --output=FILE.jpg or .pgm are needed; see --help.\n");
        return r < 0 ? 2 : 0;
    }
    if (begin(&settings, &sequence) < 0) {
        fprintf(stderr, "pickup-phone-picture: the text does not fit a QR code\n");
        return 1;
    }
    if (settings.condition)
        puts(sequence_text(sequence));
    for (long frame = 0; frame < settings.frames && good; frame++)
        good = make(&settings, sequence, frame);
    sequence_free(sequence);
    return good ? 0 : 1;
}
