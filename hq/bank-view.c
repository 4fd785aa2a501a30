/* What HQ knows of its banks: how far each is, what is wrong with it; and how HQ itself is. */
#include "hq/hq.h"
#include "hq/table.h"
#include "hq/verbs.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define MISSED_BEATS 4

/* Local time, to the second; NULL for 0, which means never. */
static const char *time_text(json_int_t ms, char ret_text[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (ms == 0 || !localtime_r(&seconds, &tm))
        return NULL;
    strftime(ret_text, 32, "%Y-%m-%d %H:%M:%S", &tm);
    return ret_text;
}

static void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(1));
    putchar('\n');
}

static json_int_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

/* --- one bank --------------------------------------------------------------------------------- */

struct log_search {
    const char *bank;
    json_t *logs;
};

static int take_log(void *userdata, int64_t id, const char *bank, const char *log, int64_t through,
                    bool forked)
{
    struct log_search *search = userdata;

    if (strcmp(bank, search->bank) == 0 &&
        json_array_append_new(search->logs, json_pack("{s:s,s:I,s:b}", "log", log, "through",
                                                      (json_int_t)through, "forked", (int)forked)) <
            0)
        return -ENOMEM;
    return 1;
}

static bool any_forked(const json_t *logs)
{
    const json_t *log;
    size_t i;

    json_array_foreach (logs, i, log)
        if (json_is_true(json_object_get(log, "forked")))
            return true;
    return false;
}

/* How many of the branch's documents the bank has not applied; all of them when it follows another
 * feed. */
static int count_behind(struct store *store, const char *branch, const struct store_bank *bank,
                        int64_t *ret_seq, int64_t *ret_behind)
{
    char feed[UUID_LENGTH + 1];
    int r = store_feed(store, feed);

    if (r >= 0)
        r = store_seq(store, branch, ret_seq);
    if (r < 0)
        return r;
    return store_count_documents(store, branch, strcmp(bank->feed, feed) == 0 ? bank->applied : 0,
                                 ret_behind);
}

/* The last will can get lost with the broker; then the heartbeat tells. */
static bool is_online(const struct store_bank *bank)
{
    int64_t every_ms = json_integer_value(json_object_get(bank->status, "every_ms"));

    return bank->online &&
           (every_ms <= 0 || clock_now_ms() - bank->seen_at < MISSED_BEATS * every_ms);
}

static json_t *make_entry(const char *name, const char *branch, const struct store_bank *bank,
                          int64_t seq, int64_t behind, json_t *alarms, json_t *logs)
{
    const json_t *status = bank->status;
    json_t *entry = json_pack(
        "{s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:s,s:s,s:O,s:O,s:b}", "bank", name, "branch", branch,
        "online", (int)is_online(bank), "seq", (json_int_t)seq, "cursor", (json_int_t)bank->applied,
        "behind", (json_int_t)behind, "seen_at", (json_int_t)bank->seen_at, "feed", bank->feed,
        "boot", bank->boot, "alarms", alarms, "logs", logs, "forked", any_forked(logs));
    static const char *const members[] = {"version",    "outbox", "last_event", "log",   "doors",
                                          "free_doors", "faults", "orphans",    "clock", "store"};

    for (size_t i = 0; entry && i < ELEMENTSOF(members); i++) {
        json_t *value = json_object_get(status, members[i]);

        if (json_object_set(entry, members[i], value ? value : json_null()) < 0)
            return NULL;
    }
    return entry;
}

static int bank_entry(struct context *context, const struct hq_branch *branch, const char *name,
                      json_t **ret_entry)
{
    json_auto_t *alarms = NULL, *logs = json_array();
    struct log_search search = {.bank = name, .logs = logs};
    struct store_bank bank = {0};
    int64_t seq = 0, behind = 0;
    int r = store_alarms(context->store, name, &alarms);

    if (r >= 0)
        r = store_logs(context->store, take_log, &search);
    if (r >= 0)
        r = store_bank(context->store, name, &bank);
    if (r >= 0)
        r = count_behind(context->store, branch->name, &bank, &seq, &behind);
    if (r >= 0)
        *ret_entry = make_entry(name, branch->name, &bank, seq, behind, alarms, logs);
    store_bank_done(&bank);
    return r < 0 ? r : *ret_entry ? 0 : -ENOMEM;
}

