#include "common/nearest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 48

static char folded(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau 1964, without repeated edits of one place). Both words
 * are at most WORD_MAX characters long. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= n_a; i++)
        rows[i][0] = (unsigned)i;
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        for (size_t j = 1; j <= n_b; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);

            rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1);
            rows[i][j] = least(rows[i][j], rows[i - 1][j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]))
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[n_a][n_b];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t n_candidates)
{
    const char *best = NULL;
    unsigned best_distance = 4;
    size_t n = strlen(word);

    if (n > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n_candidates; i++) {
        size_t n_candidate = candidates[i] ? strlen(candidates[i]) : 0;
        unsigned d;

        if (n_candidate == 0 || n_candidate > WORD_MAX)
            continue;
        d = distance(word, n, candidates[i], n_candidate);
        if (d < best_distance && d * 3 <= n_candidate) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}
