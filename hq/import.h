/* Taking in a file of orders. A reader (CSV or JSON) hands over one order after the other; this
 * side drafts, enters, commits in chunks and tells what became of each. docs/import.md is the
 * manual. */
#pragma once

#include "hq/book.h"
#include "hq/verbs.h"

#include <stdio.h>

#define IMPORT_LINE_MAX (64 * 1024)   /* bytes of a line of CSV */
#define IMPORT_ROW_MAX  (1024 * 1024) /* bytes of an order in JSON */

struct import;

/* Where an order stands in the file. */
struct import_place {
    uint64_t line;  /* from 1 */
    uint64_t index; /* which order of the file, from 1 */
    /* Says line and column of a member of the order ("parcels[1].size"), for CSV; may be NULL. The
     * column is written only when it is another word than the member. */
    void (*locate)(void *userdata, const char *member, uint64_t *line, char *ret_column,
                   size_t size);
    void *userdata;
};

/* Takes one order. Returns 0, also when it is rejected; -errno when the store fails, then the
 * import must stop. */
int import_order(struct import *import, const json_t *row, const struct import_place *place);
/* Tells that the order (NULL = unknown) at `place` cannot be read, with the words of
 * draft_problem. */
int import_reject(struct import *import, const char *order, const struct import_place *place,
                  const struct draft_problem *problem);
/* Says that the file as a whole, or from `line` on (0 = all of it), cannot be used; returns
 * -EINVAL. */
int import_unusable(struct import *import, uint64_t line, const char *format, ...) _printf_(3, 4);

/* The readers. They read `stream` to its end in bounded memory. Return 0; -EINVAL after
 * import_unusable(); what import_order() returned. */
int import_csv(struct import *import, FILE *stream);
int import_json(struct import *import, FILE *stream);
