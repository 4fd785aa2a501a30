/* The columns of the CSV form, and what member of the order's document each fills. Pure. */
#pragma once

#include "hq/draft.h"

#define IMPORT_COLUMNS_MAX 64

enum import_level { IMPORT_ORDER, IMPORT_PARCEL, IMPORT_ITEM };

enum import_type { IMPORT_TEXT, IMPORT_INTEGER, IMPORT_TIME, IMPORT_FLAG };

struct import_column {
    const char *name; /* in the header */
    enum import_level level;
    enum import_type type;
    const char *object; /* the member is inside this object ("slot"), or NULL */
    const char *member;
};

/* The header of one file. */
struct import_columns {
    struct import_column list[IMPORT_COLUMNS_MAX];
    size_t n;
    size_t order;                    /* index of the column "order" */
    char *names[IMPORT_COLUMNS_MAX]; /* owned names of "name:LANG" columns, or NULL */
};

/* Understands a header. Returns 0; -EBADMSG with a sentence to show (owned by the caller); -ENOMEM.
 * import_columns_done() in every case. */
int import_columns_read(struct import_columns *columns, char *const *cells, size_t n_cells,
                        char **ret_problem);
void import_columns_done(struct import_columns *columns);
/* The cell in the column `name`, "" when there is no such column. */
const char *import_columns_cell(const struct import_columns *columns, char *const *cells,
                                const char *name);

/* Sets the member of `object` from a cell that is not empty. -EBADMSG when it contradicts what an
 * earlier line has set, or is no number and no flag. */
int import_column_set(const struct import_column *column, const char *cell, json_t *object,
                      struct draft_problem *ret_problem);

/* The column that fills a member ("parcels[1].items[0].name.en" → "name:en", "slot.to" →
 * "slot_to"). */
void import_columns_name(const char *member, char *ret_column, size_t size);
