#include "kiosk/ui/words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const tags[LANGUAGES] = {"en", "zh-Hans", "zh-Hant", "ja", "ko",
                                            "th", "ru",      "fr",      "ar"};

/* The refusals, and what staff call them. Codes are never given to something else. */
static const struct {
    const char *outcome;
    enum words words;
    const char *code;
} refusals[] = {
    {"unknown", WORDS_UNKNOWN, "R01"},
    {"forged", WORDS_FORGED, "R02"},
    {"other_branch", WORDS_OTHER_BRANCH, "R03"},
    {"other_bank", WORDS_OTHER_BANK, "R04"},
    {"not_stocked", WORDS_NOT_STOCKED, "R05"},
    {"too_early", WORDS_TOO_EARLY, "R06"},
    {"expired", WORDS_EXPIRED, "R07"},
    {"cancelled", WORDS_CANCELLED, "R08"},
    {"transferred", WORDS_TRANSFERRED, "R09"},
    {"collected", WORDS_ALREADY_COLLECTED, "R10"},
    {"held", WORDS_HELD, "R11"},
    {"id_check", WORDS_ID_CHECK, "R12"},
    {"clock", WORDS_CLOCK, "R13"},
    {"out_of_order", WORDS_OUT_OF_ORDER, "R14"},
    {"busy", WORDS_BUSY, "R15"},
    {"number_slip", WORDS_NUMBER_SLIP, "R16"},
    {"number_wait", WORDS_NUMBER_WAIT, "R17"},
    {"refused", WORDS_REFUSED, "R18"},
};

/* By the names of kiosk/hint.h. */
static const struct {
    const char *hint;
    enum words words;
} hints[] = {
    {"closer", WORDS_HINT_CLOSER}, {"farther", WORDS_HINT_FARTHER}, {"inside", WORDS_HINT_INSIDE},
    {"still", WORDS_HINT_STILL},   {"bright", WORDS_HINT_BRIGHT},   {"foreign", WORDS_HINT_FOREIGN},
};

static enum words find_hint(const char *hint)
{
    for (size_t i = 0; i < ELEMENTSOF(hints); i++)
        if (strcmp(hints[i].hint, hint) == 0)
            return hints[i].words;
    return WORDS_ATTRACT;
}

enum language language_find(const char *tag)
{
    for (size_t i = 0; i < LANGUAGES; i++)
        if (strcmp(tags[i], tag) == 0)
            return (enum language)i;
    return LANGUAGE_EN;
}

const char *language_tag(enum language language)
{
    return tags[language];
}

static size_t find_refusal(const char *outcome)
{
    size_t last = ELEMENTSOF(refusals) - 1;

    for (size_t i = 0; i < last; i++)
        if (strcmp(refusals[i].outcome, outcome) == 0)
            return i;
    return last; /* a refusal of a newer daemon is a refusal */
}

enum words words_of(const struct screen_state *state)
{
    switch (state->kind) {
    case SCREEN_HINT:
        return find_hint(state->outcome);
    case SCREEN_WAIT:
        return WORDS_WAIT;
    case SCREEN_OPENING:
    case SCREEN_STOCK_OPENING:
    case SCREEN_RETRIEVE_OPENING:
    case SCREEN_INSPECT_OPENING:
        return WORDS_OPENING;
    case SCREEN_TAKE:
        return WORDS_TAKE;
    case SCREEN_CLOSE:
        return WORDS_CLOSE;
    case SCREEN_NOT_OPENED:
        return WORDS_NOT_OPENED;
    case SCREEN_COLLECTED:
        return state->failed > 0 ? WORDS_COLLECTED_PARTLY : WORDS_COLLECTED;
    case SCREEN_FAILED:
        return WORDS_FAILED;
    case SCREEN_REFUSED:
        return refusals[find_refusal(state->outcome)].words;
    case SCREEN_STAFF:
        return WORDS_STAFF;
    case SCREEN_STOCK_PLACE:
        return WORDS_STOCK_PLACE;
    case SCREEN_STOCK_CONFIRM:
        return WORDS_STOCK_CONFIRM;
    case SCREEN_RETRIEVE_TAKE:
        return WORDS_RETRIEVE_TAKE;
    case SCREEN_INSPECT_OPEN:
        return WORDS_INSPECT_OPEN;
    case SCREEN_OUT_OF_SERVICE:
        return WORDS_OUT_OF_SERVICE;
    case SCREEN_ATTRACT:
    case SCREEN_KINDS:
        break;
    }
    return WORDS_ATTRACT;
}

const char *words_staff_code(const struct screen_state *state)
{
    switch (state->kind) {
    case SCREEN_REFUSED:
        return refusals[find_refusal(state->outcome)].code;
    case SCREEN_NOT_OPENED:
    case SCREEN_FAILED:
        return "D01";
    case SCREEN_CLOSE:
        return "D02";
    case SCREEN_OUT_OF_SERVICE:
        return "K01";
    default:
        return "";
    }
}

/* Numerals only: no language needs a table of months, nobody takes day for month. */
static void write_time(int64_t at_ms, size_t n, char ret[static n])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm local;

    if (at_ms <= 0 || !localtime_r(&at, &local) ||
        strftime(ret, n, "%Y-%m-%d\u00a0%H:%M", &local) == 0)
        snprintf(ret, n, "–");
}

static void write_value(const char *name, size_t n_name, const struct screen_state *state, size_t n,
                        char ret[static n])
{
    if (strncmp(name, "door", n_name) == 0)
        snprintf(ret, n, "%u", state->door);
    else if (strncmp(name, "index", n_name) == 0)
        snprintf(ret, n, "%u", state->index);
    else if (strncmp(name, "of", n_name) == 0)
        snprintf(ret, n, "%u", state->of);
    else if (strncmp(name, "stocked", n_name) == 0)
        snprintf(ret, n, "%u", state->stocked);
    else if (strncmp(name, "bank", n_name) == 0)
        snprintf(ret, n, "%s", state->text);
    else if (strncmp(name, "at", n_name) == 0)
        write_time(state->at_ms, n, ret);
    else
        snprintf(ret, n, "{%.*s}", (int)n_name, name);
}

void words_fill(const char *pattern, const struct screen_state *state, size_t n, char ret[static n])
{
    size_t used = 0;

    ret[0] = '\0';
    while (*pattern && used + 1 < n) {
        const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;

        if (end) {
            write_value(pattern + 1, (size_t)(end - pattern - 1), state, n - used, ret + used);
            used += strlen(ret + used);
            pattern = end + 1;
            continue;
        }
        ret[used++] = *pattern++;
        ret[used] = '\0';
    }
}