static int list_banks(struct context *context, json_t *list)
{
    const struct hq_config *config = &context->config;

    for (size_t i = 0; i < config->n_branches; i++)
        for (size_t k = 0; k < config->branches[i].n_banks; k++) {
            json_t *entry;
            int r = bank_entry(context, &config->branches[i], config->branches[i].banks[k], &entry);

            if (r < 0)
                return r;
            if (json_array_append_new(list, entry) < 0)
                return -ENOMEM;
        }
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void add_number(struct table *table, const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);

    if (json_is_integer(value))
        table_addf(table, "%lld", (long long)json_integer_value(value));
    else
        table_add(table, NULL);
}

/* What an operator has to look into, in one word. */
static const char *trouble_of(const json_t *entry)
{
    const json_t *trusted = json_object_get(json_object_get(entry, "clock"), "trusted");
    const char *state =
        json_string_value(json_object_get(json_object_get(entry, "store"), "state"));

    if (json_is_true(json_object_get(entry, "forked")))
        return "FORKED";
    if (number_of(entry, "seen_at") == 0)
        return "never seen";
    if (json_is_false(trusted))
        return "clock";
    if (state && strcmp(state, "fine") != 0)
        return "disk";
    return json_array_size(json_object_get(entry, "alarms")) > 0 ? "alarms" : "";
}

int verb_banks(struct context *context, int argc, char **argv)
{
    static const char *const headings[] = {"BANK", "BRANCH", "ONLINE", "BEHIND", "OUTBOX",  "DOORS",
                                           "FREE", "FAULTS", "ALARMS", "SEEN",   "TROUBLE", NULL};
    _cleanup_(table_freep) struct table *table = NULL;
    json_auto_t *list = json_array();
    json_t *entry;
    size_t i;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    r = list_banks(context, list);
    if (r >= 0)
        r = table_new(headings, &table);
    if (r < 0)
        return verb_store_failed(context, r);
    if (context->json) {
        print_json(list);
        return EXIT_GOOD;
    }
    json_array_foreach (list, i, entry) {
        char seen[32];

        table_add(table, json_string_value(json_object_get(entry, "bank")));
        table_add(table, json_string_value(json_object_get(entry, "branch")));
        table_add(table, json_is_true(json_object_get(entry, "online")) ? "yes" : "no");
        add_number(table, entry, "behind");
        add_number(table, entry, "outbox");
        add_number(table, entry, "doors");
        add_number(table, entry, "free_doors");
        add_number(table, entry, "faults");
        table_addf(table, "%zu", json_array_size(json_object_get(entry, "alarms")));
        table_add(table, time_text(number_of(entry, "seen_at"), seen));
        table_add(table, trouble_of(entry));
    }
    table_print(table, stdout, 0);
    return EXIT_GOOD;
}

