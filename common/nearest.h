/* The word somebody probably meant. Pure. */
#pragma once

#include <stddef.h>

/* Returns the candidate that is most like `word`, or NULL when none is near: at most a third of its
 * letters, and never more than three, inserted, dropped, changed or swapped with their neighbour.
 * Case does not count and '-' equals '_'. NULL candidates are skipped. */
const char *nearest_word(const char *word, const char *const *candidates, size_t n_candidates);
