#include "hq/import-columns.h"
#include "hq/draft-value.h"

#include "common/nearest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_PREFIX "name:" /* name:en, name:zh-Hans … */

static const struct import_column known[] = {
    {"order", IMPORT_ORDER, IMPORT_TEXT, NULL, "order"},
    {"source_rev", IMPORT_ORDER, IMPORT_INTEGER, NULL, "source_rev"},
    {"branch", IMPORT_ORDER, IMPORT_TEXT, NULL, "branch"},
    {"status", IMPORT_ORDER, IMPORT_TEXT, NULL, "status"},
    {"display", IMPORT_ORDER, IMPORT_TEXT, NULL, "display"},
    {"lang", IMPORT_ORDER, IMPORT_TEXT, NULL, "lang"},
    {"ready_from", IMPORT_ORDER, IMPORT_TIME, NULL, "ready_from"},
    {"pickup_until", IMPORT_ORDER, IMPORT_TIME, NULL, "pickup_until"},
    {"release_at", IMPORT_ORDER, IMPORT_TIME, NULL, "release_at"},
    {"slot_from", IMPORT_ORDER, IMPORT_TIME, "slot", "from"},
    {"slot_to", IMPORT_ORDER, IMPORT_TIME, "slot", "to"},
    {"departure_at", IMPORT_ORDER, IMPORT_TIME, "departure", "at"},
    {"flight", IMPORT_ORDER, IMPORT_TEXT, "departure", "flight"},
    {"id_check", IMPORT_ORDER, IMPORT_FLAG, NULL, "id_check"},
    {"low_door", IMPORT_ORDER, IMPORT_FLAG, NULL, "low_door"},
    {"campaign", IMPORT_ORDER, IMPORT_TEXT, NULL, "campaign"},
    {"member_tag", IMPORT_ORDER, IMPORT_TEXT, NULL, "member_tag"},
    {"parcel", IMPORT_PARCEL, IMPORT_TEXT, NULL, "parcel"},
    {"barcode", IMPORT_PARCEL, IMPORT_TEXT, NULL, "barcode"},
    {"size", IMPORT_PARCEL, IMPORT_TEXT, NULL, "size"},
    {"personalisation", IMPORT_PARCEL, IMPORT_TEXT, "personalisation", "text"},
    {"personalisation_checked", IMPORT_PARCEL, IMPORT_FLAG, "personalisation", "checked"},
    {"sku", IMPORT_ITEM, IMPORT_TEXT, NULL, "sku"},
    {"qty", IMPORT_ITEM, IMPORT_INTEGER, NULL, "qty"},
};

static const char *const required[] = {"order", "branch", "parcel", "size", "sku", "qty"};

static const struct import_column *find_known(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

static int _printf_(2, 3) complain(char **ret_problem, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_problem, format, ap) < 0)
        *ret_problem = NULL;
    va_end(ap);
    return *ret_problem ? -EBADMSG : -ENOMEM;
}

static int unknown(const char *name, char **ret_problem)
{
    const char *names[ELEMENTSOF(known)], *near;

    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        names[i] = known[i].name;
    near = nearest_word(name, names, ELEMENTSOF(known));
    if (near)
        return complain(ret_problem, "The header has the unknown column '%s'. Did you mean '%s'?",
                        name, near);
    return complain(ret_problem,
                    "The header has the unknown column '%s'. Remove it; docs/import.md has the "
                    "list.",
                    name);
}

static int read_column(struct import_columns *columns, const char *name, char **ret_problem)
{
    struct import_column *column = &columns->list[columns->n];
    const struct import_column *found = find_known(name);

    for (size_t i = 0; i < columns->n; i++)
        if (strcmp(columns->list[i].name, name) == 0)
            return complain(ret_problem, "The header has '%s' twice. Remove one.", name);
    if (found) {
        *column = *found;
    } else if (strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) == 0 && name[strlen(NAME_PREFIX)]) {
        char *copy = strdup(name);

        if (!copy)
            return -ENOMEM;
        columns->names[columns->n] = copy;
        *column = (struct import_column){copy, IMPORT_ITEM, IMPORT_TEXT, "name",
                                         copy + strlen(NAME_PREFIX)};
    } else {
        return unknown(name, ret_problem);
    }
    if (strcmp(column->name, "order") == 0)
        columns->order = columns->n;
    columns->n++;
    return 0;
}

