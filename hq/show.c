/* What HQ knows, as tables or as JSON: orders, one order. */
#include "hq/change.h"
#include "hq/order-view.h"
#include "hq/table.h"
#include "hq/verbs.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define LIMIT_STANDARD 100
#define LIMIT_MAX      10000000

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* Local time, to the minute; NULL for 0, which means none. */
static const char *time_text(json_int_t ms, char ret_text[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (ms == 0 || !localtime_r(&seconds, &tm))
        return NULL;
    strftime(ret_text, 32, "%Y-%m-%d %H:%M", &tm);
    return ret_text;
}

static void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(1));
    putchar('\n');
}

/* --- orders ----------------------------------------------------------------------------------- */

struct listing {
    struct context *context;
    const char *state, *branch;
    int64_t limit, shown, now_ms;
    struct table *table;
};

static json_t *order_entry(const json_t *document, const struct order_view *view)
{
    const json_t *departure = json_object_get(document, "departure");

    return json_pack(
        "{s:O,s:O,s:s,s:O,s:O,s:O,s:i,s:i,s:i,s:O,s:O,s:O?}", "order",
        json_object_get(document, "order"), "branch", json_object_get(document, "branch"), "state",
        order_state_name(view->state), "status", json_object_get(document, "status"), "display",
        json_object_get(document, "display"), "lang", json_object_get(document, "lang"), "parcels",
        (int)view->parcels, "stocked", (int)view->stocked, "collected", (int)view->collected,
        "ready_from", json_object_get(document, "ready_from"), "pickup_until",
        json_object_get(document, "pickup_until"), "flight", json_object_get(departure, "flight"));
}

static int add_order(struct listing *listing, const json_t *document, const struct order_view *view)
{
    char until[32];

    table_add(listing->table, text_of(document, "order"));
    table_add(listing->table, text_of(document, "branch"));
    table_add(listing->table, order_state_name(view->state));
    table_add(listing->table, text_of(document, "display"));
    table_add(listing->table, text_of(document, "lang"));
    table_addf(listing->table, "%zu", view->parcels);
    table_addf(listing->table, "%zu", view->stocked);
    table_addf(listing->table, "%zu", view->collected);
    return table_add(
        listing->table,
        time_text(json_integer_value(json_object_get(document, "pickup_until")), until));
}

static int list_order(void *userdata, int64_t id, const char *body)
{
    struct listing *listing = userdata;
    json_auto_t *document = json_loads(body, 0, NULL), *entry = NULL;
    const char *branch = text_of(document, "branch");
    struct order_view view;
    int r = document ? order_view(document, listing->now_ms, &view) : -EUCLEAN;

    if (r < 0)
        return r;
    if ((listing->state && strcmp(listing->state, order_state_name(view.state)) != 0) ||
        (listing->branch && strcmp(listing->branch, branch ?: "") != 0))
        return 1;
    if (listing->context->json) {
        fputs(listing->shown ? ",\n " : "\n ", stdout);
        entry = order_entry(document, &view);
        json_dumpf(entry, stdout, JSON_COMPACT);
    } else {
        r = add_order(listing, document, &view);
        if (r < 0)
            return r;
    }
    return ++listing->shown < listing->limit;
}

static int check_state(const char *state)
{
    for (int i = ORDER_STATE_ANNOUNCED; i <= ORDER_STATE_ELSEWHERE; i++)
        if (strcmp(order_state_name((enum order_state)i), state) == 0)
            return 0;
    log_error("orders: there is no state '%s'. Write one of announced, partly_stocked, ready, "
              "collected, held, too_early, expired, cancelled, disputed, returned.",
              state);
    return -EINVAL;
}

int verb_orders(struct context *context, int argc, char **argv)
{
    static const char *const headings[] = {"ORDER",   "BRANCH",  "STATE",     "CUSTOMER", "LANG",
                                           "PARCELS", "STOCKED", "COLLECTED", "UNTIL",    NULL};
    struct listing listing = {
        .context = context, .limit = LIMIT_STANDARD, .now_ms = clock_now_ms()};
    const struct verb_option options[] = {
        {"state", .text = &listing.state},
        {"branch", .text = &listing.branch},
        {"limit", .number = &listing.limit, .min = 1, .max = LIMIT_MAX},
    };
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 0, 0);

    if (r < 0 || (listing.state && check_state(listing.state) < 0))
        return EXIT_USAGE;
    r = table_new(headings, &listing.table);
    if (context->json)
        putchar('[');
    if (r >= 0)
        r = store_orders(context->store, 0, list_order, &listing);
    if (context->json)
        puts(listing.shown ? "\n]" : "]");
    else if (r >= 0)
        table_print(listing.table, stdout, 0);
    if (r >= 0 && !context->json && listing.shown == listing.limit)
        printf("The first %lld; --limit=N shows more.\n", (long long)listing.limit);
    table_free(listing.table);
    return r < 0 ? verb_store_failed(context, r) : EXIT_GOOD;
}

