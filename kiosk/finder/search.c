#include "kiosk/finder/search.h"

#include <errno.h>
#include <math.h>

#define MASK_FLOOR      5  /* gray levels under the mean */
#define CODES_PER_STAGE 10 /* triples that look like a code and cannot be read */

int search_start(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
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
    finder->best = (struct outcome){};
    return pyramid_start(&finder->pyramid, picture);
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
    finder->attempt.spent += (long)n * 12;
    return 0;
}

int search_patterns(struct finder *finder, const struct stage *stage)
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
    finder->attempt.spent += 12L * plane->width * plane->height;
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

int search_triples(struct finder *finder)
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

        if (items[t->corner].inverted && (a->steps & FINDER_INVERT) == 0)
            continue;
        if (items[t->corner].is_read || items[t->right].is_read || items[t->below].is_read)
            continue;
        if (a->spent >= a->budget || (n_texts > 0 && t->cost > 1))
            break;
        attempt_triple(a, &finder->patterns, t, &outcome);
        if (outcome.score > finder->best.score || outcome.n_texts > 0)
            finder->best = outcome;
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

int search_again(struct finder *finder, const struct grid *grid)
{
    unsigned steps = finder->attempt.steps;
    struct outcome outcome;

    if (grid->size > finder->attempt.size_max)
        return 0;
    finder->attempt.steps &= ~(FINDER_CORNER | FINDER_BOW | FINDER_RECTIFY); /* a quick look */
    attempt_grid(&finder->attempt, grid, &outcome);
    finder->attempt.steps = steps;
    if (outcome.n_texts > 0)
        finder->best = outcome;
    return outcome.n_texts;
}

int search_whole(struct finder *finder, int level)
{
    struct attempt *a = &finder->attempt;
    const struct plane *plane = pyramid_level(&finder->pyramid, level);

    if (!plane || a->spent + 250L * plane->width * plane->height > a->budget)
        return 0;
    a->spent += 250L * plane->width * plane->height;
    return a->read(a->userdata, plane);
}
