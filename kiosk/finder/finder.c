#include "kiosk/finder/finder.h"

#include "kiosk/finder/attempt.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MASK_FLOOR        5  /* gray levels under the mean */
#define MASK_RADIUS       20 /* pixels: modules of up to 8 pixels on that level */
#define MASK_WIDE         60
#define CODES_PER_STAGE 10 /* triples that look like a code and cannot be read */

/* One way to look for patterns. */
struct stage {
    int level; /* of the pyramid; -1 is double size */
    int radius;
    unsigned step; /* which FINDER_… it belongs to; 0 always */
};

static const struct stage stages[] = {
    {1, MASK_RADIUS, 0},
    {0, MASK_RADIUS, FINDER_LEVELS},
    {2, MASK_RADIUS, FINDER_LEVELS},
    {1, MASK_WIDE, FINDER_WIDE},
    {0, MASK_WIDE, FINDER_WIDE},
    {3, MASK_RADIUS, FINDER_LEVELS},
    {-1, MASK_RADIUS, FINDER_DOUBLE},
};

struct finder {
    struct pyramid pyramid;
    struct mask mask;
    struct patterns patterns;
    struct triples triples;
    uint8_t *doubled;
    size_t doubled_capacity;
    struct sight sight;
    struct attempt attempt;
};

int finder_new(struct finder **ret_finder)
{
    struct finder *finder = calloc(1, sizeof(*finder));

    if (!finder)
        return -ENOMEM;
    *ret_finder = finder;
    return 0;
}

struct finder *finder_free(struct finder *finder)
{
    if (!finder)
        return NULL;
    pyramid_done(&finder->pyramid);
    mask_done(&finder->mask);
    free(finder->doubled);
    free(finder);
    return NULL;
}

void finder_set_show(struct finder *finder, finder_show_fn *show, void *userdata)
{
    finder->attempt.show = show;
    finder->attempt.show_userdata = userdata;
}

const struct sight *finder_sight(const struct finder *finder)
{
    return &finder->sight;
}

long finder_spent(const struct finder *finder)
{
    return finder->attempt.spent;
}

static int double_size(struct finder *finder, const struct plane **ret_plane, struct plane *plane)
{
    const struct plane *from = &finder->pyramid.levels[0];
    size_t n = 4 * (size_t)from->width * (size_t)from->height;

    if (n > finder->doubled_capacity) {
        uint8_t *pixels = realloc(finder->doubled, n);

        if (!pixels)
            return -ENOMEM;
        finder->doubled = pixels;
        finder->doubled_capacity = n;
    }
    pyramid_double(from, finder->doubled);
    *plane = (struct plane){finder->doubled, 2 * from->width, 2 * from->height};
    *ret_plane = plane;
    finder->attempt.spent += (long)n * 6;
    return 0;
}

/* Steps 1 to 3 for one stage. 0 when the picture has no such level. */
static int find_patterns(struct finder *finder, const struct stage *stage)
{
    const struct plane *plane;
    struct plane doubled;
    float scale = stage->level < 0 ? 0.5F : (float)(1 << stage->level);
    int r;

    if (stage->level < 0) {
        r = double_size(finder, &plane, &doubled);
        if (r < 0)
            return r;
    } else {
        plane = pyramid_level(&finder->pyramid, stage->level);
        if (!plane)
            return 0;
    }
    r = mask_make(&finder->mask, plane, stage->radius, MASK_FLOOR);
    if (r < 0)
        return r;
    finder->attempt.spent += 9L * plane->width * plane->height;
    finder->attempt.spent +=
        patterns_find(&finder->patterns, &finder->mask, scale, stage->level <= 0 ? 2 : 1);
    if (finder->attempt.show) {
        struct plane mask = {finder->mask.dark, finder->mask.width, finder->mask.height};

        finder->attempt.show(finder->attempt.show_userdata, "mask", &mask, NULL, 0);
    }
    return 1;
}

