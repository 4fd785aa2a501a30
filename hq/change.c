/* pickup-hq cancel, hold, release, handover, move; and which of them are pending. */
#include "hq/book-change.h"
#include "hq/change.h"
#include "hq/hq.h"
#include "hq/table.h"
#include "hq/verbs.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>

/* --- as JSON ---------------------------------------------------------------------------------- */

struct listing {
    struct store *store;
    json_t *list;
};

static int list_change(void *userdata, const struct store_change *change)
{
    struct listing *listing = userdata;
    json_auto_t *banks = NULL;
    int r = 0;

    if (!change->outcome)
        r = book_change_waits_for(listing->store, change->branch, change->order, change->seq,
                                  &banks);
    if (r < 0)
        return r;
    if (!banks && !(banks = json_array()))
        return -ENOMEM;
    r = json_array_append_new(listing->list,
                              json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:O,s:I}", "order",
                                        change->order, "change", change->kind, "state",
                                        change->outcome ? change->outcome : "pending", "branch",
                                        change->branch, "at", (json_int_t)change->at, "actor",
                                        change->actor, "reason", change->reason, "waits_for", banks,
                                        "settled_at", (json_int_t)change->settled_at));
    return r < 0 ? -ENOMEM : 1;
}

int change_list(struct store *store, const char *order, json_t **ret_list)
{
    json_auto_t *list = json_array();
    struct listing listing = {.store = store, .list = list};
    int r = order ? store_changes_of_order(store, order, list_change, &listing)
                  : store_changes_pending(store, list_change, &listing);

    if (r < 0)
        return r;
    *ret_list = json_incref(list);
    return 0;
}

char *change_names(const json_t *banks)
{
    char *text = strdup(""), *longer;
    const json_t *bank;
    size_t i;

    json_array_foreach (banks, i, bank) {
        if (!text || asprintf(&longer, "%s%s%s", text, i ? ", " : "", json_string_value(bank)) < 0)
            longer = NULL;
        free(text);
        text = longer;
    }
    return text;
}

/* --- the verbs -------------------------------------------------------------------------------- */

static int enter(struct context *context, const struct book_change_request *request,
                 char **ret_problem)
{
    _cleanup_free_ char *error = NULL;
    uint8_t number_key[KEY_BYTES];
    int r = key_load(context->state, KEY_NUMBER, number_key, &error);

    if (r < 0) {
        log_error("%s", error ?: strerror(-r));
        return r;
    }
    r = store_begin(context->store);
    if (r >= 0)
        r = book_change(context->store, number_key, request, ret_problem);
    explicit_bzero(number_key, sizeof(number_key));
    if (r > 0) {
        int q = store_commit(context->store);

        r = q < 0 ? q : r;
    }
    if (r <= 0)
        store_rollback(context->store);
    if (r > 0)
        hq_poke(context->state);
    return r;
}

/* Tells whom HQ waits for. */
static int report(struct context *context, const char *order, enum book_change change, bool done)
{
    _cleanup_free_ char *names = NULL;
    json_auto_t *list = NULL, *all = NULL;
    const json_t *last, *banks;
    int r = change_list(context->store, order, &list);

    if (r < 0)
        return verb_store_failed(context, r);
    last = json_array_get(list, json_array_size(list) - 1);
    banks = json_object_get(last, "waits_for");
    if (context->json) {
        all = json_pack("{s:s,s:s,s:b,s:o}", "order", order, "change", book_change_name(change),
                        "changed", (int)done, "changes", json_incref(list));
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
        return EXIT_GOOD;
    }
    names = change_names(banks);
    if (!done)
        printf("%s: nothing to do, it is so already.\n", order);
    else if (json_array_size(banks) > 0)
        printf("%s: %s is pending until %s has applied it.\n", order, book_change_name(change),
               names ? names : "a bank");
    else
        printf("%s: %s is done.\n", order, book_change_name(change));
    return EXIT_GOOD;
}

static int run(struct context *context, int argc, char **argv, enum book_change change)
{
    bool move = change == CHANGE_MOVE;
    _cleanup_free_ char *problem = NULL;
    struct book_change_request request = {
        .change = change, .actor = "operator", .now_ms = clock_now_ms()};
    const struct verb_option options[] = {
        {"reason", .text = &request.reason},
        {"actor", .text = &request.actor},
    };
    int words = move ? 2 : 1;
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), words, words);

    if (r < 0)
        return EXIT_USAGE;
    request.order = argv[1];
    request.to_branch = move ? argv[2] : NULL;
    if (!request.reason) {
        log_error("%s: write --reason=TEXT; it is kept with the order.", argv[0]);
        return EXIT_USAGE;
    }
    if (move && !hq_config_branch(&context->config, request.to_branch)) {
        const char *near = hq_config_nearest_branch(&context->config, request.to_branch);

        log_error("move: there is no branch %s in the configuration.%s%s%s", request.to_branch,
                  near ? " Did you mean " : "", near ?: "", near ? "?" : "");
        return EXIT_USAGE;
    }
    r = enter(context, &request, &problem);
    if (r >= 0)
        return report(context, request.order, change, r > 0);
    if (r == -ENOENT)
        log_error("There is no order %s. 'pickup-hq orders' lists them.", request.order);
    else if (r == -EBADMSG)
        log_error("%s: order %s cannot be changed: %s.", argv[0], request.order,
                  problem ?: "there is no memory");
    else
        return verb_store_failed(context, r);
    return EXIT_PARTLY;
}

int verb_cancel(struct context *context, int argc, char **argv)
{
    return run(context, argc, argv, CHANGE_CANCEL);
}

int verb_hold(struct context *context, int argc, char **argv)
{
    return run(context, argc, argv, CHANGE_HOLD);
}

int verb_release(struct context *context, int argc, char **argv)
{
    return run(context, argc, argv, CHANGE_RELEASE);
}

int verb_handover(struct context *context, int argc, char **argv)
{
    return run(context, argc, argv, CHANGE_HANDOVER);
}

int verb_move(struct context *context, int argc, char **argv)
{
    return run(context, argc, argv, CHANGE_MOVE);
}

int change_print(const json_t *list)
{
    static const char *const headings[] = {"ORDER",     "CHANGE", "STATE",  "BRANCH",
                                           "WAITS FOR", "ACTOR",  "REASON", NULL};
    _cleanup_(table_freep) struct table *table = NULL;
    const json_t *change;
    size_t i;
    int r = table_new(headings, &table);

    if (r < 0)
        return r;
    json_array_foreach (list, i, change) {
        static const char *const members[] = {"order", "change", "state", "branch"};
        _cleanup_free_ char *names = change_names(json_object_get(change, "waits_for"));

        for (size_t k = 0; k < ELEMENTSOF(members); k++)
            table_add(table, json_string_value(json_object_get(change, members[k])));
        table_add(table, names && *names ? names : NULL);
        table_add(table, json_string_value(json_object_get(change, "actor")));
        table_add(table, json_string_value(json_object_get(change, "reason")));
    }
    table_print(table, stdout, 0);
    return 0;
}

int verb_pending(struct context *context, int argc, char **argv)
{
    json_auto_t *list = NULL;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    r = change_list(context->store, NULL, &list);
    if (r >= 0 && context->json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
    } else if (r >= 0) {
        r = change_print(list);
    }
    return r < 0 ? verb_store_failed(context, r) : EXIT_GOOD;
}
