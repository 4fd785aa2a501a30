/* pickup-phone-picture: a picture of a QR code as a camera sees it on a phone in a hand. For the
 * demo, tests and benchmarks; what a real camera adds is told by the options, and the same seed
 * gives the same picture.
 *
 * The phone is a plane in space, seen by a pinhole camera: its screen is bright with the code on
 * it, its frame is dark, the shop behind it is a gradient with some clutter. */
#include "common/cleanup.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

#define QUIET   4 /* modules around the code (ISO/IEC 18004) */
#define SAMPLES 3 /* a side: each pixel is the mean of so many squared */
#define CLUTTER 24

struct settings {
    uint64_t seed;
    long width, height, frames;
    double tilt, turn, blur, noise, scale;
    bool invert;
    const char *output, *text;
};

/* splitmix64 (Steele, Lea, Flood 2014): enough for pictures, and the same everywhere. */
static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* From -1 to 1. */
static double jitter(uint64_t *state)
{
    return (double)(random_bits(state) >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

/* Mean 0, deviation 1 (Box and Muller). */
static double gauss(uint64_t *state)
{
    double a = (jitter(state) + 1) / 2 + 1e-12, b = jitter(state);

    return sqrt(-2 * log(a)) * cos(M_PI * b);
}

/* The view: from picture to plane. Both axes of the plane in camera space, and its middle; the
 * plane's unit is one module, the picture's one pixel from its middle. */
struct view {
    double right[3], down[3], middle[3], focal;
    double light, slope_x, slope_y; /* of the shop */
    struct {
        double x, y, w, h, tone;
    } clutter[CLUTTER];
};

static void aim(const struct settings *settings, uint64_t *state, struct view *view)
{
    double tilt = (settings->tilt + 2 * jitter(state)) * M_PI / 180;
    double turn = (settings->turn + 4 * jitter(state)) * M_PI / 180;
    double axis = jitter(state) * M_PI; /* which way the phone leans */
    double focal = 1.1 * (double)settings->width, distance = focal / settings->scale;
    /* Rodrigues: rotation by `tilt` about an axis in the picture's plane, after `turn` about the
     * camera's own. */
    double c = cos(tilt), s = sin(tilt), ax = cos(axis), ay = sin(axis);
    const double plane[2][2] = {{cos(turn), sin(turn)}, {-sin(turn), cos(turn)}};

    view->focal = focal;
    for (int i = 0; i < 2; i++) {
        double x = plane[i][0], y = plane[i][1], along = (ax * x + ay * y) * (1 - c);
        double *out = i == 0 ? view->right : view->down;

        out[0] = x * c + ax * along;
        out[1] = y * c + ay * along;
        out[2] = s * (ax * y - ay * x);
    }
    view->middle[0] = 0.06 * jitter(state) * (double)settings->width / settings->scale;
    view->middle[1] = 0.06 * jitter(state) * (double)settings->height / settings->scale;
    view->middle[2] = distance;
    view->light = 90 + 25 * jitter(state);
    view->slope_x = 0.03 * jitter(state);
    view->slope_y = 0.03 * jitter(state);
    for (int i = 0; i < CLUTTER; i++) {
        view->clutter[i].x = jitter(state) * (double)settings->width / 2;
        view->clutter[i].y = jitter(state) * (double)settings->height / 2;
        view->clutter[i].w = (1.1 + jitter(state)) * 60;
        view->clutter[i].h = (1.1 + jitter(state)) * 60;
        view->clutter[i].tone = 50 * jitter(state);
    }
}

/* Where the ray through a pixel meets the plane, in modules from its middle (Cramer's rule for
 * a * right + b * down + middle = t * ray). */
static void meet(const struct view *view, double px, double py, double *ret_a, double *ret_b)
{
    const double *u = view->right, *v = view->down, *m = view->middle;
    const double ray[3] = {px, py, view->focal};
    double vr[3] = {v[1] * ray[2] - v[2] * ray[1], v[2] * ray[0] - v[0] * ray[2],
                    v[0] * ray[1] - v[1] * ray[0]};
    double mr[3] = {m[1] * ray[2] - m[2] * ray[1], m[2] * ray[0] - m[0] * ray[2],
                    m[0] * ray[1] - m[1] * ray[0]};
    double det = u[0] * vr[0] + u[1] * vr[1] + u[2] * vr[2];

    *ret_a = -(m[0] * vr[0] + m[1] * vr[1] + m[2] * vr[2]) / det;
    *ret_b = -(u[0] * mr[0] + u[1] * mr[1] + u[2] * mr[2]) / det;
}

static double shop_tone(const struct view *view, double px, double py)
{
    double tone = view->light + px * view->slope_x + py * view->slope_y;

    for (int i = 0; i < CLUTTER; i++)
        if (fabs(px - view->clutter[i].x) < view->clutter[i].w &&
            fabs(py - view->clutter[i].y) < view->clutter[i].h)
            tone += view->clutter[i].tone;
    return tone;
}

/* 0 to 255, of one point of the picture. */
static double tone_at(const struct settings *settings, const struct view *view, const QRcode *code,
                      double px, double py)
{
    double half = code->width / 2.0, a, b;
    double dark = settings->invert ? 225 : 25, light = settings->invert ? 25 : 225;

    meet(view, px, py, &a, &b);
    if (fabs(a) < half && fabs(b) < half) {
        int column = (int)(a + half), row = (int)(b + half);

        return code->data[row * code->width + column] & 1 ? dark : light;
    }
    if (fabs(a) < half + QUIET && fabs(b) < half * 1.7 + QUIET)
        return light;
    if (fabs(a) < half + QUIET + 2 && fabs(b) < half * 1.7 + QUIET + 4)
        return 18;
    return shop_tone(view, px, py);
}

static void draw(const struct settings *settings, const struct view *view, const QRcode *code,
                 float *picture)
{
    for (long y = 0; y < settings->height; y++)
        for (long x = 0; x < settings->width; x++) {
            double sum = 0;

            for (int i = 0; i < SAMPLES * SAMPLES; i++)
                sum += tone_at(
                    settings, view, code,
                    (double)x + (i % SAMPLES + 0.5) / SAMPLES - (double)settings->width / 2,
                    (double)y + (i / SAMPLES + 0.5) / SAMPLES - (double)settings->height / 2);
            picture[y * settings->width + x] = (float)(sum / (SAMPLES * SAMPLES));
        }
}

/* Gaussian blur along one axis; `step` is the distance of neighbours. */
static void blur_line(float *line, long n, long step, double sigma, float *scratch)
{
    long reach = (long)ceil(3 * sigma);

    for (long i = 0; i < n; i++) {
        double sum = 0, weights = 0;

        for (long k = -reach; k <= reach; k++) {
            double weight = exp(-(double)(k * k) / (2 * sigma * sigma));

            if (i + k < 0 || i + k >= n)
                continue;
            sum += weight * (double)line[(i + k) * step];
            weights += weight;
        }
        scratch[i] = (float)(sum / weights);
    }
    for (long i = 0; i < n; i++)
        line[i * step] = scratch[i];
}

static void blur(const struct settings *settings, float *picture, float *scratch)
{
    if (settings->blur < 0.1)
        return;
    for (long y = 0; y < settings->height; y++)
        blur_line(picture + y * settings->width, settings->width, 1, settings->blur, scratch);
    for (long x = 0; x < settings->width; x++)
        blur_line(picture + x, settings->height, settings->width, settings->blur, scratch);
}

static void finish(const struct settings *settings, uint64_t *state, const float *picture,
                   unsigned char *gray)
{
    for (long i = 0; i < settings->width * settings->height; i++) {
        double tone = (double)picture[i] + settings->noise * gauss(state);

        gray[i] = (unsigned char)(tone < 0 ? 0 : tone > 255 ? 255 : tone + 0.5);
    }
}

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

static bool save(const struct settings *settings, const char *path, const unsigned char *gray)
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
                       &n_jpeg, TJSAMP_GRAY, 85, 0) == 0 &&
           write_file(path, "", 0, jpeg, n_jpeg);
    tjFree(jpeg);
    tjDestroy(tj);
    return good;
}

