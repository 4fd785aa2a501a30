/* Remote commands. Promise 7: a command carries a deadline and the boot id that HQ last heard of,
 * is sent once and never retained; the answer comes from the bank. */
#include "hq/hq.h"
#include "hq/verbs.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SECONDS_STANDARD 10
#define SECONDS_MAX      60
#define ANSWER_MS        2000 /* how long after the deadline an answer is awaited */
#define LOOK_MS          50

static int check(struct context *context, char **argv, const char *reason, int64_t *ret_door)
{
    static const char *const verbs[] = {"open", "out_of_service", "in_service"};
    char *end;

    if (!hq_config_branch_of(&context->config, argv[1])) {
        log_error("command: there is no bank %s in the configuration. 'pickup-hq banks' lists "
                  "them.",
                  argv[1]);
        return -EINVAL;
    }
    *ret_door = strtoll(argv[3], &end, 10);
    if (*end || *ret_door < 1 || *ret_door > UINT16_MAX) {
        log_error("command: '%s' is not a door. Write its number.", argv[3]);
        return -EINVAL;
    }
    if (!reason) {
        log_error("command: write --reason=TEXT; it goes into the audit chain.");
        return -EINVAL;
    }
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        if (strcmp(verbs[i], argv[2]) == 0)
            return 0;
    log_error("command: '%s' is not known. Write open, out_of_service or in_service.", argv[2]);
    return -EINVAL;
}

static int enter(struct store *store, const char *id, const char *bank, int64_t deadline,
                 const json_t *body)
{
    _cleanup_free_ char *text = json_dumps(body, JSON_COMPACT);
    int r;

    if (!text)
        return -ENOMEM;
    r = store_begin(store);
    if (r >= 0)
        r = store_add_command(store, id, bank, deadline, text);
    if (r >= 0)
        r = store_commit(store);
    if (r < 0)
        store_rollback(store);
    return r;
}

/* Waits for the bank's answer; 1 = there is one. */
static int await(struct store *store, const char *id, int64_t until_ms, char **ret_result,
                 char **ret_reason)
{
    bool sent = false;
    int r;

    while ((r = store_command(store, id, &sent, ret_result, ret_reason)) == 0 &&
           clock_now_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    if (r != 0)
        return r;
    *ret_result = strdup("unknown");
    *ret_reason = strdup(sent ? "the bank did not answer; 'pickup-hq events' tells what it did"
                              : "it was not sent: pickup-hq serve is not running");
    return 0;
}

static int finish(struct context *context, const char *id, const char *result, const char *reason)
{
    json_auto_t *all = json_pack("{s:s,s:s?,s:s?}", "id", id, "result", result, "reason", reason);

    if (context->json) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        printf("%s%s%s\n", result, reason ? ": " : "", reason ?: "");
    }
    return result && strcmp(result, "done") == 0 ? EXIT_GOOD : EXIT_PARTLY;
}

int verb_command(struct context *context, int argc, char **argv)
{
    const char *reason = NULL, *actor = "operator";
    _cleanup_free_ char *result = NULL, *why = NULL;
    int64_t seconds = SECONDS_STANDARD, door = 0, deadline;
    char id[UUID_LENGTH + 1];
    json_auto_t *body = NULL;
    struct store_bank bank;
    const struct verb_option options[] = {
        {"reason", .text = &reason},
        {"actor", .text = &actor},
        {"seconds", .number = &seconds, .min = 1, .max = SECONDS_MAX},
    };
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 3, 3);

    if (r < 0 || check(context, argv, reason, &door) < 0)
        return EXIT_USAGE;
    r = store_bank(context->store, argv[1], &bank);
    store_bank_done(&bank);
    if (r < 0)
        return verb_store_failed(context, r);
    if (!*bank.boot) {
        log_error("command: nothing was heard of bank %s yet, so a command would be refused.",
                  argv[1]);
        return EXIT_PARTLY;
    }
    uuid_make(id);
    deadline = clock_now_ms() + seconds * 1000;
    body = json_pack("{s:s,s:s,s:I,s:s,s:I,s:s,s:s}", "id", id, "verb", argv[2], "door",
                     (json_int_t)door, "boot", bank.boot, "deadline", (json_int_t)deadline, "actor",
                     actor, "reason", reason);
    if (!body) {
        log_error("command: --reason and --actor must be UTF-8.");
        return EXIT_USAGE;
    }
    r = enter(context->store, id, argv[1], deadline, body);
    if (r < 0)
        return verb_store_failed(context, r);
    hq_poke(context->state);
    r = await(context->store, id, deadline + ANSWER_MS, &result, &why);
    return r < 0 ? verb_store_failed(context, r) : finish(context, id, result, why);
}
