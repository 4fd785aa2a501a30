/* Orders from JSON: an array, {"orders":[…]}, or one object a line (JSON lines). A small splitter
 * finds where each order begins and ends, and jansson reads it, so that memory is bounded by one
 * order and a broken one costs only itself. */
#include "hq/import.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX  64
#define ORDER_WORD "\"order\""

struct splitter {
    struct import *import;
    FILE *stream;
    uint64_t line;  /* of the next character */
    uint64_t index; /* orders so far */
    bool lines;     /* one object a line */
    bool carried;   /* {"order" was read and belongs to the next order */

    char *text; /* the order being read, at most IMPORT_ROW_MAX bytes */
    size_t n;
    uint64_t text_line; /* where it began */
};

static int next(struct splitter *splitter)
{
    int c = getc_unlocked(splitter->stream);

    if (c == '\n')
        splitter->line++;
    return c;
}

static void back(struct splitter *splitter, int c)
{
    if (c == '\n')
        splitter->line--;
    if (c != EOF)
        ungetc(c, splitter->stream);
}

static int next_but_space(struct splitter *splitter)
{
    int c;

    do
        c = next(splitter);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
    return c;
}

static int reject(struct splitter *splitter, const char *reason, const char *remedy)
{
    struct draft_problem problem = {(char *)"the row", (char *)reason, (char *)remedy};
    const struct import_place place = {.line = splitter->text_line, .index = splitter->index};

    return import_reject(splitter->import, NULL, &place, &problem);
}

/* Appends to the order; what is over the limit is dropped, and told when the order ends. */
static void keep(struct splitter *splitter, int c)
{
    if (splitter->n < IMPORT_ROW_MAX)
        splitter->text[splitter->n] = (char)c;
    splitter->n++;
}

