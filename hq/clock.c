/* pickup-hq clock: lowers a bank's floor of the clock that was raised by a wrong time. It goes down
 * the feed and not as a command, because a bank that doubts its clock takes no commands. */
#include "hq/book.h"
#include "hq/hq.h"
#include "hq/verbs.h"

#include "common/log.h"
#include "common/time-text.h"

#include <errno.h>
#include <stdio.h>

static int publish(struct context *context, const char *branch, const char *bank, json_t *document)
{
    int r = document ? store_begin(context->store) : -ENOMEM;

    if (r < 0)
        return r;
    r = book_publish(context->store, branch, "clock", bank, document);
    if (r >= 0)
        r = store_commit(context->store);
    if (r < 0)
        store_rollback(context->store);
    else
        hq_poke(context->state);
    return r;
}

int verb_clock(struct context *context, int argc, char **argv)
{
    const char *reason = NULL, *actor = "operator";
    const struct verb_option options[] = {
        {"reason", .text = &reason},
        {"actor", .text = &actor},
    };
    const struct hq_branch *branch;
    json_auto_t *document = NULL;
    char id[UUID_LENGTH + 1];
    int64_t floor_ms = 0;
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 2, 2);

    if (r < 0)
        return EXIT_USAGE;
    branch = hq_config_branch_of(&context->config, argv[1]);
    if (!branch) {
        log_error("clock: there is no bank %s in the configuration. 'pickup-hq banks' lists them.",
                  argv[1]);
        return EXIT_USAGE;
    }
    if (time_text_read(argv[2], &floor_ms) < 0) {
        log_error("clock: '%s' is not a time. Write now, 2026-11-25, or '2026-11-25 08:30'.",
                  argv[2]);
        return EXIT_USAGE;
    }
    if (!reason) {
        log_error("clock: write --reason=TEXT; it goes into the audit chain.");
        return EXIT_USAGE;
    }
    uuid_make(id);
    document = json_pack("{s:s,s:s,s:i,s:i,s:s,s:I,s:s,s:s}", "kind", "clock", "clock", argv[1],
                         "rev", 0, "seq", 0, "id", id, "floor", (json_int_t)floor_ms, "actor",
                         actor, "reason", reason);
    r = publish(context, branch->name, argv[1], document);
    if (r < 0)
        return verb_store_failed(context, r);
    if (context->json)
        printf("{\"bank\":\"%s\",\"floor\":%lld}\n", argv[1], (long long)floor_ms);
    else
        printf("%s lowers its floor when it has applied this; 'pickup-hq events --bank=%s' shows "
               "clock_floor_lowered.\n",
               argv[1], argv[1]);
    return EXIT_GOOD;
}
