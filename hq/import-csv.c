/* Orders from CSV: one line per item, the lines of an order behind each other. A line is a row:
 * quotes may not hold line ends, so that a lost quote costs one line and not the rest of the file.
 * libcsv splits each line; the columns are those of docs/import.md. */
#include "hq/import.h"
#include "hq/import-columns.h"

#include "common/order.h"

#include <csv.h>
#include <errno.h>
#include <string.h>

#define PARCELS_MAX     (ORDER_PARCELS_MAX + 1) /* one more than may be: drafting tells */
#define ORDER_LINES_MAX (ORDER_PARCELS_MAX * 200)

/* One line, split. */
struct row {
    char *cells[IMPORT_COLUMNS_MAX];
    size_t n;
    bool broken; /* a quote is not closed */
    bool too_many;
};

/* The order whose lines are being gathered. */
struct group {
    json_t *order; /* NULL = none */
    char *name;    /* its number, "" when it cannot be read */
    uint64_t line; /* its first */
    size_t n_lines;
    uint64_t parcel_lines[PARCELS_MAX]; /* the first line of each parcel */
    bool bad;                           /* told already: the rest of its lines is skipped */
};

struct reading {
    struct import *import;
    struct import_columns columns;
    struct csv_parser parser;
    uint64_t line, index;
    struct row row;
    struct group group;
};

static void on_cell(void *bytes, size_t n, void *userdata)
{
    struct row *row = userdata;

    if (row->n == IMPORT_COLUMNS_MAX) {
        row->too_many = true;
        return;
    }
    row->cells[row->n] = strndup(bytes ?: "", n);
    if (row->cells[row->n])
        row->n++;
}

static void clear_row(struct row *row)
{
    for (size_t i = 0; i < row->n; i++)
        free(row->cells[i]);
    *row = (struct row){0};
}

/* An odd number of quotes: one is not closed. */
static bool quote_open(const char *line, size_t n)
{
    bool open = false;

    for (size_t i = 0; i < n; i++)
        open ^= line[i] == '"';
    return open;
}

static int split(struct reading *reading, const char *line, size_t n)
{
    clear_row(&reading->row);
    reading->row.broken = quote_open(line, n);
    if (csv_parse(&reading->parser, line, n, on_cell, NULL, &reading->row) != n ||
        csv_fini(&reading->parser, on_cell, NULL, &reading->row) != 0)
        return -ENOMEM;
    return 0;
}

/* --- telling what is wrong -------------------------------------------------------------------- */

/* Says line and column of a member of the order's document. */
static void locate(void *userdata, const char *member, uint64_t *line, char *ret_column,
                   size_t size)
{
    const struct reading *reading = userdata;
    size_t parcel;

    if (sscanf(member, "parcels[%zu]", &parcel) == 1 && parcel < PARCELS_MAX &&
        parcel < json_array_size(json_object_get(reading->group.order, "parcels")))
        *line = reading->group.parcel_lines[parcel];
    import_columns_name(member, ret_column, size);
}

static int reject_at(struct reading *reading, uint64_t line, const char *column, const char *reason,
                     const char *remedy)
{
    struct draft_problem problem = {(char *)column, (char *)reason, (char *)remedy};
    const struct import_place place = {.line = line, .index = reading->index};
    const char *name = reading->group.name;

    reading->group.bad = true;
    return import_reject(reading->import, name && *name ? name : NULL, &place, &problem);
}

/* --- gathering the lines of an order ---------------------------------------------------------- */

static void clear_group(struct group *group)
{
    json_decref(group->order);
    free(group->name);
    *group = (struct group){0};
}

static int end_group(struct reading *reading)
{
    const struct import_place place = {
        .line = reading->group.line,
        .index = reading->index,
        .locate = locate,
        .userdata = reading,
    };
    int r = 0;

    if (reading->group.order && !reading->group.bad)
        r = import_order(reading->import, reading->group.order, &place);
    clear_group(&reading->group);
    return r;
}

static int begin_group(struct reading *reading, const char *name)
{
    int r = end_group(reading);

    if (r < 0)
        return r;
    reading->index++;
    reading->group = (struct group){
        .order = json_pack("{s:[]}", "parcels"),
        .name = strdup(name),
        .line = reading->line,
    };
    return reading->group.order && reading->group.name ? 0 : -ENOMEM;
}

/* Sets what a line says of its order, parcel or item; an empty cell says nothing. A line that
 * contradicts an earlier one makes the order bad. */