/* Reads the order in `text`. */
static int take(struct splitter *splitter)
{
    const struct import_place place = {.line = splitter->text_line, .index = ++splitter->index};
    json_auto_t *row = NULL;
    char reason[JSON_ERROR_TEXT_LENGTH + 64];
    json_error_t error;

    if (splitter->n > IMPORT_ROW_MAX)
        return reject(splitter, "is longer than 1 MiB, or lacks its closing bracket",
                      "Look for a lost bracket or quote.");
    row = json_loadb(splitter->text, splitter->n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (row)
        return import_order(splitter->import, row, &place);
    snprintf(reason, sizeof(reason), "is not JSON in line %llu: %s",
             (unsigned long long)splitter->text_line +
                 (unsigned)(error.line > 0 ? error.line - 1 : 0),
             error.text);
    return reject(splitter, reason,
                  splitter->lines ? "Correct it; in JSON lines each line is one order."
                                  : "Correct brackets, commas and quotes.");
}

/* The brackets of the order being read, and where it stands in a text. */
struct nesting {
    char stack[DEPTH_MAX];
    size_t depth;
    bool quoted, escaped;
    size_t quote;  /* where the last text began */
    size_t opened; /* where the last '{' inside the order stood; 0 = none */
};

/* True when what was just read is {"order" inside an order: a bracket was lost, and the next order
 * has begun. */
static bool other_order_begins(const struct splitter *splitter, const struct nesting *nesting)
{
    size_t n_word = strlen(ORDER_WORD);

    if (nesting->opened == 0 || splitter->n > IMPORT_ROW_MAX ||
        splitter->n - nesting->quote != n_word ||
        memcmp(splitter->text + nesting->quote, ORDER_WORD, n_word) != 0)
        return false;
    for (size_t i = nesting->opened + 1; i < nesting->quote; i++)
        if (!strchr(" \t\r\n", splitter->text[i]))
            return false;
    return true;
}

/* A bracket closes the nearest one of its kind, and what was left open inside. */
static void close_bracket(struct nesting *nesting, char open)
{
    size_t d = nesting->depth;

    while (d > 0 && nesting->stack[d - 1] != open)
        d--;
    if (d > 0)
        nesting->depth = d - 1;
}

static void read_quoted(struct splitter *splitter, struct nesting *nesting, int c)
{
    nesting->quoted = (nesting->escaped || c != '"') && c != '\n'; /* no text holds a line end */
    nesting->escaped = !nesting->escaped && c == '\\';
    if (nesting->quoted || !other_order_begins(splitter, nesting))
        return;
    splitter->n = nesting->opened;
    splitter->carried = true;
}

/* Reads an order that begins with `c`: up to where its brackets close, or before a comma or bracket
 * that does not belong to it, or before the next order. */
static void read_value(struct splitter *splitter, int c)
{
    struct nesting nesting = {0};

    splitter->n = 0;
    splitter->text_line = splitter->line;
    if (TAKE(splitter->carried, false)) { /* the stream stands behind {"order" */
        splitter->n = strlen("{" ORDER_WORD);
        memcpy(splitter->text, "{" ORDER_WORD, splitter->n);
        nesting.stack[nesting.depth++] = '{';
    }
    for (; c != EOF; c = next(splitter)) {
        if (nesting.depth == 0 && !nesting.quoted && splitter->n > 0 && strchr(",] \t\r\n", c)) {
            back(splitter, c);
            return;
        }
        keep(splitter, c);
        if (nesting.quoted) {
            read_quoted(splitter, &nesting, c);
            if (splitter->carried)
                return;
        } else if (c == '"') {
            nesting.quoted = true;
            nesting.quote = splitter->n - 1;
        } else if (c == '{' || c == '[') {
            if (c == '{')
                nesting.opened = splitter->n - 1;
            if (nesting.depth < DEPTH_MAX)
                nesting.stack[nesting.depth++] = (char)c;
        } else if (c == '}' || c == ']') {
            close_bracket(&nesting, c == '}' ? '{' : '[');
            if (nesting.depth == 0)
                return;
        }
    }
}

static int read_array(struct splitter *splitter)
{
    int c = next_but_space(splitter), r = 0;

    while (c != EOF && (c != ']' || splitter->carried) && r >= 0) {
        if (c != ',' || splitter->carried) {
            read_value(splitter, c);
            r = take(splitter);
        }
        c = splitter->carried ? next(splitter) : next_but_space(splitter);
    }
    if (r >= 0 && c == EOF)
        return import_unusable(splitter->import, splitter->line,
                               "The array is not closed, so the end may be missing. What was read "
                               "is in; export the file again.");
    return r;
}

static int read_lines(struct splitter *splitter)
{
    int c = next_but_space(splitter), r = 0;

    splitter->lines = true;
    while (c != EOF && r >= 0) {
        splitter->n = 0;
        splitter->text_line = splitter->line;
        for (; c != EOF && c != '\n'; c = next(splitter))
            keep(splitter, c);
        r = take(splitter);
        c = next_but_space(splitter);
    }
    return r;
}

/* True when the file begins with {"orders":[ ; the stream then stands behind the bracket. */
static bool skip_frame(struct splitter *splitter)
{
    static const char word[] = "\"orders\"";
    long begin = ftell(splitter->stream);
    uint64_t line = splitter->line;
    int c = next_but_space(splitter);

    for (size_t i = 0; word[i] && c == word[i]; i++) {
        c = next(splitter);
        if (word[i + 1] == '\0') {
            if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
                c = next_but_space(splitter);
            if (c == ':' && next_but_space(splitter) == '[')
                return true;
        }
    }
    fseek(splitter->stream, begin, SEEK_SET);
    splitter->line = line;
    return false;
}

int import_json(struct import *import, FILE *stream)
{
    struct splitter splitter = {.import = import, .stream = stream, .line = 1};
    int c = next_but_space(&splitter), r;

    splitter.text = malloc(IMPORT_ROW_MAX);
    if (!splitter.text)
        return -ENOMEM;
    if (c == '[' || (c == '{' && skip_frame(&splitter))) {
        r = read_array(&splitter);
    } else if (c == '{') {
        back(&splitter, c);
        r = read_lines(&splitter);
    } else {
        r = import_unusable(import, splitter.line,
                            "This is not JSON with orders. Begin with [ or {; docs/import.md shows "
                            "the forms.");
    }
    free(splitter.text);
    return r;
}
