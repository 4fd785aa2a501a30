#include "daemon/ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#define COLUMNS_MAX 12

static size_t terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (columns && atoi(columns) > 0)
        return (size_t)atoi(columns);
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 1000; /* a file or a pipe: nothing is cut */
}

static void cell(const json_t *row, const char *key, char *ret, size_t size)
{
    const json_t *value = json_object_get(row, key);

    if (json_is_string(value))
        snprintf(ret, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(ret, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(ret, size, "%s", json_is_true(value) ? "yes" : "no");
    else
        *ret = '\0';
}

/* Columns on the terminal that the text takes (East Asian characters take two), and where it has to
 * be cut to take at most `max`. */
static size_t width(const char *text, size_t max, size_t *ret_bytes)
{
    mbstate_t state = {};
    size_t columns = 0, i = 0;

    while (text[i]) {
        wchar_t character;
        size_t n = mbrtowc(&character, text + i, strlen(text + i), &state);
        int w = n > 4 ? 1 : wcwidth(character);

        if (n > 4) {
            n = 1;
            memset(&state, 0, sizeof(state));
        }
        if (columns + (size_t)(w > 0 ? w : 0) > max)
            break;
        columns += (size_t)(w > 0 ? w : 0);
        i += n;
    }
    *ret_bytes = i;
    return columns;
}

static void print_row(const json_t *row, const char *const *keys, const size_t *widths, size_t room)
{
    for (size_t i = 0; keys[i]; i++) {
        size_t max = widths[i] < room ? widths[i] : room, bytes, columns;
        char text[512];

        if (row)
            cell(row, keys[i], text, sizeof(text));
        else
            snprintf(text, sizeof(text), "%s", keys[i]);
        columns = width(text, max, &bytes);
        fwrite(text, 1, bytes, stdout);
        room -= max;
        if (keys[i + 1])
            for (size_t k = columns; k < max + 2 && room > 0; k++)
                putchar(' ');
        room -= room > 2 ? 2 : room;
    }
    putchar('\n');
}

void ctl_print_table(json_t *rows, const char *const *keys)
{
    size_t widths[COLUMNS_MAX] = {}, i, bytes, room = terminal_width();
    const json_t *row;

    for (size_t k = 0; keys[k]; k++) {
        widths[k] = strlen(keys[k]);
        json_array_foreach (rows, i, row) {
            char text[512];
            size_t columns;

            cell(row, keys[k], text, sizeof(text));
            columns = width(text, sizeof(text), &bytes);
            if (columns > widths[k])
                widths[k] = columns;
        }
    }
    print_row(NULL, keys, widths, room);
    json_array_foreach (rows, i, row)
        print_row(row, keys, widths, room);
    json_decref(rows);
}

void ctl_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(value);
}
