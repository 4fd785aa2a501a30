#include "kiosk/decode/wanted.h"

#include "common/code.h"

#include <string.h>

#define P2_CHARACTERS 44

static const char base45[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

static bool is_base45(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0' || !strchr(base45, text[i]))
            return false;
    return true;
}

void wanted_card_text(unsigned card, char ret_text[WANTED_CARD_CHARACTERS + 1])
{
    /* As mixed as a signature, so that a code of it looks like one of ours. */
    unsigned state = 7;

    ret_text[0] = 'T';
    ret_text[1] = (char)('0' + card % WANTED_CARD_CODES);
    for (size_t i = 2; i < WANTED_CARD_CHARACTERS; i++) {
        state = (state * 29 + 13) % 2048;
        ret_text[i] = base45[state % (sizeof(base45) - 1)];
    }
    ret_text[WANTED_CARD_CHARACTERS] = '\0';
}

static bool is_card(const char *text, size_t n_bytes, unsigned *ret_card)
{
    char expected[WANTED_CARD_CHARACTERS + 1];

    if (n_bytes != WANTED_CARD_CHARACTERS || text[0] != 'T' || text[1] < '0' ||
        text[1] >= '0' + WANTED_CARD_CODES)
        return false;
    wanted_card_text((unsigned)(text[1] - '0'), expected);
    if (memcmp(text, expected, n_bytes) != 0)
        return false;
    *ret_card = (unsigned)(text[1] - '0');
    return true;
}

enum wanted wanted_kind(const char *text, size_t n_bytes, unsigned *ret_card)
{
    if (n_bytes < 2)
        return WANTED_FOREIGN;
    if ((n_bytes == CODE_TEXT_MAX && (memcmp(text, "P1", 2) == 0 || memcmp(text, "S1", 2) == 0)) ||
        (n_bytes == P2_CHARACTERS && memcmp(text, "P2", 2) == 0))
        return is_base45(text, n_bytes) ? WANTED_OURS : WANTED_FOREIGN;
    return is_card(text, n_bytes, ret_card) ? WANTED_CARD : WANTED_FOREIGN;
}
