/* pickup-hq: headquarters. Options, the table of verbs, and nothing else. */
#include "hq/hq.h"
#include "hq/verbs.h"

#include "common/log.h"
#include "common/nearest.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sodium.h>

#define DEFAULT_CONFIG "/etc/pickup/hq.conf"
#define DEFAULT_STATE  "/var/lib/pickup-hq"

struct verb {
    const char *name;
    const char *words, *help;
    bool needs_store;
    int (*run)(struct context *context, int argc, char **argv);
};

static const struct verb verbs[] = {
    {"init", "", "make keys and store in the state folder; again after hq.conf changed", false,
     verb_init},
    {"serve", "", "serve the banks until told to stop", true, verb_serve},
    {"import", "FILE [--dry-run] [--verbose]", "take orders from CSV or JSON (docs/import.md)",
     true, verb_import},
    {"orders", "[--state=S] [--branch=B] [--limit=N]", "list orders", true, verb_orders},
    {"order", "ORDER", "one order: document, state, events", true, verb_order},
    {"cancel", "ORDER --reason=TEXT [--actor=WHO]", "nobody collects it any more", true,
     verb_cancel},
    {"hold", "ORDER --reason=TEXT [--actor=WHO]", "nobody collects it until it is released", true,
     verb_hold},
    {"release", "ORDER --reason=TEXT [--actor=WHO]", "ends a hold", true, verb_release},
    {"handover", "ORDER --reason=TEXT [--actor=WHO]", "a new code and number; the old ones die",
     true, verb_handover},
    {"move", "ORDER BRANCH --reason=TEXT [--actor=WHO]", "to another branch, with a new code", true,
     verb_move},
    {"pending", "", "changes that a bank has not applied yet", true, verb_pending},
    {"status", "", "how HQ and its connection are", true, verb_status},
    {"banks", "", "the banks and how far they are", true, verb_banks},
    {"bank", "BANK", "one bank: orders, events, clock, logs, alarms", true, verb_bank},
    {"clock", "BANK TIME --reason=TEXT [--actor=WHO]",
     "no time before TIME is believed there: lowers a wrong floor", true, verb_clock},
    {"code", "ORDER [--text | --png=FILE]", "the customer's code and pickup number", true,
     verb_code},
    {"badge", "STAFF --role=ROLE --name=NAME [--branch=B] [--hours=N] [--pin=DIGITS] [--revoke]",
     "make a staff badge", true, verb_badge},
    {"events", "[--bank=B] [--after=N] [--limit=N] [--follow]", "what the banks reported", true,
     verb_events},
    {"verify", "", "check the audit chain of every bank", true, verb_verify},
    {"command", "BANK VERB DOOR --reason=TEXT [--actor=WHO] [--seconds=N]",
     "open, out_of_service or in_service", true, verb_command},
    {"backup", "FILE [--force]", "copy the database to a file, also while serving", true,
     verb_backup},
    {"restore", "FILE [--force]", "take up a backup; the banks send again what it lacks", false,
     verb_restore},
};

static void print_help(void)
{
    printf("pickup-hq [--config=FILE] [--state=FOLDER] [--json] VERB …\n\n"
           "  --config=FILE   " DEFAULT_CONFIG " when absent\n"
           "  --state=FOLDER  keys and database; $STATE_DIRECTORY or " DEFAULT_STATE
           " when absent\n"
           "  --json          machine-readable output (also behind the verb)\n"
           "  --help, --version\n\nVerbs:\n");
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].words, verbs[i].help);
}

static const struct verb *find_verb(const char *name)
{
    const char *names[ELEMENTSOF(verbs)], *near;

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    near = nearest_word(name, names, ELEMENTSOF(verbs));
    if (near)
        log_error("There is no verb '%s'. Did you mean '%s'?", name, near);
    else
        log_error("There is no verb '%s'. See pickup-hq --help.", name);
    return NULL;
}

static int run(struct context *context, int argc, char **argv)
{
    const struct verb *verb = find_verb(argv[0]);
    struct config_mistakes mistakes = {0};
    _cleanup_free_ char *error = NULL;
    int r;

    if (!verb)
        return EXIT_USAGE;
    r = hq_config_load(context->config_path, &context->config, &mistakes);
    config_mistakes_print(&mistakes);
    config_mistakes_done(&mistakes);
    if (r < 0)
        return EXIT_FAILED;
    if (verb->needs_store) {
        if (hq_hold_database(context->state, false, &context->database_lock) < 0)
            return EXIT_FAILED;
        r = store_open(context->state, false, &context->store, &error);
        if (r < 0) {
            log_error("%s", error ?: strerror(-r));
            return EXIT_FAILED;
        }
    }
    return verb->run(context, argc, argv);
}

int main(int argc, char **argv)
{
    struct context context = {.config_path = DEFAULT_CONFIG,
                              .database_lock = -1,
                              .state = getenv("STATE_DIRECTORY") ?: DEFAULT_STATE};
    int i, code;

    log_set_program("pickup-hq");
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters; output is UTF-8 everywhere */
    if (sodium_init() < 0)
        return EXIT_FAILED;
    for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) {
            context.config_path = argv[i] + 9;
        } else if (strncmp(argv[i], "--state=", 8) == 0) {
            context.state = argv[i] + 8;
        } else if (strcmp(argv[i], "--json") == 0) {
            context.json = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return EXIT_GOOD;
        } else if (strcmp(argv[i], "--version") == 0) {
            puts("pickup-hq " PICKUP_VERSION);
            return EXIT_GOOD;
        } else {
            log_error("Unknown option %s. See pickup-hq --help.", argv[i]);
            return EXIT_USAGE;
        }
    }
    if (i >= argc) {
        log_error("Which verb? See pickup-hq --help.");
        return EXIT_USAGE;
    }
    code = run(&context, argc - i, argv + i);
    store_free(context.store);
    closep(&context.database_lock);
    hq_config_done(&context.config);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
