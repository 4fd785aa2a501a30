#include "kiosk/show.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *state;
    enum screen_kind kind;
} kinds[] = {
    {"idle", SCREEN_ATTRACT},
    {"opening", SCREEN_OPENING},
    {"take", SCREEN_TAKE},
    {"left_open", SCREEN_CLOSE},
    {"not_opened", SCREEN_NOT_OPENED},
    {"collected", SCREEN_COLLECTED},
    {"failed", SCREEN_FAILED},
    {"staff", SCREEN_STAFF},
    {"stock_opening", SCREEN_STOCK_OPENING},
    {"stock_place", SCREEN_STOCK_PLACE},
    {"stock_confirm", SCREEN_STOCK_CONFIRM},
    {"retrieve_opening", SCREEN_RETRIEVE_OPENING},
    {"retrieve_take", SCREEN_RETRIEVE_TAKE},
    {"inspect_opening", SCREEN_INSPECT_OPENING},
    {"inspect_open", SCREEN_INSPECT_OPEN},
};

static enum screen_kind kind_of(const char *state)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (strcmp(kinds[i].state, state) == 0)
            return kinds[i].kind;
    return SCREEN_ATTRACT;
}

static void fill(struct screen_state *state, const struct bank_info *info, const char *language)
{
    snprintf(state->language, sizeof(state->language), "%s", *info->lang ? info->lang : language);
    snprintf(state->order, sizeof(state->order), "%s", info->order);
    snprintf(state->display, sizeof(state->display), "%s", info->display);
    snprintf(state->parcel, sizeof(state->parcel), "%s", info->parcel);
    snprintf(state->text, sizeof(state->text), "%s", *info->bank ? info->bank : info->reason);
    state->door = info->door;
    state->index = info->index;
    state->of = info->of;
    state->opened = info->opened;
    state->failed = info->failed;
    state->stocked = info->stocked;
    state->at_ms = info->at_ms;
}

void show_state(const struct show *show, struct screen_state *ret_state)
{
    struct screen_state state = {};

    snprintf(state.language, sizeof(state.language), "%s", show->language);
    if (show->broken) {
        state.kind = SCREEN_OUT_OF_SERVICE;
        snprintf(state.text, sizeof(state.text), "%s", show->broken);
    } else if (!show->attached) {
        state.kind = SCREEN_WAIT;
    } else if (*show->refusal.outcome) {
        state.kind = SCREEN_REFUSED;
        fill(&state, &show->refusal.info, show->language);
        snprintf(state.outcome, sizeof(state.outcome), "%s", show->refusal.outcome);
    } else if (show->session.number != 0) {
        state.kind = kind_of(show->session.state);
        fill(&state, &show->session.info, show->language);
    } else if (show->hint != HINT_NONE) {
        state.kind = SCREEN_HINT;
        snprintf(state.outcome, sizeof(state.outcome), "%s", hint_name(show->hint));
    }
    *ret_state = state;
}

uint64_t show_refusal_us(const struct show *show)
{
    /* Staff know the words; a customer must find them, read them and perhaps show them. */
    return strcmp(show->session.info.kind, "staff") == 0 ? UINT64_C(4000000) : UINT64_C(12000000);
}
