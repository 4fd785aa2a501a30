#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/common/vectors.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts the cells out of "| a | `b c` |". */
static void split(struct vector *row)
{
    char *rest = row->line + 1, *cell;

    row->n_cells = 0;
    while ((cell = strsep(&rest, "|")) && rest && row->n_cells < VECTOR_CELLS_MAX) {
        size_t n = strlen(cell);

        while (n > 0 && cell[n - 1] == ' ')
            cell[--n] = '\0';
        cell += strspn(cell, " ");
        n = strlen(cell);
        if (n >= 2 && cell[0] == '`' && cell[n - 1] == '`') { /* spaces inside belong to it */
            cell[n - 1] = '\0';
            cell++;
        }
        row->cells[row->n_cells++] = cell;
    }
}

size_t vectors_read(const char *header, struct vector *ret_rows, size_t max)
{
    FILE *page = fopen(CODES_PAGE, "re");
    char line[512];
    size_t n = 0;
    int state = 0; /* 0 = looking for the header, 1 = behind it, 2 = in the rows */

    if (!page)
        fail_msg("%s: %s", CODES_PAGE, strerror(errno));
    while (fgets(line, sizeof(line), page)) {
        line[strcspn(line, "\n")] = '\0';
        if (state == 0) {
            state = strcmp(line, header) == 0;
        } else if (state == 1) {
            state = 2;
        } else if (line[0] != '|') {
            break;
        } else {
            assert_true(n < max);
            strcpy(ret_rows[n].line, line);
            split(&ret_rows[n++]);
        }
    }
    fclose(page);
    if (n == 0)
        fail_msg("no table '%s' in %s", header, CODES_PAGE);
    return n;
}

void vector_bytes(const char *hexadecimal, uint8_t *ret_bytes, size_t n)
{
    size_t n_bytes;

    assert_int_equal(
        sodium_hex2bin(ret_bytes, n, hexadecimal, strlen(hexadecimal), NULL, &n_bytes, NULL), 0);
    assert_int_equal(n_bytes, n);
}

uint64_t vector_number(const char *text, int base)
{
    char *end;
    uint64_t number = strtoull(text, &end, base);

    assert_true(end != text && *end == '\0');
    return number;
}