static void print_bank(const json_t *entry)
{
    const json_t *clock = json_object_get(entry, "clock"), *log, *alarm;
    const char *clock_state = json_string_value(json_object_get(clock, "state"));
    char when[32];
    size_t i;

    printf("%s of %s, %s, last seen %s\n", json_string_value(json_object_get(entry, "bank")),
           json_string_value(json_object_get(entry, "branch")),
           json_is_true(json_object_get(entry, "online")) ? "online" : "offline",
           time_text(number_of(entry, "seen_at"), when) ?: "never");
    printf("orders   applied through %lld of %lld, %lld documents behind\n",
           (long long)number_of(entry, "cursor"), (long long)number_of(entry, "seq"),
           (long long)number_of(entry, "behind"));
    printf("events   last one written %lld, not yet acknowledged %lld\n",
           (long long)number_of(entry, "last_event"), (long long)number_of(entry, "outbox"));
    printf("doors    %lld, free %lld, faults %lld\n", (long long)number_of(entry, "doors"),
           (long long)number_of(entry, "free_doors"), (long long)number_of(entry, "faults"));
    if (clock)
        printf("clock    %s%s%s\n",
               json_is_true(json_object_get(clock, "trusted")) ? "trusted" : "NOT TRUSTED",
               clock_state ? ", " : "", clock_state ?: "");
    if (number_of(entry, "orphans") > 0)
        printf("orphans  %lld orders that this HQ does not name\n",
               (long long)number_of(entry, "orphans"));
    json_array_foreach (json_object_get(entry, "logs"), i, log)
        printf("log      %s through %lld%s\n", json_string_value(json_object_get(log, "log")),
               (long long)number_of(log, "through"),
               json_is_true(json_object_get(log, "forked"))
                   ? "  FORKED: two boards wrote it; replace one of them and give both a new log"
                   : "");
    json_array_foreach (json_object_get(entry, "alarms"), i, alarm)
        printf("alarm    %s  %s at %lld: %s\n", time_text(number_of(alarm, "at"), when) ?: "-",
               json_string_value(json_object_get(alarm, "kind")), (long long)number_of(alarm, "n"),
               json_string_value(json_object_get(alarm, "text")));
}

int verb_bank(struct context *context, int argc, char **argv)
{
    const struct hq_branch *branch;
    json_auto_t *entry = NULL;
    int r = verb_options(context, argc, argv, NULL, 0, 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    branch = hq_config_branch_of(&context->config, argv[1]);
    if (!branch) {
        log_error("There is no bank %s in the configuration. 'pickup-hq banks' lists them.",
                  argv[1]);
        return EXIT_PARTLY;
    }
    r = bank_entry(context, branch, argv[1], &entry);
    if (r < 0)
        return verb_store_failed(context, r);
    if (context->json)
        print_json(entry);
    else
        print_bank(entry);
    return EXIT_GOOD;
}

/* --- HQ itself -------------------------------------------------------------------------------- */

int verb_status(struct context *context, int argc, char **argv)
{
    _cleanup_free_ char *word = NULL, *detail = NULL;
    json_auto_t *list = json_array(), *all = NULL, *alarms = NULL;
    char feed[UUID_LENGTH + 1] = "", when[32];
    size_t i, n_online = 0;
    int64_t since_ms = 0;
    json_t *entry;
    bool serving;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    serving = hq_is_served(context->state);
    r = store_link(context->store, &word, &detail, &since_ms);
    if (r >= 0)
        r = store_feed(context->store, feed);
    if (r >= 0)
        r = store_alarms(context->store, NULL, &alarms);
    if (r >= 0)
        r = list_banks(context, list);
    if (r < 0)
        return verb_store_failed(context, r);
    json_array_foreach (list, i, entry)
        n_online += json_is_true(json_object_get(entry, "online"));
    all = json_pack("{s:b,s:s,s:s,s:I,s:s,s:i,s:i,s:i}", "serving", (int)serving,
                    "connection_state", serving && word ? word : "stopped", "connection",
                    serving && detail ? detail : "pickup-hq serve is not running",
                    "connection_since", (json_int_t)(serving ? since_ms : 0), "feed", feed, "banks",
                    (int)json_array_size(list), "online", (int)n_online, "alarms",
                    (int)json_array_size(alarms));
    if (context->json) {
        print_json(all);
        return EXIT_GOOD;
    }
    printf("connection  %s since %s: %s\n",
           json_string_value(json_object_get(all, "connection_state")),
           time_text(number_of(all, "connection_since"), when) ?: "-",
           json_string_value(json_object_get(all, "connection")));
    printf("feed        %s\nbanks       %zu, online %zu\nalarms      %zu\n", feed,
           json_array_size(list), n_online, json_array_size(alarms));
    return EXIT_GOOD;
}
