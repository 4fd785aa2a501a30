#include "daemon/bus-inner.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/door-book.h"
#include "daemon/uplink.h"
#include "daemon/visit.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME "io.pickupd.Bank1"
#define PATH "/io/pickupd/bank1"

#define ID_SEEN_US (UINT64_C(600) * 1000 * 1000)

static int append_text(sd_bus_message *m, const char *key, const char *value)
{
    return *value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_number(sd_bus_message *m, const char *key, uint32_t value)
{
    return sd_bus_message_append(m, "{sv}", key, "u", value);
}

static int append_time(sd_bus_message *m, const char *key, int64_t value)
{
    return value ? sd_bus_message_append(m, "{sv}", key, "x", value) : 0;
}

int bus_append_session(sd_bus_message *m, const struct session *session)
{
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (r >= 0 && session->id) {
        const struct session_item *item = &session->items[session->index];

        r = append_text(m, "kind", session_kind_name(session->kind));
        if (r >= 0)
            r = append_text(m, "order", session->order);
        if (r >= 0)
            r = append_text(m, "display", session->display);
        if (r >= 0)
            r = append_text(m, "lang", session->lang);
        if (r >= 0 && session->n_items > 0) {
            r = append_number(m, "door", item->door);
            if (r >= 0)
                r = append_text(m, "parcel", item->parcel);
            if (r >= 0)
                r = append_number(m, "index", session->index + 1);
            if (r >= 0)
                r = append_number(m, "of", session->n_items);
        }
        if (r >= 0)
            r = append_number(m, "opened", session->opened);
        if (r >= 0)
            r = append_number(m, "failed", session->failed);
        if (r >= 0 && session->kind == SESSION_STAFF)
            r = sd_bus_message_append(m, "{sv}{sv}{sv}", "staff", "u", session->staff, "role", "s",
                                      session->role == STAFF_MANAGER ? "manager" : "stocker",
                                      "stocked", "u", (uint32_t)session->stocked);
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_answer(sd_bus_message *m, const struct manager *manager,
                         const struct answer *answer)
{
    int r = sd_bus_message_append(m, "st", outcome_name(answer->outcome), answer->session);

    if (r >= 0 && answer->session && answer->session == manager->session.id)
        return bus_append_session(m, &manager->session);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = append_time(m, "at", answer->at_ms);
    if (r >= 0)
        r = append_time(m, "wait_ms", answer->wait_ms);
    if (r >= 0 && answer->branch)
        r = sd_bus_message_append(m, "{sv}", "branch", "q", (uint16_t)answer->branch);
    if (r >= 0)
        r = append_text(m, "bank", answer->bank);
    if (r >= 0)
        r = append_text(m, "reason", answer->reason);
    if (r >= 0)
        r = append_text(m, "display", answer->display);
    if (r >= 0)
        r = append_text(m, "lang", answer->lang);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int reply_answer(sd_bus_message *m, struct manager *manager, const struct answer *answer)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = append_answer(reply, manager, answer);
    uplink_send(manager);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* A verb that returns nothing: the failure of the store, or the mistake of the caller. */
static int reply_done(sd_bus_message *m, struct manager *manager, int r, sd_bus_error *error)
{
    if (r >= 0) {
        uplink_send(manager);
        return sd_bus_reply_method_return(m, NULL);
    }
    if (r == -EINVAL)
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no such door or word; docs/dbus.md lists them.");
    if (r == -ENOENT)
        return sd_bus_error_set(error, "io.pickupd.Error.NotFound",
                                "There is no such grant, session or order.");
    manager_store_failed(manager, r, "answering the bus");
    return sd_bus_error_setf(error, "io.pickupd.Error.NotDurable",
                             "The bank cannot write to its store: %s.",
                             *manager->disk.detail ? manager->disk.detail : strerror(-r));
}

static void actor_of(sd_bus_message *m, char ret_actor[48])
{
    _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
    uid_t uid;

    snprintf(ret_actor, 48, "bus");
    if (sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds) >= 0 &&
        sd_bus_creds_get_euid(creds, &uid) >= 0)
        snprintf(ret_actor, 48, "uid:%u", uid);
}

/* ---- the kiosk's verbs ---- */

static int method_attach(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct visit_door doors[DOORS_MAX];
    struct manager *manager = userdata;
    const struct bank_config *config = &manager->config;
    const char *state;
    uint32_t door;
    size_t n = 0;
    int r = sd_bus_message_enter_container(m, 'a', "(us)");

    while (r >= 0 && (r = sd_bus_message_read(m, "(us)", &door, &state)) > 0) {
        if (n == ELEMENTSOF(doors))
            return reply_done(m, manager, -EINVAL, error);
        doors[n++] = (struct visit_door){
            .door = door,
            .open = strcmp(state, "open") == 0,
            .faulty = strcmp(state, "faulty") == 0,
            .busy = strcmp(state, "busy") == 0,
        };
    }
    if (r >= 0)
        r = visit_attach(manager, doors, n);
    if (r < 0)
        return reply_done(m, manager, r, error);
    r = sd_bus_reply_method_return(
        m, "a{sv}", 7, "bank", "s", config->name, "branch", "q", (uint16_t)config->branch_number,
        "boot", "s", manager->boot, "doors", "u", (uint32_t)manager->doors.n, "open_timeout_ms",
        "x", config->open_timeout_ms, "close_timeout_ms", "x", config->close_timeout_ms, "pulses",
        "u", (uint32_t)config->pulses);
    /* What stays unjudged because the store failed, visit_tick() judges later. */
    if (visit_attach_judge(manager, doors, n) < 0)
        log_warning("grants could not be judged; they are judged later");
    uplink_send(manager);
    return r;
}

static int method_present(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct answer answer;
    const char *text;
    int r = sd_bus_message_read(m, "s", &text);

    if (r < 0)
        return r;
    (void)decide_present(manager, text, &answer);
    return reply_answer(m, manager, &answer);
}

static int method_enter_number(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct answer answer;
    const char *digits;
    int r = sd_bus_message_read(m, "s", &digits);

    if (r < 0)
        return r;
    (void)decide_number(manager, digits, &answer);
    return reply_answer(m, manager, &answer);
}

static int method_report_door(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    uint64_t grant, at_us;
    const char *report;
    uint32_t door;
    int r = sd_bus_message_read(m, "ustt", &door, &report, &grant, &at_us);

    if (r >= 0)
        r = visit_report(manager, door, report, grant, at_us);
    return reply_done(m, manager, r, error);
}

static int method_end_session(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    uint64_t session;
    const char *why;
    int r = sd_bus_message_read(m, "ts", &session, &why);

    if (r >= 0)
        r = visit_end(manager, session, why);
    return reply_done(m, manager, r, error);
}

static int method_dispute(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    struct manager *manager = userdata;
    const char *order, *what;
    int r = sd_bus_message_read(m, "ss", &order, &what);

    if (r >= 0)
        r = store_find_order(manager->store, order, &record);
    if (r <= 0)
        return reply_done(m, manager, r < 0 ? r : -ENOENT, error);
    r = store_begin(manager->store);
    if (r == 0)
        r = audit_add(manager->store, "dispute",
                      json_pack("{ss ss%}", "order", order, "what", what, strnlen(what, 500)));
    return reply_done(m, manager, store_finish(manager->store, r), error);
}

static int method_get_session(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_append(reply, "ts", manager->session.id,
                                  session_state_name(manager->session.state));
    if (r >= 0)
        r = bus_append_session(reply, &manager->session);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_grants(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct grant grants[ORDER_PARCELS_MAX];
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int n = bus_store_read(manager, store_grants_out(manager->store, grants, ELEMENTSOF(grants)));
    int r;

    if (n < 0)
        return n;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ttusstu)");
    for (int i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append(reply, "(ttusstu)", grants[i].id, grants[i].session,
                                  grants[i].door, grants[i].parcel, grants[i].boot,
                                  grants[i].deadline_us, (uint32_t)grants[i].pulses);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* ---- the staff's verbs ---- */

static int method_stock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct answer answer;
    const char *parcel;
    char actor[48];
    uint32_t door;
    int r = sd_bus_message_read(m, "su", &parcel, &door);

    if (r < 0)
        return r;
    actor_of(m, actor);
    (void)decide_stock(manager, parcel, door, actor, &answer);
    return reply_answer(m, manager, &answer);
}

static int method_retrieve(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct answer answer;
    const char *parcel;
    char actor[48];
    int r = sd_bus_message_read(m, "s", &parcel);

    if (r < 0)
        return r;
    actor_of(m, actor);
    (void)decide_retrieve(manager, parcel, actor, &answer);
    return reply_answer(m, manager, &answer);
}

static int method_inspect(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    struct answer answer;
    char actor[48];
    uint32_t door;
    int r = sd_bus_message_read(m, "u", &door);

    if (r < 0)
        return r;
    actor_of(m, actor);
    (void)decide_inspect(manager, door, actor, &answer);
    return reply_answer(m, manager, &answer);
}

static int method_resolve_door(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    const char *finding;
    char actor[48];
    uint32_t door;
    bool empty;
    int r = sd_bus_message_read(m, "us", &door, &finding);

    if (r < 0)
        return r;
    empty = strcmp(finding, "empty") == 0;
    if (!doors_find(&manager->doors, door) || (!empty && strcmp(finding, "parcel") != 0))
        return reply_done(m, manager, -EINVAL, error);
    actor_of(m, actor);
    r = store_begin(manager->store);
    if (r == 0)
        r = door_book_resolve(manager, door, empty, actor);
    r = store_finish(manager->store, r);
    if (r >= 0)
        bus_tell_door(manager, door);
    return reply_done(m, manager, r, error);
}

static int method_set_door_service(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    const char *reason;
    int in_service, r;
    char actor[48];
    uint32_t door;

    r = sd_bus_message_read(m, "ubs", &door, &in_service, &reason);
    if (r < 0)
        return r;
    if (!doors_find(&manager->doors, door))
        return reply_done(m, manager, -EINVAL, error);
    if (!in_service && !*reason)
        return sd_bus_error_set(error, "io.pickupd.Error.Refused",
                                "A door goes out of service only with a reason: give one.");
    actor_of(m, actor);
    r = store_begin(manager->store);
    if (r == 0)
        r = door_book_set_service(manager, door, in_service ? NULL : reason, actor);
    r = store_finish(manager->store, r);
    if (r >= 0)
        bus_tell_door(manager, door);
    return reply_done(m, manager, r, error);
}

static int method_release_id_check(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    struct manager *manager = userdata;
    const char *order;
    char actor[48];
    int r = sd_bus_message_read(m, "s", &order);

    if (r >= 0)
        r = store_find_order(manager->store, order, &record);
    if (r <= 0)
        return reply_done(m, manager, r < 0 ? r : -ENOENT, error);
    actor_of(m, actor);
    r = store_begin(manager->store);
    if (r == 0)
        r = store_set_id_seen(manager->store, order, clock_boot_us() + ID_SEEN_US);
    if (r == 0)
        r = audit_add(manager->store, "id_checked",
                      json_pack("{ss ss}", "order", order, "actor", actor));
    return reply_done(m, manager, store_finish(manager->store, r), error);
}

/* Only root, or the manager who has shown the badge at the kiosk, may say that the bank was wrong
 * about the time. */
static bool may_lower_floor(sd_bus_message *m, const struct manager *manager, char ret_actor[48])
{
    const struct session *session = &manager->session;

    actor_of(m, ret_actor);
    if (strcmp(ret_actor, "uid:0") == 0)
        return true;
    if (session->kind != SESSION_STAFF || session->role != STAFF_MANAGER)
        return false;
    snprintf(ret_actor, 48, "%s", session->actor);
    return true;
}

static int method_lower_clock_floor(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    const char *reason;
    char actor[48];
    int64_t floor_ms;
    int r = sd_bus_message_read(m, "xs", &floor_ms, &reason);

    if (r < 0)
        return r;
    if (!may_lower_floor(m, manager, actor))
        return sd_bus_error_set(
            error, "io.pickupd.Error.Refused",
            "Only root, or a manager whose badge was shown to the kiosk, lowers "
            "the floor of the clock.");
    if (!*reason)
        return sd_bus_error_set(error, "io.pickupd.Error.Refused",
                                "The floor is lowered only with a reason: give one.");
    r = timekeeper_lower(manager, floor_ms, actor, reason);
    if (r == -EINVAL)
        return sd_bus_error_set(error, "io.pickupd.Error.Refused",
                                "The floor can only be lowered, and not below 1970; pickupctl "
                                "status shows where it is.");
    return reply_done(m, manager, r, error);
}

/* ---- properties ---- */

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    unsigned n_free = 0, faults = 0;

    if (strcmp(property, "Bank") == 0)
        return sd_bus_message_append(reply, "s", manager->config.name);
    if (strcmp(property, "Branch") == 0)
        return sd_bus_message_append(reply, "q", (uint16_t)manager->config.branch_number);
    if (strcmp(property, "Boot") == 0)
        return sd_bus_message_append(reply, "s", manager->boot);
    if (strcmp(property, "Version") == 0)
        return sd_bus_message_append(reply, "s", PICKUP_VERSION);
    if (strcmp(property, "Ready") == 0)
        return sd_bus_message_append(reply, "b", (int)disk_usable(manager));
    if (strcmp(property, "Store") == 0)
        return sd_bus_message_append(reply, "s", disk_state_name(manager->disk.state));
    if (strcmp(property, "Online") == 0)
        return sd_bus_message_append(reply, "b",
                                     manager->mqtt && mqtt_state(manager->mqtt) == MQTT_CONNECTED);
    if (strcmp(property, "ClockTrusted") == 0)
        return sd_bus_message_append(reply, "b", (int)timekeeper_trusted(manager));
    (void)door_book_count(manager, &n_free, &faults);
    return sd_bus_message_append(reply, "u", n_free);
}

#define METHOD(name, in, out, handler)                                                             \
    SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define PROPERTY(name, type, flags) SD_BUS_PROPERTY(name, type, get_property, 0, flags)

/* Who may call what is the bus's policy. */
static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Attach", "a(us)", "a{sv}", method_attach),
    METHOD("Present", "s", "sta{sv}", method_present),
    METHOD("EnterNumber", "s", "sta{sv}", method_enter_number),
    METHOD("ReportDoor", "ustt", "", method_report_door),
    METHOD("EndSession", "ts", "", method_end_session),
    METHOD("Dispute", "ss", "", method_dispute),
    METHOD("GetSession", "", "tsa{sv}", method_get_session),
    METHOD("GetGrants", "", "a(ttusstu)", method_get_grants),
    METHOD("Stock", "su", "sta{sv}", method_stock),
    METHOD("Retrieve", "s", "sta{sv}", method_retrieve),
    METHOD("Inspect", "u", "sta{sv}", method_inspect),
    METHOD("ResolveDoor", "us", "", method_resolve_door),
    METHOD("SetDoorService", "ubs", "", method_set_door_service),
    METHOD("ReleaseIdCheck", "s", "", method_release_id_check),
    METHOD("LowerClockFloor", "xs", "", method_lower_clock_floor),
    METHOD("ListOrders", "a{sv}", "a(sssuuuxx)t", bus_list_orders),
    METHOD("GetOrder", "s", "s", bus_get_order),
    METHOD("ListDoors", "", "a(usbsssxs)", bus_list_doors),
    METHOD("ListEvents", "tu", "as", bus_list_events),
    METHOD("GetStatus", "", "a{sv}", bus_get_status),
    SD_BUS_SIGNAL("Granted", "ttusstu", 0),
    SD_BUS_SIGNAL("SessionChanged", "tsa{sv}", 0),
    SD_BUS_SIGNAL("DoorChanged", "us", 0),
    PROPERTY("Bank", "s", SD_BUS_VTABLE_PROPERTY_CONST),
    PROPERTY("Branch", "q", SD_BUS_VTABLE_PROPERTY_CONST),
    PROPERTY("Boot", "s", SD_BUS_VTABLE_PROPERTY_CONST),
    PROPERTY("Version", "s", SD_BUS_VTABLE_PROPERTY_CONST),
    PROPERTY("Ready", "b", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    PROPERTY("Store", "s", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    PROPERTY("Online", "b", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    PROPERTY("ClockTrusted", "b", 0),
    PROPERTY("FreeDoors", "u", 0),
    SD_BUS_VTABLE_END,
};

void bus_tell_grant(struct manager *manager, const struct grant *grant)
{
    if (manager->bus)
        (void)sd_bus_emit_signal(manager->bus, PATH, NAME, "Granted", "ttusstu", grant->id,
                                 grant->session, grant->door, grant->parcel, grant->boot,
                                 grant->deadline_us, (uint32_t)grant->pulses);
}

void bus_tell_session(struct manager *manager, const struct session *session)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

    if (manager->bus &&
        sd_bus_message_new_signal(manager->bus, &signal, PATH, NAME, "SessionChanged") >= 0 &&
        sd_bus_message_append(signal, "ts", session->id, session_state_name(session->state)) >= 0 &&
        bus_append_session(signal, session) >= 0)
        (void)sd_bus_send(manager->bus, signal, NULL);
}

void bus_tell_door(struct manager *manager, uint32_t door)
{
    struct door_view view;

    if (manager->bus && door_book_view(manager, door, &view) == 0)
        (void)sd_bus_emit_signal(manager->bus, PATH, NAME, "DoorChanged", "us", door,
                                 door_state_name(view.state));
}

void bus_tell_properties(struct manager *manager)
{
    if (manager->bus)
        (void)sd_bus_emit_properties_changed(manager->bus, PATH, NAME, "Online", "Ready", "Store",
                                             NULL);
}

static int connect_bus(const char *address, sd_bus **ret_bus)
{
    _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
    int r;

    if (strcmp(address, "system") == 0)
        return sd_bus_open_system(ret_bus);
    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, 1);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        *ret_bus = TAKE_PTR(bus);
    return r;
}

/* Whoever attaches without the name, as an engineer with busctl does, stays attached. */
static int on_kiosk_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct manager *manager = userdata;
    const char *name, *before, *after;

    if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || *after)
        return 0;
    log_warning("the kiosk has gone; no door is opened until it is back");
    manager->attached = false;
    return 0;
}

int bus_start(struct manager *manager, const char *address)
{
    int r = connect_bus(address, &manager->bus);

    if (r < 0)
        return log_errno(r, "cannot connect to the bus %s", address);
    (void)sd_bus_set_exit_on_disconnect(manager->bus, 1);
    r = sd_bus_add_object_vtable(manager->bus, &manager->vtable, PATH, NAME, vtable, manager);
    if (r >= 0)
        r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_bus_add_match(manager->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='io.pickupd.Kiosk1'",
                             on_kiosk_owner, manager);
    if (r >= 0)
        r = sd_bus_request_name(manager->bus, NAME, 0);
    if (r < 0)
        return log_errno(r, "cannot take the name %s on the bus; is another pickupd running?",
                         NAME);
    return 0;
}
