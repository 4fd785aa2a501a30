/* The reading methods of the bus. */
#include "daemon/bus-inner.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/door-book.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <string.h>

#define LIMIT_STANDARD 100
#define LIMIT_MAX      1000
#define SCAN_MAX       20000 /* orders looked at for one list: a customer waits meanwhile */

struct filter {
    const char *state, *text;
    uint32_t limit, offset;
};

static int read_filter(sd_bus_message *m, struct filter *ret)
{
    const char *key;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    ret->limit = LIMIT_STANDARD;
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &key);
        if (r < 0)
            return r;
        if (strcmp(key, "state") == 0)
            r = sd_bus_message_read(m, "v", "s", &ret->state);
        else if (strcmp(key, "text") == 0)
            r = sd_bus_message_read(m, "v", "s", &ret->text);
        else if (strcmp(key, "limit") == 0)
            r = sd_bus_message_read(m, "v", "u", &ret->limit);
        else if (strcmp(key, "offset") == 0)
            r = sd_bus_message_read(m, "v", "u", &ret->offset);
        else
            return -EINVAL;
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    if (ret->limit > LIMIT_MAX)
        ret->limit = LIMIT_MAX;
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

struct listing {
    sd_bus_message *reply;
    struct filter filter;
    int64_t now_ms;
    uint32_t matched;
};

static int append_order(void *userdata, const struct order_record *record)
{
    struct listing *listing = userdata;
    const struct order *order = record->order;
    const char *state = order_state_name(order_state(order, record->placements, listing->now_ms));
    uint32_t stocked = 0, collected = 0;
    int r;

    if (listing->filter.state && *listing->filter.state &&
        strcmp(record->orphan ? "orphan" : state, listing->filter.state) != 0 &&
        strcmp(state, listing->filter.state) != 0)
        return 0;
    if (listing->matched++ < listing->filter.offset)
        return 0;
    for (size_t i = 0; i < order->n_parcels; i++) {
        enum placement_state where = record->placements[i].state;

        stocked += where == PLACEMENT_STOCKED || where == PLACEMENT_UNCONFIRMED;
        collected += where == PLACEMENT_COLLECTED;
    }
    r = sd_bus_message_append(listing->reply, "(sssuuuxx)", order->id, state,
                              order->display ? order->display : "", (uint32_t)order->n_parcels,
                              stocked, collected, order->ready_from, order->pickup_until);
    if (r < 0)
        return r;
    return listing->matched >= listing->filter.offset + listing->filter.limit;
}

/* States that an order reaches only through a door. */
static bool needs_placement(const char *state)
{
    static const char *const states[] = {"ready", "partly_stocked", "collecting", "collected"};

    for (size_t i = 0; state && i < ELEMENTSOF(states); i++)
        if (strcmp(states[i], state) == 0)
            return true;
    return false;
}

int bus_list_orders(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct listing listing = {.now_ms = timekeeper_now_ms(manager)};
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = read_filter(m, &listing.filter);

    if (r < 0)
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "filter may have state s, text s, limit u, offset u");
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sssuuuxx)");
    listing.reply = reply;
    if (r >= 0)
        r = bus_store_read(manager, store_each_order(manager->store, listing.filter.text,
                                                     needs_placement(listing.filter.state),
                                                     SCAN_MAX, 0, append_order, &listing));
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "t", (uint64_t)store_order_count(manager->store));
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int bus_store_read(struct manager *manager, int r)
{
    return r < 0 ? manager_store_failed(manager, r, "reading") : r;
}

static json_t *placements_json(const struct order_record *record)
{
    static const char *const names[] = {
        [PLACEMENT_NONE] = "none",
        [PLACEMENT_STOCKED] = "stocked",
        [PLACEMENT_UNCONFIRMED] = "unconfirmed",
        [PLACEMENT_COLLECTED] = "collected",
    };
    json_t *list = json_array();

    for (size_t i = 0; list && i < record->order->n_parcels; i++) {
        const struct placement *placement = &record->placements[i];

        if (placement->state != PLACEMENT_NONE)
            json_array_append_new(
                list, json_pack("{ss ss sI sI}", "parcel", record->order->parcels[i].id, "state",
                                names[placement->state], "door", (json_int_t)placement->door,
                                "since", (json_int_t)placement->since_ms));
    }
    return list;
}

int bus_get_order(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    struct manager *manager = userdata;
    _cleanup_free_ char *text = NULL;
    const char *number;
    json_t *answer;
    int r = sd_bus_message_read(m, "s", &number);

    if (r >= 0)
        r = bus_store_read(manager, store_find_order(manager->store, number, &record));
    if (r < 0)
        return r;
    if (r == 0)
        return sd_bus_error_setf(error, "io.pickupd.Error.NotFound",
                                 "There is no order %s at this bank.", number);
    answer = json_pack("{sO ss so sb}", "document", record->document, "state",
                       order_state_name(order_state(record->order, record->placements,
                                                    timekeeper_now_ms(manager))),
                       "placements", placements_json(record), "orphan", (int)record->orphan);
    text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    return text ? sd_bus_reply_method_return(m, "s", text) : -ENOMEM;
}

