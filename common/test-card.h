/* The printed card that cameras are set up with: what its codes say and how large they are. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TEST_CARD_CODES      8
#define TEST_CARD_CHARACTERS 122 /* as many as a P1 has: the same modules */

struct test_card_code {
    const char *name; /* "1.2 mm", "dark mode" … */
    double module_mm;
    double dark, light; /* tones, 0 = black to 1 = white; a dark above a light is dark mode */
};

extern const struct test_card_code test_card[TEST_CARD_CODES];

/* Writes the text of code `i` and a NUL: "T", a digit from 0, and Base45 characters. */
void test_card_text(unsigned i, char ret_text[TEST_CARD_CHARACTERS + 1]);
/* Whether a text is one of them; *ret_i which one. */
bool test_card_find(const char *text, size_t n_bytes, unsigned *ret_i);
