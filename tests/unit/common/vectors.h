/* Reads the tables of docs/codes.md, so that the page and the code cannot drift apart. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VECTOR_CELLS_MAX 12

struct vector {
    char line[512];
    char *cells[VECTOR_CELLS_MAX]; /* without white space and back quotes around; into `line` */
    size_t n_cells;
};

/* The rows of the table whose header line is `header`, at most `max`. Fails the test when the page
 * or the table is not there. */
size_t vectors_read(const char *header, struct vector *ret_rows, size_t max);

/* Decodes hexadecimal text of exactly `n` bytes, or fails the test. */
void vector_bytes(const char *hexadecimal, uint8_t *ret_bytes, size_t n);
/* A number in decimal or, with base 16, hexadecimal; fails the test on anything else. */
uint64_t vector_number(const char *text, int base);