/* --- one order -------------------------------------------------------------------------------- */

static int collect_event(void *userdata, int64_t id, json_t *event)
{
    return json_array_append(userdata, event) < 0 ? -ENOMEM : 1;
}

static void print_parcels(const json_t *document)
{
    static const char *const headings[] = {"PARCEL", "LABEL", "SIZE", "WHERE", "SINCE", NULL};
    _cleanup_(table_freep) struct table *table = NULL;
    json_t *parcel;
    size_t i;

    if (table_new(headings, &table) < 0)
        return;
    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        const json_t *placed = json_object_get(parcel, "placed");
        const json_t *collected = json_object_get(parcel, "collected");
        char when[32];

        table_add(table, text_of(parcel, "parcel"));
        table_add(table, text_of(parcel, "barcode"));
        table_add(table, text_of(parcel, "size"));
        if (json_is_object(collected))
            table_addf(table, "collected at %s", text_of(collected, "bank"));
        else if (json_is_object(placed))
            table_addf(table, "door %lld of %s",
                       (long long)json_integer_value(json_object_get(placed, "door")),
                       text_of(placed, "bank"));
        else
            table_add(table, "not stocked");
        table_add(table, time_text(json_integer_value(json_is_object(collected)
                                                          ? json_object_get(collected, "at")
                                                          : json_object_get(placed, "since")),
                                   when));
    }
    table_print(table, stdout, 0);
}

static void print_events(const json_t *events)
{
    static const char *const headings[] = {"AT", "BANK", "N", "EVENT", "PARCEL", "DOOR", NULL};
    _cleanup_(table_freep) struct table *table = NULL;
    json_t *event;
    size_t i;

    if (json_array_size(events) == 0 || table_new(headings, &table) < 0)
        return;
    putchar('\n');
    json_array_foreach (events, i, event) {
        const json_t *door = json_object_get(event, "door");
        char when[32];

        const json_t *placed_at = json_object_get(event, "placed_at");
        bool trusted = json_is_true(json_object_get(event, "trusted"));

        table_addf(table, "%s%s",
                   time_text(json_integer_value(placed_at ?: json_object_get(event, "at")), when)
                       ?: "-",
                   trusted     ? ""
                   : placed_at ? " ~"
                               : " ?");
        table_add(table, text_of(event, "bank"));
        table_addf(table, "%lld", (long long)json_integer_value(json_object_get(event, "n")));
        table_add(table, text_of(event, "type"));
        table_add(table, text_of(event, "parcel"));
        if (json_is_integer(door))
            table_addf(table, "%lld", (long long)json_integer_value(door));
        else
            table_add(table, NULL);
    }
    table_print(table, stdout, 0);
}

/* Is a bank still to apply something that HQ did? */
static int is_pending(const json_t *changes)
{
    const json_t *change;
    size_t i;

    json_array_foreach (changes, i, change)
        if (strcmp(text_of(change, "state"), "pending") == 0)
            return 1;
    return 0;
}

static int show_order(struct context *context, const json_t *document)
{
    json_auto_t *events = json_array(), *changes = NULL, *all = NULL;
    struct order_view view;
    char until[32];
    int r = order_view(document, clock_now_ms(), &view);

    if (r >= 0)
        r = store_events_of_order(context->store, text_of(document, "order"), collect_event,
                                  events);
    if (r >= 0)
        r = change_list(context->store, text_of(document, "order"), &changes);
    if (r < 0)
        return r;
    if (context->json) {
        all = json_pack("{s:O,s:s,s:b,s:O,s:O}", "document", document, "state",
                        order_state_name(view.state), "pending", is_pending(changes), "changes",
                        changes, "events", events);
        print_json(all);
        return 0;
    }
    printf("%s  %s%s  %s  %s  rev %lld  until %s\n\n", text_of(document, "order"),
           order_state_name(view.state), is_pending(changes) ? " (pending)" : "",
           text_of(document, "branch"), text_of(document, "display") ?: "-",
           (long long)json_integer_value(json_object_get(document, "rev")),
           time_text(json_integer_value(json_object_get(document, "pickup_until")), until) ?: "-");
    print_parcels(document);
    if (json_array_size(changes) > 0) {
        putchar('\n');
        change_print(changes);
    }
    print_events(events);
    return 0;
}

int verb_order(struct context *context, int argc, char **argv)
{
    json_auto_t *document = NULL;
    struct store_order order;
    int r = verb_options(context, argc, argv, NULL, 0, 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    r = store_order(context->store, argv[1], &order);
    if (r > 0)
        r = store_document(context->store, order.branch, "order", argv[1], &document);
    if (r == 0) {
        log_error("There is no order %s. 'pickup-hq orders' lists them.", argv[1]);
        return EXIT_PARTLY;
    }
    if (r > 0)
        r = show_order(context, document);
    return r < 0 ? verb_store_failed(context, r) : EXIT_GOOD;
}
