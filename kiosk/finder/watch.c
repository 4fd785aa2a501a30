/* A live picture: many looks at the same code, each cheap and each another one. */
#include "kiosk/finder/search.h"

#define FRAME_BUDGET 42000000L /* instructions, about */
/* What zbar takes for a picture it has to judge itself has no bound. */
#define FRAME_STEPS      (FINDER_ALL & ~(FINDER_RECTIFY | FINDER_WHOLE))
#define PLACE_FRAMES     10 /* a code seen so many frames ago is looked for where it was */
#define PATTERN_CONTRAST 14 /* gray levels */
#define PATTERN_FRAMES   12 /* the dear stages are for a picture that has shown a pattern */

/* One a frame, round and round; `dear` ones only while there is something to see. */
static const struct {
    struct stage stage;
    bool dear;
} turns[] = {
    {{1, SEARCH_RADIUS, 0}, false}, {{0, SEARCH_RADIUS, 0}, false}, {{1, SEARCH_WIDE, 0}, false},
    {{-1, SEARCH_RADIUS, 0}, true}, {{2, SEARCH_RADIUS, 0}, false}, {{0, SEARCH_WIDE, 0}, false},
};

static const struct stage full = {0, SEARCH_RADIUS, 0};

/* The stage that worked last has every other frame, for a while. */
static int choose(const struct memory *memory)
{
    int n = (int)ELEMENTSOF(turns), turn = (int)(memory->n_frames % (unsigned)n);

    if (memory->stage >= 0 && memory->n_since < 2 * n && memory->n_frames % 2 == 0)
        return memory->stage;
    if (turns[turn].dear && memory->n_since_pattern > PATTERN_FRAMES)
        return 0;
    return turn;
}

/* Two patterns that are more than the noise of an even wall. */
static bool shows_patterns(const struct finder *finder)
{
    int n = 0;

    for (int i = 0; i < finder->patterns.n; i++)
        n += search_contrast(finder, &finder->patterns.items[i]) > PATTERN_CONTRAST;
    return n >= 2;
}

int finder_watch(struct finder *finder, const struct plane *frame, int size_max,
                 finder_read_fn *read, void *userdata)
{
    struct memory *memory = &finder->memory;
    int turn = choose(memory), n_texts = 0, r;

    if (frame->width < 2 || frame->height < 2)
        return 0;
    r = search_start(finder, frame, FRAME_STEPS, size_max, FRAME_BUDGET, read, userdata);
    if (r < 0)
        return r;
    if (memory->n_since < PLACE_FRAMES && memory->grid.size > 0)
        n_texts = search_again(finder, &memory->grid);
    if (n_texts <= 0) {
        r = search_patterns(finder, &turns[turn].stage);
        if (r == 0) /* too small a picture for that level */
            r = search_patterns(finder, &full);
        if (r < 0)
            return r;
        n_texts = search_triples(finder);
        if (n_texts > 0)
            memory->stage = turn;
    }
    memory->n_frames++;
    memory->n_since = n_texts > 0 ? 0 : memory->n_since + 1;
    memory->n_since_pattern =
        n_texts > 0 || shows_patterns(finder) ? 0 : memory->n_since_pattern + 1;
    if (n_texts > 0)
        memory->grid = finder->best.grid;
    n_texts = n_texts < 0 ? 0 : n_texts;
    search_end(finder, n_texts);
    return n_texts;
}
