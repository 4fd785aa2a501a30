#include "hq/table.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#define GAP     2
#define CUT_MIN 6 /* no column is cut to less */

struct table {
    const char *const *headings;
    size_t n_columns;
    char **cells;
    size_t n_cells;
};

int table_new(const char *const *headings, struct table **ret_table)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return -ENOMEM;
    table->headings = headings;
    while (headings[table->n_columns])
        table->n_columns++;
    *ret_table = table;
    return 0;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
    return NULL;
}

int table_add(struct table *table, const char *text)
{
    char *copy = strdup(text ?: "-");

    if (copy && (table->n_cells & (table->n_cells + 1)) == 0) { /* grows at 0, 1, 3, 7 … */
        char **cells = reallocarray(table->cells, 2 * table->n_cells + 1, sizeof(*cells));

        if (!cells) {
            free(copy);
            return -ENOMEM;
        }
        table->cells = cells;
    }
    if (!copy)
        return -ENOMEM;
    table->cells[table->n_cells++] = copy;
    return 0;
}

int table_addf(struct table *table, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return table_add(table, text);
}

/* One character: its bytes and the columns it takes. */
static size_t character(const char *text, unsigned *ret_columns)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t n = mbrtowc(&c, text, MB_LEN_MAX, &state);
    int columns;

    if (n == 0 || n > MB_LEN_MAX) {
        *ret_columns = 1;
        return 1;
    }
    columns = wcwidth(c);
    *ret_columns = columns > 0 ? (unsigned)columns : 0;
    return n;
}

static unsigned text_width(const char *text)
{
    unsigned width = 0, columns;

    while (*text) {
        text += character(text, &columns);
        width += columns;
    }
    return width;
}

/* Prints at most `width` columns, with an ellipsis when something was cut, and fills up to it. */
static void print_cell(FILE *stream, const char *text, unsigned width, bool last)
{
    unsigned used = 0, columns, room = text_width(text) > width ? width - 1 : width;

    while (*text) {
        size_t n = character(text, &columns);

        if (used + columns > room)
            break;
        for (size_t i = 0; i < n; i++) /* what banks report must not drive the terminal */
            fputc((unsigned char)text[i] < ' ' || text[i] == 0x7F ? '?' : text[i], stream);
        used += columns;
        text += n;
    }
    if (*text) {
        fputs("…", stream);
        used++;
    }
    if (!last)
        fprintf(stream, "%*s", (int)(width - used) + GAP, "");
}

static unsigned terminal_width(FILE *stream)
{
    struct winsize size;

    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col
                                                                                   : 0;
}

/* Takes from the widest column until the line fits. */
static void cut(unsigned *widths, size_t n, unsigned width)
{
    for (;;) {
        unsigned sum = 0;
        size_t widest = 0;

        for (size_t i = 0; i < n; i++) {
            sum += widths[i] + (i + 1 < n ? GAP : 0);
            if (widths[i] > widths[widest])
                widest = i;
        }
        if (sum <= width || widths[widest] <= CUT_MIN)
            return;
        widths[widest]--;
    }
}

void table_print(const struct table *table, FILE *stream, unsigned width)
{
    size_t n = table->n_columns;
    unsigned widths[n];

    for (size_t i = 0; i < n; i++)
        widths[i] = text_width(table->headings[i]);
    for (size_t i = 0; i < table->n_cells; i++) {
        unsigned own = text_width(table->cells[i]);

        if (own > widths[i % n])
            widths[i % n] = own;
    }
    width = width ?: terminal_width(stream);
    if (width)
        cut(widths, n, width);
    for (size_t i = 0; i < n; i++)
        print_cell(stream, table->headings[i], widths[i], i + 1 == n);
    for (size_t i = 0; i < table->n_cells; i++) {
        if (i % n == 0)
            fputc('\n', stream);
        print_cell(stream, table->cells[i], widths[i % n], i % n + 1 == n);
    }
    fputc('\n', stream);
}