static void show_triples(struct finder *finder)
{
    struct point marks[PATTERNS_MAX];

    if (!finder->attempt.show)
        return;
    for (int i = 0; i < finder->patterns.n; i++)
        marks[i] = finder->patterns.items[i].middle;
    finder->attempt.show(finder->attempt.show_userdata, "patterns", &finder->pyramid.levels[0],
                         marks, finder->patterns.n);
    for (int i = 0; i < finder->triples.n; i++) {
        const struct triple *t = &finder->triples.items[i];
        const struct point corners[3] = {finder->patterns.items[t->right].middle,
                                         finder->patterns.items[t->corner].middle,
                                         finder->patterns.items[t->below].middle};

        finder->attempt.show(finder->attempt.show_userdata, "triple", &finder->pyramid.levels[0],
                             corners, 3);
    }
}

/* Steps 4 and on for the patterns known so far. Returns how many codes were read. */
static int read_triples(struct finder *finder)
{
    struct attempt *a = &finder->attempt;
    struct pattern *items = finder->patterns.items;
    int n_texts = 0, n_tried = 0;

    a->spent += triples_find(&finder->triples, &finder->patterns, a->size_max);
    finder->sight.n_triples = (uint16_t)(finder->sight.n_triples + finder->triples.n);
    show_triples(finder);
    for (int i = 0; i < finder->triples.n && n_tried < CODES_PER_STAGE; i++) {
        const struct triple *t = &finder->triples.items[i];
        struct outcome outcome;

        if (items[t->corner].is_read || items[t->right].is_read || items[t->below].is_read)
            continue;
        if (a->spent >= a->budget || (n_texts > 0 && t->cost > 1))
            break;
        attempt_triple(a, &finder->patterns, t, &outcome);
        n_tried += outcome.score > ATTEMPT_SCORE_MIN;
        if (outcome.n_texts <= 0)
            continue;
        n_texts += outcome.n_texts;
        items[t->corner].is_read = items[t->right].is_read = items[t->below].is_read = true;
    }
    for (int i = 0; i < finder->patterns.n; i++)
        finder->patterns.items[i].is_new = false;
    return n_texts;
}

/* zbar's own search finds what is bent or broken in ways that no triple shows. */
static int read_whole(struct finder *finder)
{
    struct attempt *a = &finder->attempt;
    int n = 0;

    for (int level = 1; level >= 0 && n <= 0; level--) {
        const struct plane *plane = pyramid_level(&finder->pyramid, level);

        if (!plane || a->spent + 250L * plane->width * plane->height > a->budget)
            continue;
        a->spent += 250L * plane->width * plane->height;
        n = a->read(a->userdata, plane);
    }
    return n;
}

static int start(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
                 long budget, finder_read_fn *read, void *userdata)
{
    struct attempt *a = &finder->attempt;

    a->steps = steps;
    a->size_max = size_max;
    a->spent = 0;
    a->budget = budget;
    a->read = read;
    a->userdata = userdata;
    a->pyramid = &finder->pyramid;
    a->n_grids = a->n_reads = a->n_seen = 0;
    finder->patterns.n = 0;
    finder->sight = (struct sight){};
    return pyramid_start(&finder->pyramid, picture);
}

int finder_search(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
                  long budget, finder_read_fn *read, void *userdata)
{
    struct attempt *a = &finder->attempt;
    int n_texts = 0, r;

    if (picture->width < 2 || picture->height < 2)
        return 0;
    r = start(finder, picture, steps, size_max, budget, read, userdata);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(stages) && n_texts == 0 && a->spent < budget; i++) {
        if (stages[i].step != 0 && (steps & stages[i].step) == 0)
            continue;
        r = find_patterns(finder, &stages[i]);
        if (r < 0)
            return r;
        if (r > 0)
            n_texts += read_triples(finder);
    }
    if (n_texts == 0 && steps & FINDER_WHOLE)
        n_texts = read_whole(finder);
    finder->sight.n_finders = (uint16_t)finder->patterns.n;
    finder->sight.n_grids = (uint16_t)a->n_grids;
    finder->sight.n_texts = (uint16_t)n_texts;
    return n_texts;
}

int finder_watch(struct finder *finder, const struct plane *frame, int size_max,
                 finder_read_fn *read, void *userdata)
{
    return finder_search(finder, frame, FINDER_ALL, size_max, 60000000L, read, userdata);
}
