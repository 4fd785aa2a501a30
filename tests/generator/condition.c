/* The conditions: how each is drawn from its seed. */
#include "tests/generator/phone.h"
#include "tests/generator/sequence.h"

#include <string.h>

/* A module may not be shorter than this anywhere in the code, in any direction. */
#define LEAST_PX   2.5
#define P1_MODULES 37
#define P2_MODULES 29

static const char base45[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

static const char *const names[CONDITIONS] = {
    [CONDITION_PLAIN] = "plain",     [CONDITION_SMALL] = "small",
    [CONDITION_LARGE] = "large",     [CONDITION_TILTED] = "tilted",
    [CONDITION_BLURRED] = "blurred", [CONDITION_GLARE] = "glare",
    [CONDITION_MOIRE] = "moire",     [CONDITION_DIMMED] = "dimmed",
    [CONDITION_DARK_MODE] = "dark",  [CONDITION_CRACKED] = "cracked",
    [CONDITION_SHAKE] = "shake",     [CONDITION_ROLLING] = "rolling",
    [CONDITION_MJPEG] = "mjpeg",     [CONDITION_MIXED] = "mixed",
};

const char *condition_name(enum condition condition)
{
    return condition < CONDITIONS ? names[condition] : NULL;
}

enum condition condition_find(const char *name)
{
    int i = 0;

    while (i < CONDITIONS && strcmp(names[i], name) != 0)
        i++;
    return (enum condition)i;
}

static void write_text(const char *prefix, size_t n, struct dice *dice, char *ret_text)
{
    memcpy(ret_text, prefix, 2);
    for (size_t i = 2; i < n; i++)
        ret_text[i] = base45[dice_bits(dice) % 45];
    ret_text[n] = '\0';
}

/* Large enough everywhere, and wholly in the picture with a module around it. */
static bool fits(const struct pose *pose, int modules, long width, long height)
{
    double half = modules / 2.0 + 1, x, y;
    struct homography view;

    pose_homography(pose, (double)width, &view);
    /* The hand strays by two hundredths in size: a little more is asked for. */
    if (homography_least_module(&view, modules) < LEAST_PX * 1.05)
        return false;
    for (int i = 0; i < 4; i++) {
        homography_project(&view, i & 1 ? half : -half, i & 2 ? half : -half, &x, &y);
        if (fabs(x) > 0.48 * (double)width || fabs(y) > 0.48 * (double)height)
            return false;
    }
    return true;
}

/* Tries until a pose fits; small codes at steep angles do not. */
static struct pose hold(double module_from, double module_to, double tilt_from, double tilt_to,
                        int modules, long width, long height, struct dice *dice)
{
    struct pose pose;

    for (int tries = 0; tries < 10000; tries++) {
        pose = (struct pose){
            .module_px = dice_log_range(dice, module_from, module_to),
            .tilt = dice_range(dice, tilt_from, tilt_to),
            .axis = dice_range(dice, 0, 360),
            .turn = dice_share(dice) < 0.1 ? dice_range(dice, 0, 360) : 20 * dice_jitter(dice),
            .x = 0.2 * dice_jitter(dice) * (double)width,
            .y = 0.2 * dice_jitter(dice) * (double)height,
        };
        if (fits(&pose, modules, width, height))
            return pose;
    }
    return (struct pose){.module_px = 6, .tilt = 10};
}

/* One kind of trouble on top of what is there already. */
static void trouble(enum condition condition, struct look *look, struct dice *dice)
{
    double module = look->pose.module_px * cos(look->pose.tilt * M_PI / 180);

    switch (condition) {
    case CONDITION_BLURRED:
        look->blur = dice_range(dice, 0.2, 0.4) * module;
        break;
    case CONDITION_GLARE:
        look->glare = dice_range(dice, 80, 250);
        look->glare_radius = dice_range(dice, 2, 6) * module;
        break;
    case CONDITION_MOIRE:
        look->grid = dice_range(dice, 0.4, 0.9);
        look->grid_px = dice_range(dice, 0.7, 2.5);
        break;
    case CONDITION_DIMMED:
        look->white = dice_range(dice, 35, 70);
        look->black = dice_range(dice, 4, 12);
        break;
    case CONDITION_DARK_MODE:
        look->dark_mode = 1;
        break;
    case CONDITION_CRACKED:
        look->cracks = 3 + (int)(dice_bits(dice) % 6);
        break;
    case CONDITION_SHAKE:
        look->smear = 0.8 * module;
        break;
    case CONDITION_ROLLING:
        look->skew = dice_range(dice, 0.03, 0.15);
        look->wave = dice_range(dice, 0.5, 3);
        break;
    case CONDITION_MJPEG:
        look->quality = 50;
        break;
    default:
        break;
    }
}

static struct pose hold_for(enum condition condition, int modules, long width, long height,
                            struct dice *dice)
{
    switch (condition) {
    case CONDITION_SMALL:
        return hold(3, 4, 0, 15, modules, width, height, dice);
    case CONDITION_LARGE:
        return hold(10, 14, 0, 20, modules, width, height, dice);
    case CONDITION_TILTED:
        return hold(3, 14, 30, 50, modules, width, height, dice);
    default:
        return hold(3, 14, 0, 25, modules, width, height, dice);
    }
}

int sequence_new(enum condition condition, uint64_t seed, long width, long height,
                 struct sequence **ret)
{
    struct dice dice = {seed * CONDITIONS + (uint64_t)condition};
    struct look look = {.quality = 80};
    bool p2 = dice_share(&dice) < 0.25;
    char text[128];

    write_text(p2 ? "P2" : "P1", p2 ? 44 : 122, &dice, text);
    look.white = dice_range(&dice, 180, 245);
    look.black = dice_range(&dice, 10, 50);
    look.noise = dice_range(&dice, 2, 6);
    look.blur = dice_range(&dice, 0.4, 0.9);
    look.pose = hold_for(condition, p2 ? P2_MODULES : P1_MODULES, width, height, &dice);
    if (condition == CONDITION_MIXED) {
        look.quality = 50;
        trouble((enum condition)(CONDITION_BLURRED + dice_bits(&dice) % 8), &look, &dice);
        trouble((enum condition)(CONDITION_BLURRED + dice_bits(&dice) % 8), &look, &dice);
    } else {
        trouble(condition, &look, &dice);
    }
    return sequence_of(&look, text, seed * CONDITIONS + (uint64_t)condition, width, height, ret);
}
