#include "hq/import.h"
#include "hq/hq.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* A chunk is one transaction: long enough to amortise the fsync, short enough that `serve` and
 * other verbs get their turn. */
#define CHUNK_ROWS 1000
#define CHUNK_MS   100

struct import {
    struct context *context;
    struct store *store;
    uint8_t number_key[KEY_BYTES];
    const char *file;
    bool dry_run, verbose, any_output;

    uint64_t counts[BOOK_REJECTED + 1];
    unsigned chunk_rows; /* in the open transaction; 0 = none is open */
    uint64_t chunk_began_us;

    sqlite3 *seen; /* orders of this file; a database of its own on disk, so memory is bounded */
    sqlite3_stmt *seen_add, *seen_get;
};

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_json(struct import *import, const char *order, uint64_t line, uint64_t index,
                      enum book_outcome outcome, const char *column,
                      const struct draft_problem *problem)
{
    json_auto_t *entry = json_pack("{s:o,s:I,s:I,s:s?,s:s}", "place",
                                   json_sprintf("%s:%llu", import->file, (unsigned long long)line),
                                   "line", (json_int_t)line, "index", (json_int_t)index, "order",
                                   order, "result", book_outcome_name(outcome));

    if (problem) {
        json_object_set_new(entry, "column", json_string(column));
        json_object_set_new(entry, "reason", json_string(problem->reason));
        json_object_set_new(entry, "remedy", json_string(problem->remedy));
    }
    fputs(TAKE(import->any_output, true) ? ",\n  " : "\n  ", stdout);
    json_dumpf(entry, stdout, JSON_COMPACT);
}

/* Text of the file goes to the terminal, and must not drive it. */
static void say(FILE *stream, const char *format, ...) _printf_(2, 3);
static void say(FILE *stream, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return;
    }
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = '?';
    fprintf(stream, "%s\n", text);
}

/* `problem` is NULL for all outcomes but BOOK_REJECTED. */
static void tell(struct import *import, const char *order, const struct import_place *place,
                 enum book_outcome outcome, const struct draft_problem *problem)
{
    char column[96] = "";
    uint64_t line = place->line;

    import->counts[outcome]++;
    if (problem) {
        snprintf(column, sizeof(column), "%s", problem->member);
        if (place->locate)
            place->locate(place->userdata, problem->member, &line, column, sizeof(column));
    } else if (!import->verbose) {
        return;
    }
    if (import->context->json)
        tell_json(import, order, line, place->index, outcome, column, problem);
    else if (problem)
        say(stderr, "%s:%llu: %s%s%srejected: %s %s. %s", import->file, (unsigned long long)line,
            order && *order ? "order " : "", order ?: "", order && *order ? " " : "", column,
            problem->reason, problem->remedy);
    else
        say(stdout, "%s:%llu: order %s %s", import->file, (unsigned long long)line, order,
            book_outcome_name(outcome));
}

int import_reject(struct import *import, const char *order, const struct import_place *place,
                  const struct draft_problem *problem)
{
    tell(import, order, place, BOOK_REJECTED, problem);
    return 0;
}

int import_unusable(struct import *import, uint64_t line, const char *format, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (line)
        log_error("%s:%llu: %s", import->file, (unsigned long long)line, text);
    else
        log_error("%s: %s", import->file, text);
    return -EINVAL;
}

/* --- the same order twice in one file --------------------------------------------------------- */