/* One picture; `frame` from 0 moves the hand a little. */
static bool make(const struct settings *settings, const QRcode *code, long frame)
{
    size_t n = (size_t)(settings->width * settings->height);
    _cleanup_free_ float *picture = malloc(n * sizeof(float));
    _cleanup_free_ float *scratch =
        malloc(sizeof(float) * (size_t)(settings->width + settings->height));
    _cleanup_free_ unsigned char *gray = malloc(n);
    _cleanup_free_ char *path = NULL;
    uint64_t state = settings->seed * 1000003 + (uint64_t)frame;
    const char *dot = strrchr(settings->output, '.');
    struct view view;
    int r;

    if (settings->frames > 1)
        r = asprintf(&path, "%.*s-%03ld%s", (int)(dot - settings->output), settings->output, frame,
                     dot);
    else
        r = asprintf(&path, "%s", settings->output);
    if (r < 0 || !picture || !scratch || !gray)
        return false;
    aim(settings, &state, &view);
    draw(settings, &view, code, picture);
    blur(settings, picture, scratch);
    finish(settings, &state, picture, gray);
    return save(settings, path, gray);
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
    "  --frames=N       so many pictures, the hand moves (1)\n";

/* 1 = go on, 0 = done, negative = usage. */
static int parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"seed", 1, NULL, 's'},
        {"width", 1, NULL, 'w'},
        {"height", 1, NULL, 'h'},
        {"tilt", 1, NULL, 't'},
        {"turn", 1, NULL, 'u'},
        {"blur", 1, NULL, 'b'},
        {"noise", 1, NULL, 'n'},
        {"scale", 1, NULL, 'c'},
        {"invert", 0, NULL, 'i'},
        {"frames", 1, NULL, 'f'},
        {"output", 1, NULL, 'o'},
        {"help", 0, NULL, '?'},
        {},
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
        default:
            fputs(help_text, stdout);
            return 0;
        }
    }
    settings->text = argv[optind];
    if (optind + 1 != argc || !settings->output || !strrchr(settings->output, '.') ||
        settings->width < 16 || settings->height < 16 || settings->width > 4096 ||
        settings->height > 4096 || settings->scale < 0.5 || settings->blur > 50 ||
        settings->frames < 1)
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
    QRcode *code;
    bool good = true;

    if (r <= 0) {
        if (r < 0)
            fprintf(stderr, "One TEXT and --output=FILE.jpg or .pgm are needed; see --help.\n");
        return r < 0 ? 2 : 0;
    }
    code = QRcode_encodeString(settings.text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!code) {
        fprintf(stderr, "pickup-phone-picture: the text does not fit a QR code\n");
        return 1;
    }
    for (long frame = 0; frame < settings.frames && good; frame++)
        good = make(&settings, code, frame);
    QRcode_free(code);
    return good ? 0 : 1;
}
