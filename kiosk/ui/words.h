/* What the screen says, in nine languages. Pure. */
#pragma once

#include "kiosk/ui/screen.h"

#include <stddef.h>

/* In the order of the columns of words-table.c. */
enum language {
    LANGUAGE_EN,
    LANGUAGE_ZH_HANS,
    LANGUAGE_ZH_HANT,
    LANGUAGE_JA,
    LANGUAGE_KO,
    LANGUAGE_TH,
    LANGUAGE_RU,
    LANGUAGE_FR,
    LANGUAGE_AR,
    LANGUAGES
};

/* Each has a title, and a hint that says what to do next. */
enum words {
    WORDS_ATTRACT,
    WORDS_HINT_CLOSER,
    WORDS_HINT_FARTHER,
    WORDS_HINT_INSIDE,
    WORDS_HINT_STILL,
    WORDS_HINT_BRIGHT,
    WORDS_HINT_FOREIGN,
    WORDS_WAIT,
    WORDS_OPENING,
    WORDS_TAKE,
    WORDS_CLOSE,
    WORDS_NOT_OPENED,
    WORDS_COLLECTED,
    WORDS_COLLECTED_PARTLY,
    WORDS_FAILED,
    WORDS_OUT_OF_SERVICE,
    WORDS_UNKNOWN,
    WORDS_FORGED,
    WORDS_OTHER_BRANCH,
    WORDS_OTHER_BANK,
    WORDS_NOT_STOCKED,
    WORDS_TOO_EARLY,
    WORDS_EXPIRED,
    WORDS_CANCELLED,
    WORDS_TRANSFERRED,
    WORDS_ALREADY_COLLECTED,
    WORDS_HELD,
    WORDS_ID_CHECK,
    WORDS_CLOCK,
    WORDS_OUT_OF_ORDER,
    WORDS_BUSY,
    WORDS_NUMBER_SLIP,
    WORDS_NUMBER_WAIT,
    WORDS_REFUSED,
    WORDS_STAFF,
    WORDS_STOCK_PLACE,
    WORDS_STOCK_CONFIRM,
    WORDS_RETRIEVE_TAKE,
    WORDS_INSPECT_OPEN,
    WORDS_PARCEL_OF, /* "Parcel 1 of 2": title only */
    WORDS_N
};

struct words_pair {
    const char *title, *hint;
};

/* words_table[words][language]; in words-table.c. */
extern const struct words_pair words_table[WORDS_N][LANGUAGES];

/* From "zh-Hans" …; another one is English. */
enum language language_find(const char *tag);
/* The tag, as Pango and the configuration want it. */
const char *language_tag(enum language language);

/* Which words a state is told with. */
enum words words_of(const struct screen_state *state);
/* A short code that staff can look up in docs/operations.md; "" where there is nothing wrong. */
const char *words_staff_code(const struct screen_state *state);

/* Fills in {door}, {index}, {of}, {bank}, {at} and {stocked}. `ret` is always terminated. A moment
 * comes as local date and time. */
void words_fill(const char *pattern, const struct screen_state *state, size_t n,
                char ret[static n]);
