/* A table that fits the terminal: columns as wide as their content, the widest ones cut when the
 * lines would be longer. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table;

/* `headings` is NULL-terminated; not copied. */
int table_new(const char *const *headings, struct table **ret_table);
struct table *table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free);
/* Adds the next cell, row by row; NULL is shown as "-". */
int table_add(struct table *table, const char *text);
int table_addf(struct table *table, const char *format, ...) _printf_(2, 3);
/* Prints it. `width` 0 = as wide as the terminal, or any width when it is none. */
void table_print(const struct table *table, FILE *stream, unsigned width);
