#include "common/test-card.h"

#include <string.h>

/* From the size that a code has on a phone held as it should be, downwards; then the size of a
 * phone in dark mode and one that is badly dimmed. */
const struct test_card_code test_card[TEST_CARD_CODES] = {
    {"1.2 mm", 1.2, 0, 1}, {"0.8 mm", 0.8, 0, 1}, {"0.6 mm", 0.6, 0, 1}, {"0.5 mm", 0.5, 0, 1},
    {"0.4 mm", 0.4, 0, 1}, {"0.3 mm", 0.3, 0, 1}, {"dark", 0.8, 1, 0},   {"faint", 0.8, 0.6, 0.9},
};

void test_card_text(unsigned i, char ret_text[TEST_CARD_CHARACTERS + 1])
{
    static const char base45[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    unsigned state = 7;

    ret_text[0] = 'T';
    ret_text[1] = (char)('0' + i % TEST_CARD_CODES);
    /* As mixed as a signature, so that the code looks like one of ours. */
    for (size_t k = 2; k < TEST_CARD_CHARACTERS; k++) {
        state = (state * 29 + 13) % 2048;
        ret_text[k] = base45[state % (sizeof(base45) - 1)];
    }
    ret_text[TEST_CARD_CHARACTERS] = '\0';
}

bool test_card_find(const char *text, size_t n_bytes, unsigned *ret_i)
{
    char expected[TEST_CARD_CHARACTERS + 1];

    if (n_bytes != TEST_CARD_CHARACTERS || text[0] != 'T' || text[1] < '0' ||
        text[1] >= '0' + TEST_CARD_CODES)
        return false;
    test_card_text((unsigned)(text[1] - '0'), expected);
    if (memcmp(text, expected, n_bytes) != 0)
        return false;
    *ret_i = (unsigned)(text[1] - '0');
    return true;
}