static int set_cells(struct reading *reading, enum import_level level, json_t *object)
{
    for (size_t i = 0; i < reading->row.n; i++) {
        const struct import_column *column = &reading->columns.list[i];
        struct draft_problem problem = {0};
        int r;

        if (column->level != level || !*reading->row.cells[i])
            continue;
        r = import_column_set(column, reading->row.cells[i], object, &problem);
        if (r == -EBADMSG) {
            r = reject_at(reading, reading->line, problem.member, problem.reason, problem.remedy);
            draft_problem_done(&problem);
            return r;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* The parcel of this line: the last one when it names the same, else a new one. */
static json_t *parcel_of(struct reading *reading)
{
    json_t *parcels = json_object_get(reading->group.order, "parcels"), *parcel;
    size_t n = json_array_size(parcels);
    const char *name = import_columns_cell(&reading->columns, reading->row.cells, "parcel");

    if (++reading->group.n_lines > ORDER_LINES_MAX)
        return NULL;
    parcel = json_array_get(parcels, n - 1);
    if (parcel &&
        (!*name || strcmp(json_string_value(json_object_get(parcel, "parcel")) ?: "", name) == 0))
        return parcel;
    if (n == PARCELS_MAX)
        return NULL;
    parcel = json_pack("{s:[]}", "items");
    reading->group.parcel_lines[n] = reading->line;
    return json_array_append_new(parcels, parcel) < 0 ? NULL : parcel;
}

static int add_line(struct reading *reading)
{
    json_t *parcel, *item;
    int r = set_cells(reading, IMPORT_ORDER, reading->group.order);

    if (r < 0 || reading->group.bad)
        return r;
    parcel = parcel_of(reading);
    if (!parcel)
        return reject_at(reading, reading->line, "parcel", "is one of too many",
                         "Make several orders of it.");
    r = set_cells(reading, IMPORT_PARCEL, parcel);
    if (r < 0 || reading->group.bad)
        return r;
    item = json_object();
    if (json_array_append_new(json_object_get(parcel, "items"), item) < 0)
        return -ENOMEM;
    return set_cells(reading, IMPORT_ITEM, item);
}

/* What is wrong with the line as such; NULL = nothing. */
static const char *line_problem(const struct reading *reading, size_t n, const char *line,
                                const char **ret_remedy)
{
    if (n > IMPORT_LINE_MAX) {
        *ret_remedy = "Shorten it.";
        return "is longer than 64 KiB";
    }
    if (memchr(line, '\0', n)) {
        *ret_remedy = "Save the file as plain text in UTF-8.";
        return "holds a NUL byte";
    }
    if (reading->row.broken) {
        *ret_remedy = "Close it, write a quote inside quotes twice, and keep each row on one line.";
        return "has a quote that is not closed";
    }
    if (reading->row.n != reading->columns.n || reading->row.too_many) {
        *ret_remedy = "Give each row as many cells as the header; put text with commas in quotes.";
        return "has another number of cells than the header";
    }
    return NULL;
}

static bool blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\n,;", line[i]) || !line[i])
            return false;
    return true;
}

static int take_line(struct reading *reading, const char *line, size_t n)
{
    const char *name, *problem, *remedy = NULL;
    int r;

    if (blank(line, n))
        return 0;
    r = split(reading, line, n > IMPORT_LINE_MAX ? IMPORT_LINE_MAX : n);
    if (r < 0)
        return r;
    problem = line_problem(reading, n, line, &remedy);
    name =
        reading->columns.order < reading->row.n ? reading->row.cells[reading->columns.order] : "";
    if (!reading->group.order || !*name || strcmp(reading->group.name, name) != 0) {
        r = begin_group(reading, name);
        if (r < 0)
            return r;
    }
    if (reading->group.bad)
        return 0;
    return problem ? reject_at(reading, reading->line, "the row", problem, remedy)
                   : add_line(reading);
}

/* --- the file --------------------------------------------------------------------------------- */

static void choose_delimiter(struct csv_parser *parser, const char *header)
{
    static const char delimiters[] = ",;\t";

    for (size_t i = 0; delimiters[i]; i++) {
        if (strchr(header, delimiters[i])) {
            csv_set_delim(parser, (unsigned char)delimiters[i]);
            return;
        }
    }
}

static int read_header(struct reading *reading, const char *line, size_t n)
{
    _cleanup_free_ char *problem = NULL;
    int r;

    choose_delimiter(&reading->parser, line);
    r = split(reading, line, n);
    if (r >= 0)
        r = import_columns_read(&reading->columns, reading->row.cells, reading->row.n, &problem);
    if (r == -EBADMSG)
        return import_unusable(reading->import, reading->line, "%s", problem);
    return r;
}

/* Reads a line of any length, and keeps at most one byte more than is allowed. */
static ssize_t read_line(FILE *stream, char *ret_line)
{
    ssize_t n = 0;
    int c;

    while ((c = getc_unlocked(stream)) != EOF) {
        if (n <= IMPORT_LINE_MAX)
            ret_line[n++] = (char)c;
        if (c == '\n')
            break;
    }
    ret_line[n] = '\0';
    return n > 0 ? n : -1;
}

int import_csv(struct import *import, FILE *stream)
{
    struct reading reading = {.import = import};
    _cleanup_free_ char *line = malloc(IMPORT_LINE_MAX + 2);
    ssize_t n;
    int r = 0;

    if (!line || csv_init(&reading.parser, CSV_APPEND_NULL) != 0)
        return -ENOMEM;
    while (r >= 0 && (n = read_line(stream, line)) >= 0) {
        reading.line++;
        if (reading.columns.n > 0)
            r = take_line(&reading, line, (size_t)n);
        else if (!blank(line, (size_t)n))
            r = read_header(&reading, line, (size_t)n);
    }
    if (r >= 0)
        r = end_group(&reading);
    if (r >= 0 && reading.columns.n == 0)
        r = import_unusable(import, 0, "The file has no header. Begin with the names of columns.");
    clear_row(&reading.row);
    clear_group(&reading.group);
    import_columns_done(&reading.columns);
    csv_free(&reading.parser);
    return r;
}
