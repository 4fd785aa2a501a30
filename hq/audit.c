/* What the banks reported, and whether their audit chains hold. */
#include "hq/table.h"
#include "hq/verbs.h"

#include "common/log.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define FOLLOW_MS 250

/* --- events ----------------------------------------------------------------------------------- */

struct following {
    struct context *context;
    int64_t after, shown;
    bool list; /* JSON: one array; else one object a line, because following never ends */
};

static void print_line(const json_t *event)
{
    static const char *const common[] = {"n",
                                         "at",
                                         "type",
                                         "bank",
                                         "log",
                                         "hash",
                                         "boot",
                                         "mono",
                                         "trusted",
                                         "personal",
                                         "personal_digest",
                                         "placed_at"};
    const json_t *placed_at = json_object_get(event, "placed_at");
    bool trusted = json_is_true(json_object_get(event, "trusted"));
    time_t seconds = (time_t)(json_integer_value(placed_at ?: json_object_get(event, "at")) / 1000);
    json_auto_t *rest = json_copy((json_t *)event);
    _cleanup_free_ char *text = NULL;
    char when[32] = "-";
    struct tm tm;

    for (size_t i = 0; i < ELEMENTSOF(common); i++)
        json_object_del(rest, common[i]);
    text = json_dumps(rest, JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    if (localtime_r(&seconds, &tm))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    /* ~ reckoned by HQ, ? the bank's own guess */
    printf("%s%s  %s %lld  %s  %s\n", when,
           trusted     ? " "
           : placed_at ? "~"
                       : "?",
           json_string_value(json_object_get(event, "bank")),
           (long long)json_integer_value(json_object_get(event, "n")),
           json_string_value(json_object_get(event, "type")) ?: "?", text ?: "");
}

static int show_event(void *userdata, int64_t id, json_t *event)
{
    struct following *following = userdata;

    following->after = id;
    if (!following->context->json) {
        print_line(event);
    } else {
        json_object_set_new(event, "id", json_integer(id));
        if (following->list)
            fputs(following->shown ? ",\n " : "\n ", stdout);
        json_dumpf(event, stdout, JSON_COMPACT);
        if (!following->list)
            putchar('\n');
    }
    following->shown++;
    return ferror(stdout) ? -EPIPE : 1;
}

int verb_events(struct context *context, int argc, char **argv)
{
    struct following following = {.context = context};
    int64_t limit = 1000000;
    const char *bank = NULL;
    bool follow = false;
    const struct verb_option options[] = {
        {"bank", .text = &bank},
        {"after", .number = &following.after, .min = 0, .max = INT64_MAX},
        {"limit", .number = &limit, .min = 1, .max = INT64_MAX},
        {"follow", .flag = &follow},
    };
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    following.list = context->json && !follow;
    if (following.list)
        putchar('[');
    do {
        r = store_events(context->store, bank, following.after, limit - following.shown, show_event,
                         &following);
        fflush(stdout);
        if (follow)
            nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
    } while (follow && r >= 0 && following.shown < limit);
    if (following.list)
        puts(following.shown ? "\n]" : "]");
    return r < 0 && r != -EPIPE ? verb_store_failed(context, r) : EXIT_GOOD;
}

/* --- verify ----------------------------------------------------------------------------------- */

struct chain {
    struct store *store;
    json_t *logs; /* array of what was found */
    json_t *gaps; /* [first, last] of the log in hand */
    uint8_t hash[EVENT_HASH_BYTES];
    int64_t n, lost;
    const char *problem;
};

static int take_gap(void *userdata, int64_t first, int64_t last)
{
    return json_array_append_new(userdata,
                                 json_pack("[I,I]", (json_int_t)first, (json_int_t)last)) < 0
               ? -ENOMEM
               : 1;
}

/* Is what is missing before event `n` known to be lost? Then the chain begins anew with it. */
static bool step_over_gap(struct chain *chain, int64_t n, const json_t *event)
{
    const char *hash = json_string_value(json_object_get(event, "hash"));
    json_t *gap;
    size_t i, n_bytes = 0;

    json_array_foreach (chain->gaps, i, gap) {
        if (json_integer_value(json_array_get(gap, 0)) != chain->n + 1 ||
            json_integer_value(json_array_get(gap, 1)) != n - 1)
            continue;
        chain->lost += n - 1 - chain->n;
        chain->n = n - 1;
        return hash && sodium_hex2bin(chain->hash, sizeof(chain->hash), hash, strlen(hash), NULL,
                                      &n_bytes, NULL) == 0;
    }
    return false;
}

static int check_event(void *userdata, int64_t n, json_t *event)
{
    struct chain *chain = userdata;
    bool anew = n != chain->n + 1 && step_over_gap(chain, n, event);

    if (n != chain->n + 1)
        chain->problem = "an event is missing before this one";
    else if (!event)
        chain->problem = "the event cannot be read";
    else if (!anew && event_verify(event, chain->hash) < 0)
        chain->problem = "the event does not fit the chain";
    else if (!event_personal_matches(event))
        chain->problem = "its personal part was changed";
    if (chain->problem) {
        chain->n = n;
        return 0;
    }
    chain->n++;
    return 1;
}

static int check_log(void *userdata, int64_t id, const char *bank, const char *log, int64_t through,
                     bool forked)
{
    struct chain *chain = userdata;
    json_auto_t *gaps = json_array();
    int r;

    chain->n = chain->lost = 0;
    chain->problem = NULL;
    chain->gaps = gaps;
    event_chain_start(log, chain->hash);
    r = store_gaps(chain->store, id, take_gap, gaps);
    if (r >= 0)
        r = store_events_of_log(chain->store, id, check_event, chain);
    if (r < 0)
        return r;
    if (!chain->problem && chain->n != through)
        chain->problem = "events at the end are missing";
    if (json_array_append_new(
            chain->logs, json_pack("{s:s,s:s,s:I,s:I,s:b,s:b,s:s?,s:I}", "bank", bank, "log", log,
                                   "events", (json_int_t)through, "lost", (json_int_t)chain->lost,
                                   "unbroken", !chain->problem, "forked", (int)forked, "problem",
                                   chain->problem, "n", (json_int_t)chain->n)) < 0)
        return -ENOMEM;
    return 1;
}

static bool print_logs(const json_t *logs)
{
    static const char *const headings[] = {"BANK", "LOG", "EVENTS", "LOST", "CHAIN", NULL};
    _cleanup_(table_freep) struct table *table = NULL;
    bool good = true;
    json_t *log;
    size_t i;

    if (table_new(headings, &table) < 0)
        return false;
    json_array_foreach (logs, i, log) {
        const char *problem = json_string_value(json_object_get(log, "problem"));
        bool forked = json_is_true(json_object_get(log, "forked"));

        table_add(table, json_string_value(json_object_get(log, "bank")));
        table_add(table, json_string_value(json_object_get(log, "log")));
        table_addf(table, "%lld", (long long)json_integer_value(json_object_get(log, "events")));
        table_addf(table, "%lld", (long long)json_integer_value(json_object_get(log, "lost")));
        if (problem)
            table_addf(table, "BROKEN at %lld: %s",
                       (long long)json_integer_value(json_object_get(log, "n")), problem);
        else
            table_add(table, forked ? "FORKED: two boards wrote it" : "unbroken");
        good = good && !problem && !forked;
    }
    table_print(table, stdout, 0);
    return good;
}

int verb_verify(struct context *context, int argc, char **argv)
{
    json_auto_t *logs = json_array(), *alarms = NULL, *all = NULL;
    struct chain chain = {.store = context->store, .logs = logs};
    bool good = true;
    json_t *entry;
    size_t i;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    r = db_exec(context->store->db, "BEGIN"); /* one moment for all logs */
    if (r >= 0)
        r = store_logs(context->store, check_log, &chain);
    if (r >= 0)
        r = store_alarms(context->store, NULL, &alarms);
    store_rollback(context->store);
    if (r < 0)
        return verb_store_failed(context, r);
    if (!context->json)
        good = print_logs(logs);
    json_array_foreach (logs, i, entry)
        good = good && json_is_true(json_object_get(entry, "unbroken")) &&
               json_is_false(json_object_get(entry, "forked"));
    if (context->json) {
        all = json_pack("{s:b,s:O,s:O}", "good", (int)good, "logs", logs, "alarms", alarms);
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        return good ? EXIT_GOOD : EXIT_PARTLY;
    }
    json_array_foreach (alarms, i, entry)
        printf("alarm: %s at event %lld: %s\n", json_string_value(json_object_get(entry, "bank")),
               (long long)json_integer_value(json_object_get(entry, "n")),
               json_string_value(json_object_get(entry, "text")));
    return good ? EXIT_GOOD : EXIT_PARTLY;
}