static int open_seen(struct import *import)
{
    int code = sqlite3_open_v2("", &import->seen, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_exec(import->seen,
                            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                            "CREATE TABLE seen (name TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;"
                            "BEGIN;",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(import->seen, "INSERT OR IGNORE INTO seen VALUES (?, ?)", -1,
                                  &import->seen_add, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(import->seen, "SELECT line FROM seen WHERE name = ?", -1,
                                  &import->seen_get, NULL);
    return db_error(code);
}

/* 0 = first time; 1 = *ret_line had it already. */
static int look_up_seen(struct import *import, const char *order, uint64_t line, uint64_t *ret_line)
{
    int r = db_bind(import->seen_add, "si", order, (int64_t)line);

    if (r >= 0)
        r = db_run(import->seen_add);
    if (r < 0 || sqlite3_changes(import->seen) > 0)
        return r;
    _cleanup_(db_resetp) sqlite3_stmt *s = import->seen_get;
    r = db_bind(s, "s", order);
    if (r >= 0)
        r = db_step(s);
    if (r > 0)
        *ret_line = (uint64_t)sqlite3_column_int64(s, 0);
    return r;
}

/* --- one order -------------------------------------------------------------------------------- */

static int end_chunk(struct import *import)
{
    int r;

    if (import->chunk_rows == 0)
        return 0;
    import->chunk_rows = 0;
    if (import->dry_run) {
        store_rollback(import->store);
        return 0;
    }
    r = store_commit(import->store);
    if (r >= 0)
        hq_poke(import->context->state);
    return r;
}

static int enter(struct import *import, const struct draft *draft, enum book_outcome *ret_outcome,
                 struct draft_problem *ret_problem)
{
    int r = 0;

    if (import->chunk_rows == 0) {
        import->chunk_began_us = clock_boot_us();
        r = store_begin(import->store);
    }
    if (r >= 0)
        r = book_enter(import->store, import->number_key, draft, ret_outcome, ret_problem);
    if (r < 0)
        return r;
    import->chunk_rows++;
    if (import->chunk_rows >= CHUNK_ROWS ||
        clock_boot_us() - import->chunk_began_us >= CHUNK_MS * 1000)
        r = end_chunk(import);
    return r;
}

static int reject_repeated(const char *order, uint64_t first_line,
                           struct draft_problem *ret_problem)
{
    if (asprintf(&ret_problem->reason, "'%s' stands twice in the file, first in line %llu", order,
                 (unsigned long long)first_line) < 0)
        ret_problem->reason = NULL;
    ret_problem->member = strdup("order");
    ret_problem->remedy = strdup("Keep one; the rows of one order must follow each other.");
    return ret_problem->reason && ret_problem->member && ret_problem->remedy ? 0 : -ENOMEM;
}

int import_order(struct import *import, const json_t *row, const struct import_place *place)
{
    const char *order = json_string_value(json_object_get(row, "order"));
    enum book_outcome outcome = BOOK_REJECTED;
    _cleanup_(draft_freep) struct draft *draft = NULL;
    _cleanup_(draft_problem_done) struct draft_problem problem = {0};
    uint64_t first_line = 0;
    int r = draft_read(row, &import->context->config, &draft, &problem);

    if (r == 0) {
        r = look_up_seen(import, order, place->line, &first_line);
        if (r > 0)
            r = reject_repeated(order, first_line, &problem);
        else if (r == 0)
            r = enter(import, draft, &outcome, &problem);
    } else if (r == -EBADMSG) {
        r = 0;
    }
    if (r < 0)
        return r;
    tell(import, order, place, outcome, outcome == BOOK_REJECTED ? &problem : NULL);
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);

    return n >= m && strcasecmp(name + n - m, suffix) == 0;
}

/* JSON begins with one of two characters that no header of CSV begins with. */
static int read_file(struct import *import, FILE *stream)
{
    unsigned char mark[3];
    int c;

    if (fread(mark, 1, 3, stream) != 3 || memcmp(mark, "\xEF\xBB\xBF", 3) != 0)
        rewind(stream);
    if (memcmp(mark, "\xFF\xFE", 2) == 0 || memcmp(mark, "\xFE\xFF", 2) == 0)
        return import_unusable(import, 0, "The file is UTF-16. Save it as UTF-8.");
    do
        c = getc(stream);
    while (c == ' ' || c == '\t');
    if (c == EOF)
        return import_unusable(import, 0, "The file is empty. Give a file with orders.");
    ungetc(c, stream);
    if (c == '[' || c == '{' || has_suffix(import->file, ".json") ||
        has_suffix(import->file, ".jsonl"))
        return import_json(import, stream);
    return import_csv(import, stream);
}

static void print_summary(const struct import *import, int r)
{
    const uint64_t *n = import->counts;
    uint64_t all = n[0] + n[1] + n[2] + n[3];

    if (import->context->json)
        printf("%s],\n \"rows\":%llu,\"imported\":%llu,\"changed\":%llu,\"unchanged\":%llu,"
               "\"rejected\":%llu,\"dry_run\":%s,\"complete\":%s}\n",
               import->any_output ? "\n " : "", (unsigned long long)all,
               (unsigned long long)n[BOOK_IMPORTED], (unsigned long long)n[BOOK_CHANGED],
               (unsigned long long)n[BOOK_UNCHANGED], (unsigned long long)n[BOOK_REJECTED],
               import->dry_run ? "true" : "false", r < 0 ? "false" : "true");
    else
        printf("%s%llu orders: %llu imported, %llu changed, %llu unchanged, %llu rejected\n",
               import->dry_run ? "Only tried, nothing was stored. " : "", (unsigned long long)all,
               (unsigned long long)n[BOOK_IMPORTED], (unsigned long long)n[BOOK_CHANGED],
               (unsigned long long)n[BOOK_UNCHANGED], (unsigned long long)n[BOOK_REJECTED]);
}

static int run(struct import *import, FILE *stream)
{
    int r, end;

    if (import->context->json) {
        json_auto_t *name = json_string(import->file);

        fputs("{\"file\":", stdout);
        json_dumpf(name, stdout, JSON_ENCODE_ANY);
        printf(",\n \"%s\":[", import->verbose ? "results" : "rejects");
    }
    r = read_file(import, stream);
    end = r >= 0 || r == -EINVAL ? end_chunk(import) : 0;
    store_rollback(import->store);
    print_summary(import, r < 0 ? r : end);
    if (end < 0 || (r < 0 && r != -EINVAL)) {
        log_error("%s: The import stopped: what was not committed is not in. Import the file "
                  "again; what is in already stays as it is.",
                  import->file);
        return verb_store_failed(import->context, end < 0 ? end : r);
    }
    return r < 0 ? EXIT_FAILED : import->counts[BOOK_REJECTED] > 0 ? EXIT_PARTLY : EXIT_GOOD;
}

int verb_import(struct context *context, int argc, char **argv)
{
    struct import import = {.context = context, .store = context->store};
    const struct verb_option options[] = {
        {"dry-run", .flag = &import.dry_run},
        {"verbose", .flag = &import.verbose},
    };
    _cleanup_free_ char *error = NULL;
    FILE *stream;
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    import.file = argv[1];
    r = key_load(context->state, KEY_NUMBER, import.number_key, &error);
    if (r < 0) {
        log_error("%s", error ?: strerror(-r));
        return EXIT_FAILED;
    }
    stream = fopen(argv[1], "re");
    if (!stream) {
        log_error("%s cannot be read: %s. Check the path and its owner.", argv[1], strerror(errno));
        return EXIT_FAILED;
    }
    r = open_seen(&import);
    r = r < 0 ? verb_store_failed(context, r) : run(&import, stream);
    fclose(stream);
    sqlite3_finalize(import.seen_add);
    sqlite3_finalize(import.seen_get);
    sqlite3_close(import.seen);
    sodium_memzero(import.number_key, sizeof(import.number_key));
    return r;
}
