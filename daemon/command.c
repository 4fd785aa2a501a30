#include "daemon/command.h"

#include "common/log.h"
#include "common/wire.h"
#include "daemon/audit.h"
#include "daemon/decide.h"
#include "daemon/door-book.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *id, *verb, *boot, *actor, *reason;
    int64_t door, deadline_ms;
};

static int read_command(const json_t *message, struct command *ret)
{
    json_int_t door = 0, deadline = 0;

    *ret = (struct command){.actor = "", .reason = ""};
    if (json_unpack((json_t *)message, "{ss ss ss sI sI s?s s?s}", "id", &ret->id, "verb",
                    &ret->verb, "boot", &ret->boot, "door", &door, "deadline", &deadline, "actor",
                    &ret->actor, "reason", &ret->reason) < 0 ||
        strlen(ret->id) > 64)
        return -EBADMSG;
    ret->door = door;
    ret->deadline_ms = deadline;
    return 0;
}

static void reply(struct manager *manager, const char *id, const char *result, const char *reason)
{
    json_t *message = json_pack("{ss ss ss}", "id", id, "result", result, "reason", reason);
    _cleanup_free_ char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    char topic[WIRE_TOPIC_MAX];

    json_decref(message);
    wire_topic(WIRE_UP_REPLY, manager->config.name, topic);
    if (text)
        (void)mqtt_publish(manager->mqtt, topic, text, strlen(text), false);
}

/* Why a command must not be carried out; NULL = it may. */
static const char *refusal(struct manager *manager, const struct command *command, bool retained)
{
    int64_t now_ms = timekeeper_now_ms(manager);

    if (retained)
        return "it was retained by the broker";
    if (strcmp(command->boot, manager->boot) != 0)
        return "it was meant for another start of this bank";
    if (!timekeeper_trusted(manager))
        return "the clock of the bank is not trusted";
    if (now_ms > command->deadline_ms)
        return "the deadline has passed";
    if (command->door < 1 || !doors_find(&manager->doors, (uint32_t)command->door))
        return "there is no such door";
    return NULL;
}

static int set_service(struct manager *manager, const struct command *command, bool in_service)
{
    char actor[48];
    int r = store_begin(manager->store);

    snprintf(actor, sizeof(actor), "hq:%s", command->actor);
    if (r == 0)
        r = door_book_set_service(manager, (uint32_t)command->door,
                                  in_service         ? NULL
                                  : *command->reason ? command->reason
                                                     : "asked for by HQ",
                                  actor);
    return store_finish(manager->store, r);
}

/* Carries it out. *ret_reason says why not. */
static const char *carry_out(struct manager *manager, const struct command *command,
                             struct answer *answer)
{
    char actor[48];
    int r;

    if (strcmp(command->verb, "out_of_service") == 0 || strcmp(command->verb, "in_service") == 0) {
        r = set_service(manager, command, command->verb[0] == 'i');
        if (r < 0)
            snprintf(answer->reason, sizeof(answer->reason), "%s", strerror(-r));
        return r < 0 ? "failed" : "done";
    }
    if (strcmp(command->verb, "open") != 0) {
        answer_refuse(answer, "this version does not know the verb");
        return "refused";
    }
    snprintf(actor, sizeof(actor), "hq:%s", command->actor);
    r = decide_inspect(manager, (uint32_t)command->door, actor, answer);
    if (r < 0)
        return "failed";
    if (answer->outcome == OUTCOME_OPENING)
        return "done";
    if (!*answer->reason)
        snprintf(answer->reason, sizeof(answer->reason), "%s", outcome_name(answer->outcome));
    return "refused";
}

/* The id is on the disk before anything moves, so that no restart can repeat it. */
static int remember(struct manager *manager, const struct command *command, const char *result,
                    const char *reason)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = store_add_command(manager->store, command->id, timekeeper_stamp_ms(manager), result,
                              reason);
    if (r == 0)
        r = audit_add(manager->store, "command",
                      json_pack("{ss ss ss ss}", "id", command->id, "verb", command->verb, "result",
                                result, "reason", reason));
    return store_finish(manager->store, r);
}

void command_take(struct manager *manager, const char *json, size_t n, bool retained)
{
    _cleanup_free_ char *problem = NULL, *result = NULL, *reason = NULL;
    struct answer answer = {};
    struct command command;
    json_t *message = NULL;
    const char *why;
    int r = wire_parse(json, n, &message, &problem);

    if (r < 0 || read_command(message, &command) < 0) {
        log_warning("a command cannot be read: %s", problem ? problem : "a member is missing");
        json_decref(message);
        return;
    }
    r = store_find_command(manager->store, command.id, &result, &reason);
    if (r < 0) {
        manager_store_failed(manager, r, "looking for a command");
        reply(manager, command.id, "failed", "the bank cannot read its store");
    } else if (r > 0) {
        reply(manager, command.id, "refused", "this id was seen before");
    } else {
        why = refusal(manager, &command, retained);
        r = remember(manager, &command, why ? "refused" : "accepted", why ? why : "");
        if (r < 0)
            reply(manager, command.id, "failed", "the bank cannot write to its store");
        else if (why)
            reply(manager, command.id, "refused", why);
        else
            reply(manager, command.id, carry_out(manager, &command, &answer), answer.reason);
    }
    json_decref(message);
}
