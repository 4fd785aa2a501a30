#include "kiosk/hint.h"

#include <math.h>

/* Below this a module is too small for most pictures, whatever the focus. */
#define SMALL_MODULE 2.5f /* pixels */
/* Of the shorter side of the picture: with the quiet zone it is full. */
#define LARGE_CODE 0.85f
#define BLURRED    0.3f  /* sharpness in the finder patterns */
#define WHITE      0.04f /* share of the picture, when a code is there */
/* A white area where no code can be seen: much more than the lamps that are always in view. */
#define WHITE_ALONE 0.08f
#define LAMPS_RATE  (1 / 512.0f) /* of a picture */

#define TAU_US     400e3f            /* how slowly the scores follow */
#define GAP_US     UINT64_C(200000)  /* a longer one tells nothing of the time between */
#define STALE_US   UINT64_C(700000)  /* without a picture for so long: nothing is seen */
#define LEAST_US   UINT64_C(1200000) /* a hint stays so long that it can be read */
#define SHOW_SCORE 0.55f
#define KEEP_SCORE 0.2f

static const char *const names[HINTS] = {
    [HINT_NONE] = "none",       [HINT_CLOSER] = "closer", [HINT_FARTHER] = "farther",
    [HINT_INSIDE] = "inside",   [HINT_STILL] = "still",   [HINT_BRIGHT] = "bright",
    [HINT_FOREIGN] = "foreign",
};

const char *hint_name(enum hint hint)
{
    return hint < HINTS ? names[hint] : NULL;
}

static float short_side(const struct measure *measure)
{
    return (float)(measure->width < measure->height ? measure->width : measure->height);
}

/* Comparisons are written so that a measurement that is no number says nothing. */
enum hint hint_judge(const struct hint_state *state, const struct eye_view *view)
{
    const struct sight *sight = &view->sight;
    const struct measure *measure = &view->measure;

    if (view->error != 0 || view->n_texts > 0 || view->cards != 0)
        return HINT_NONE;
    if (view->n_foreign > 0)
        return HINT_FOREIGN;
    if (sight->n_finders == 0)
        return measure->clipped > WHITE_ALONE && measure->clipped > 2 * state->lamps ? HINT_BRIGHT
                                                                                     : HINT_NONE;
    if (sight->size_px > LARGE_CODE * short_side(measure))
        return HINT_FARTHER;
    if (sight->touches_border)
        return HINT_INSIDE;
    /* One or two patterns may be anything: a window, a logo. */
    if (sight->n_triples == 0)
        return HINT_NONE;
    if (sight->module_px < SMALL_MODULE)
        return HINT_CLOSER;
    if (measure->clipped > WHITE && measure->clipped > 2 * state->lamps)
        return HINT_BRIGHT;
    if (sight->sharpness < BLURRED)
        return HINT_STILL;
    return HINT_NONE;
}

static void follow(struct hint_state *state, enum hint verdict, uint64_t now_us)
{
    uint64_t step_us = state->at_us != 0 && now_us > state->at_us ? now_us - state->at_us : 0;
    float part = 1 - expf(-(float)(step_us < GAP_US ? step_us : GAP_US) / TAU_US);

    for (int i = 0; i < HINTS; i++)
        state->scores[i] += ((i == (int)verdict ? 1.0f : 0.0f) - state->scores[i]) * part;
    if (now_us > state->at_us)
        state->at_us = now_us;
}

static void show(struct hint_state *state, enum hint hint, uint64_t now_us)
{
    if (hint != state->shown)
        state->shown_us = now_us;
    state->shown = hint;
}

static void choose(struct hint_state *state, uint64_t now_us)
{
    enum hint best = HINT_NONE;

    for (int i = HINT_NONE + 1; i < HINTS; i++)
        if (state->scores[i] > SHOW_SCORE)
            best = (enum hint)i;
    if (state->shown != HINT_NONE &&
        (now_us < state->shown_us + LEAST_US ||
         (best == HINT_NONE && state->scores[state->shown] > KEEP_SCORE)))
        return;
    show(state, best, now_us);
}

enum hint hint_step(struct hint_state *state, const struct eye_view *view, uint64_t at_us)
{
    if (view->n_texts > 0 || view->cards != 0) {
        float lamps = state->lamps;

        *state = (struct hint_state){.lamps = lamps, .at_us = at_us};
        return HINT_NONE;
    }
    if (view->error == 0 && view->sight.n_finders == 0 && isfinite(view->measure.clipped))
        state->lamps += (view->measure.clipped - state->lamps) * LAMPS_RATE;
    follow(state, hint_judge(state, view), at_us);
    choose(state, at_us);
    return state->shown;
}

enum hint hint_at(struct hint_state *state, uint64_t now_us)
{
    if (now_us > state->at_us + STALE_US && state->shown != HINT_NONE) {
        follow(state, HINT_NONE, now_us);
        choose(state, now_us);
    }
    return state->shown;
}