int bus_list_doors(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(usbsssxs)");
    for (size_t i = 0; r >= 0 && i < manager->doors.n; i++) {
        const struct door *door = &manager->doors.items[i];
        struct door_view view;

        r = bus_store_read(manager, door_book_view(manager, door->number, &view));
        if (r >= 0)
            r = sd_bus_message_append(
                reply, "(usbsssxs)", door->number, parcel_size_name(door->size), (int)door->low,
                door_state_name(view.state), view.content.parcel, view.content.number,
                *view.content.parcel ? view.content.since_ms : view.trouble.since_ms,
                view.trouble.reason);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int bus_list_events(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    json_t *events = NULL;
    const json_t *event;
    uint64_t after;
    uint32_t limit;
    size_t i;
    int r = sd_bus_message_read(m, "tu", &after, &limit);

    if (r >= 0)
        r = bus_store_read(manager,
                           audit_list(manager->store, (int64_t)after,
                                      limit > LIMIT_MAX ? LIMIT_MAX : limit, 1 << 20, &events));
    if (r >= 0)
        r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "s");
    json_array_foreach (events, i, event) {
        _cleanup_free_ char *text = json_dumps(event, JSON_COMPACT);

        if (r >= 0)
            r = text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
    }
    json_decref(events);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static uint64_t seconds_since(uint64_t since_us)
{
    return since_us ? (clock_boot_us() - since_us) / 1000000 : 0;
}

static int append_store(sd_bus_message *m, const struct manager *manager)
{
    const struct disk *disk = &manager->disk;
    const struct bank_config *config = &manager->config;

    return sd_bus_message_append(
        m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "store", "s", disk_state_name(disk->state),
        "store_detail", "s", disk->detail, "store_since", "x",
        disk->state == DISK_FINE ? INT64_C(0) : disk->since_ms, "store_bytes", "x",
        disk->size.used_bytes + disk->size.spare_bytes, "store_spare_bytes", "x",
        disk->size.spare_bytes, "store_wal_bytes", "x", disk->size.wal_bytes, "disk_free_bytes",
        "x", disk->size.disk_free_bytes, "disk_reserve_bytes", "x", config->reserve_bytes,
        "outbox_max", "t", (uint64_t)config->outbox_max);
}

static int append_status(sd_bus_message *m, struct manager *manager)
{
    uint64_t last = (uint64_t)store_last_event(manager->store);
    unsigned n_free = 0, faults = 0;
    int64_t old = 0;

    if (door_book_count(manager, &n_free, &faults) < 0 || store_old_count(manager->store, &old) < 0)
        log_debug("status without doors: the store cannot be read");
    return sd_bus_message_append(
        m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "bank", "s",
        manager->config.name, "branch", "s", manager->config.branch, "version", "s", PICKUP_VERSION,
        "boot", "s", manager->boot, "ready", "b", (int)disk_usable(manager), "kiosk", "b",
        (int)manager->attached, "feed", "s", manager->feed.id, "cursor", "x", manager->feed.cursor,
        "outbox", "t", last - (uint64_t)manager->uplink.acked, "old_outbox", "t", (uint64_t)old,
        "log", "s", store_log(manager->store), "last_event", "t", last, "orders", "t",
        (uint64_t)store_order_count(manager->store), "orphans", "t",
        (uint64_t)store_orphan_count(manager->store), "doors", "u", (uint32_t)manager->doors.n,
        "free_doors", "u", n_free, "faults", "u", faults);
}

static int append_link_and_clock(sd_bus_message *m, const struct manager *manager)
{
    const struct link_health *health = &manager->uplink.health;
    const struct clock_trust *clock = &manager->clock.trust;
    int online = manager->mqtt && mqtt_state(manager->mqtt) == MQTT_CONNECTED;

    return sd_bus_message_append(
        m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "online", "b", online,
        "connection_state", "s", link_health_word(health), "connection", "s", health->detail,
        "connection_since", "x", health->since_ms, "connection_for_s", "t",
        seconds_since(health->since_us), "attempts", "u", (uint32_t)health->attempts,
        "clock_trusted", "b", (int)timekeeper_trusted(manager), "clock_state", "s",
        clock_verdict_name(clock->verdict), "clock", "s", clock_verdict_text(clock->verdict),
        "clock_for_s", "t", seconds_since(manager->clock.since_us), "clock_floor", "x",
        clock->floor_ms);
}

int bus_get_status(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    struct manager *manager = userdata;
    int r = sd_bus_message_new_method_return(m, &reply);

    (void)timekeeper_now_ms(manager);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
    if (r >= 0)
        r = append_status(reply, manager);
    if (r >= 0)
        r = append_link_and_clock(reply, manager);
    if (r >= 0)
        r = append_store(reply, manager);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