int import_columns_read(struct import_columns *columns, char *const *cells, size_t n_cells,
                        char **ret_problem)
{

    for (size_t i = 0; i < n_cells; i++) {
        int r = read_column(columns, cells[i], ret_problem);

        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < ELEMENTSOF(required); i++) {
        bool given = false;

        for (size_t k = 0; k < columns->n && !given; k++)
            given = strcmp(columns->list[k].name, required[i]) == 0;
        if (!given)
            return complain(ret_problem,
                            "The header lacks the column '%s'. It needs order, branch, parcel, "
                            "size, sku, qty and name:LANG.",
                            required[i]);
    }
    return 0;
}

void import_columns_done(struct import_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        free(columns->names[i]);
    columns->n = 0;
}

const char *import_columns_cell(const struct import_columns *columns, char *const *cells,
                                const char *name)
{
    for (size_t i = 0; i < columns->n; i++)
        if (strcmp(columns->list[i].name, name) == 0)
            return cells[i];
    return "";
}

static json_t *number(const char *cell)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(cell, &end, 10);
    return errno || *end || end == cell ? NULL : json_integer(value);
}

static json_t *flag(const char *cell)
{
    static const char *const yes[] = {"yes", "true", "1"}, *const no[] = {"no", "false", "0"};

    for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
        if (strcmp(cell, yes[i]) == 0)
            return json_true();
        if (strcmp(cell, no[i]) == 0)
            return json_false();
    }
    return NULL;
}

/* The value of a cell, NULL when it cannot be one. A time in digits is in milliseconds; what is
 * wrong with another is told when the order is drafted. */
static json_t *value_of(const struct import_column *column, const char *cell)
{
    switch (column->type) {
    case IMPORT_INTEGER:
        return number(cell);
    case IMPORT_FLAG:
        return flag(cell);
    case IMPORT_TIME:
        return number(cell) ?: json_string(cell);
    case IMPORT_TEXT:
        break;
    }
    return json_string(cell);
}

/* The object that holds the member, made when it is not there yet. */
static json_t *holder_of(const struct import_column *column, json_t *object)
{
    json_t *inner;

    if (!column->object)
        return object;
    inner = json_object_get(object, column->object);
    if (inner)
        return inner;
    inner = json_object();
    return json_object_set_new(object, column->object, inner) < 0 ? NULL : inner;
}

int import_column_set(const struct import_column *column, const char *cell, json_t *object,
                      struct draft_problem *ret_problem)
{
    json_auto_t *value = value_of(column, cell);
    json_t *holder, *before;

    if (!value)
        return column->type == IMPORT_INTEGER
                   ? draft_fail(ret_problem, "", column->name, "Write digits only.",
                                "'%s' is not a whole number", cell)
               : column->type == IMPORT_FLAG
                   ? draft_fail(ret_problem, "", column->name, "Write yes or no.",
                                "'%s' is neither yes nor no", cell)
                   : draft_fail(ret_problem, "", column->name, "Save the file as UTF-8.",
                                "is not valid UTF-8");
    holder = holder_of(column, object);
    if (!holder)
        return -ENOMEM;
    before = json_object_get(holder, column->member);
    if (before && !json_equal(before, value))
        return draft_fail(ret_problem, "", column->name,
                          "Write the same in all lines of an order or parcel, or leave the cell "
                          "empty.",
                          "'%s' contradicts a line above", cell);
    return json_object_set(holder, column->member, value) < 0 ? -ENOMEM : 0;
}

void import_columns_name(const char *member, char *ret_column, size_t size)
{
    const char *p = member, *name;

    if (strncmp(p, "parcels[", 8) == 0 && (p = strchr(p, '.')))
        p++;
    else
        p = member;
    if (strncmp(p, "items[", 6) == 0 && strchr(p, '.'))
        p = strchr(p, '.') + 1;
    for (size_t i = 0; i < ELEMENTSOF(known); i++) {
        const char *object = known[i].object;
        size_t n = object ? strlen(object) : 0;

        if (object && strncmp(p, object, n) == 0 && p[n] == '.' &&
            strcmp(p + n + 1, known[i].member) == 0) {
            snprintf(ret_column, size, "%s", known[i].name);
            return;
        }
    }
    name = strncmp(p, "name.", 5) == 0 ? p + 5 : NULL;
    if (strcmp(p, "name") == 0)
        snprintf(ret_column, size, NAME_PREFIX "LANG");
    else if (name)
        snprintf(ret_column, size, NAME_PREFIX "%s", name);
    else
        snprintf(ret_column, size, "%s", p);
}
