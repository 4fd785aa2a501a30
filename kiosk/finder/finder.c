#include "kiosk/finder/finder.h"

#include "kiosk/finder/search.h"

#include <errno.h>

/* In the order of what they bring for what they cost (docs/scanning.md). */
static const struct stage stages[] = {
    {1, SEARCH_RADIUS, 0},
    {0, SEARCH_RADIUS, FINDER_LEVELS},
    {2, SEARCH_RADIUS, FINDER_LEVELS},
    {1, SEARCH_WIDE, FINDER_WIDE},
    {0, SEARCH_WIDE, FINDER_WIDE},
    {3, SEARCH_RADIUS, FINDER_LEVELS},
    {-1, SEARCH_RADIUS, FINDER_DOUBLE},
};

int finder_new(struct finder **ret_finder)
{
    struct finder *finder = calloc(1, sizeof(*finder));

    if (!finder)
        return -ENOMEM;
    finder->memory.stage = -1;
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

int finder_search(struct finder *finder, const struct plane *picture, unsigned steps, int size_max,
                  long budget, finder_read_fn *read, void *userdata)
{
    int n_texts = 0, r;

    if (picture->width < 2 || picture->height < 2)
        return 0;
    r = search_start(finder, picture, steps, size_max, budget, read, userdata);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(stages) && n_texts == 0 && finder->attempt.spent < budget;
         i++) {
        if (stages[i].step != 0 && (steps & stages[i].step) == 0)
            continue;
        r = search_patterns(finder, &stages[i]);
        if (r < 0)
            return r;
        if (r > 0)
            n_texts += search_triples(finder);
    }
    /* zbar's own search finds what is bent or broken in ways that no triple shows. */
    for (int level = 1; level >= 0 && n_texts == 0 && steps & FINDER_WHOLE; level--)
        n_texts = search_whole(finder, level);
    n_texts = n_texts < 0 ? 0 : n_texts;
    search_end(finder, n_texts);
    return n_texts;
}
