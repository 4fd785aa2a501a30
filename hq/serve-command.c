/* Remote commands on their way to the banks, and the answers. */
#include "hq/serve.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/member.h"

#include <errno.h>
#include <string.h>

#define BURST          16 /* commands a turn */
#define COMMAND_ID_MAX 64

struct sending {
    struct serve *serve;
    char *sent[BURST];
    size_t n;
    int r;
};

static int send_command(void *userdata, const char *id, const char *bank, const char *body)
{
    struct sending *sending = userdata;
    struct serve_bank *to = serve_find_bank(sending->serve, bank);

    if (to)
        sending->r = serve_publish(sending->serve, to, WIRE_DOWN_COMMAND, body, strlen(body));
    if (sending->r < 0)
        return 0;
    sending->sent[sending->n] = strdup(id);
    return sending->sent[sending->n] && ++sending->n < BURST;
}

/* Marked as sent after it was published: sent twice it still acts once, by its id; not sent it
 * would be lost. */
static int mark_sent(struct serve *serve, const struct sending *sending)
{
    int r = store_begin(serve->store);

    for (size_t i = 0; i < sending->n && r >= 0; i++)
        r = store_command_sent(serve->store, sending->sent[i]);
    if (r >= 0)
        r = store_lapse_commands(serve->store, clock_now_ms());
    if (r >= 0)
        r = store_commit(serve->store);
    if (r < 0)
        store_rollback(serve->store);
    return r;
}

int serve_commands_pump(struct serve *serve)
{
    struct sending sending = {.serve = serve};
    int r = store_unsent_commands(serve->store, clock_now_ms(), send_command, &sending);

    if (r >= 0 && sending.n > 0)
        r = mark_sent(serve, &sending);
    for (size_t i = 0; i < sending.n; i++)
        free(sending.sent[i]);
    return r < 0 ? r : sending.r;
}

int serve_reply(struct serve *serve, struct serve_bank *bank, const char *json, size_t n)
{
    json_auto_t *reply = NULL;
    _cleanup_free_ char *reason = NULL, *id = NULL, *result = NULL;
    int r = wire_parse(json, n, &reply, &reason);

    if (r >= 0)
        r = member_string(reply, "", "id", true, COMMAND_ID_MAX, &id, &reason);
    if (r >= 0)
        r = member_string(reply, "", "result", true, 0, &result, &reason);
    if (r >= 0 && !json_is_string(json_object_get(reply, "reason")))
        r = member_complain(&reason, "reason must be a string");
    if (r == -EBADMSG) {
        log_warning("Bank %s: up/reply is ignored: %s.", bank->name, reason);
        return 0;
    }
    if (r < 0)
        return r;
    r = serve_batch(serve);
    if (r < 0)
        return r;
    serve->batch_rows++;
    return store_command_result(serve->store, id, bank->name, result,
                                json_string_value(json_object_get(reply, "reason")));
}
