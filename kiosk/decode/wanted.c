#include "kiosk/decode/wanted.h"

#include "common/code.h"
#include "common/test-card.h"

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

enum wanted wanted_kind(const char *text, size_t n_bytes, unsigned *ret_card)
{
    if (n_bytes < 2)
        return WANTED_FOREIGN;
    if ((n_bytes == CODE_TEXT_MAX && (memcmp(text, "P1", 2) == 0 || memcmp(text, "S1", 2) == 0)) ||
        (n_bytes == P2_CHARACTERS && memcmp(text, "P2", 2) == 0))
        return is_base45(text, n_bytes) ? WANTED_OURS : WANTED_FOREIGN;
    return test_card_find(text, n_bytes, ret_card) ? WANTED_CARD : WANTED_FOREIGN;
}
