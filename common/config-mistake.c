#include "common/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int config_mistake_add(struct config_mistakes *mistakes, const char *file, unsigned line,
                       const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *name = strdup(file);
    struct config_mistake *items;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&text, format, ap);
    va_end(ap);
    if (r < 0)
        text = NULL;
    items = reallocarray(mistakes->items, mistakes->n + 1, sizeof(*items));
    if (items)
        mistakes->items = items;
    if (!items || !text || !name)
        return -ENOMEM;
    items[mistakes->n++] = (struct config_mistake){
        .file = TAKE_PTR(name),
        .line = line,
        .text = TAKE_PTR(text),
    };
    return -EINVAL;
}

void config_mistakes_done(struct config_mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->n; i++) {
        free(mistakes->items[i].file);
        free(mistakes->items[i].text);
    }
    free(mistakes->items);
    *mistakes = (struct config_mistakes){0};
}

static int compare(const void *left, const void *right)
{
    const struct config_mistake *a = *(const struct config_mistake *const *)left;
    const struct config_mistake *b = *(const struct config_mistake *const *)right;
    int order = strcmp(a->file, b->file);

    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    /* Several mistakes of one line stay in the order they were found in. */
    return order ? order : (a > b) - (a < b);
}

static void print_one(const struct config_mistake *mistake)
{
    if (mistake->line > 0)
        fprintf(stderr, "%s:%u: ", mistake->file, mistake->line);
    else
        fprintf(stderr, "%s: ", mistake->file);
    /* The text quotes the file, which may hold anything. */
    for (const char *p = mistake->text; *p; p++)
        fputc((unsigned char)*p < ' ' || *p == 0x7F ? '?' : *p, stderr);
    fputc('\n', stderr);
}

void config_mistakes_print(const struct config_mistakes *mistakes)
{
    _cleanup_free_ const struct config_mistake **sorted = calloc(mistakes->n + 1, sizeof(*sorted));

    for (size_t i = 0; i < mistakes->n; i++)
        if (sorted)
            sorted[i] = &mistakes->items[i];
        else
            print_one(&mistakes->items[i]);
    if (!sorted)
        return;
    qsort(sorted, mistakes->n, sizeof(*sorted), compare);
    for (size_t i = 0; i < mistakes->n; i++)
        print_one(sorted[i]);
}
