#include "kiosk/hint.h"

#include <math.h>

/* Below this a module is too small for most pictures, whatever the focus. */
#define SMALL_MODULE 2.5f /* pixels */
/* Of the shorter side of the picture: with the quiet zone it is full. */
#define LARGE_CODE 0.85f
/* Of the shorter side: a code of 37 such modules would just fill the picture. */
#define HUGE_MODULE  (1 / 40.0f)
#define LARGE_MODULE 4.0f  /* pixels */
#define CLEAR        30.0f /* tones between dark and light */
#define ALONE        4     /* patterns in the picture */
#define BLURRED      0.3f  /* sharpness in the finder patterns */
#define WHITE        0.04f /* share of the picture, when a code is there */
/* A white area where no code can be seen: much more than the lamps that are always in view. */
#define WHITE_ALONE 0.08f
#define LAMPS_RATE  (1 / 512.0f) /* of a picture */

#define TAU_US      400e3f /* how slowly the scores follow */
#define TAU_NONE_US 1600e3f
#define GAP_US      UINT64_C(200000)  /* a longer one tells nothing of the time between */
#define STALE_US    UINT64_C(700000)  /* without a picture for so long: nothing is seen */
#define LEAST_US    UINT64_C(1200000) /* a hint stays so long that it can be read */
#define SHOW_SCORE  0.55f
#define KEEP_SCORE  0.2f

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

/* A shop is full of squares. Three that fit together are a code; a single one only when it is
 * large, clear and alone, as it is when the rest of the code lies outside the picture. */
static bool is_code(const struct sight *sight)
{
    if (!(sight->module_px > 0 && sight->contrast > CLEAR))
        return false;
    return sight->n_triples > 0 || sight->n_grids > 0 ||
           (sight->n_finders <= ALONE && sight->module_px > LARGE_MODULE);
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
    if (!is_code(sight))
        return measure->clipped > WHITE_ALONE && measure->clipped > 2 * state->lamps ? HINT_BRIGHT
                                                                                     : HINT_NONE;
    if (sight->size_px > LARGE_CODE * short_side(measure))
        return HINT_FARTHER;
    if (sight->touches_border)
        return sight->module_px > HUGE_MODULE * short_side(measure) ? HINT_FARTHER : HINT_INSIDE;
    if (sight->n_triples == 0 && sight->n_grids == 0)
        return HINT_NONE;
    if (sight->module_px < SMALL_MODULE)
        return HINT_CLOSER;
    if (measure->clipped > WHITE && measure->clipped > 2 * state->lamps)
        return HINT_BRIGHT;
    if (sight->sharpness < BLURRED)
        return HINT_STILL;
    return HINT_NONE;
}

/* The finder tries something else in each picture, and finds nothing in some: those count less. */
static void follow(struct hint_state *state, enum hint verdict, uint64_t now_us)
{
    uint64_t step_us = state->at_us != 0 && now_us > state->at_us ? now_us - state->at_us : 0;
    float tau_us = verdict == HINT_NONE ? TAU_NONE_US : TAU_US;
    float part = 1 - expf(-(float)(step_us < GAP_US ? step_us : GAP_US) / tau_us);

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
    if (view->error == 0 && !is_code(&view->sight) && isfinite(view->measure.clipped))
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
