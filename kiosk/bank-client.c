#include "kiosk/bank-client.h"

#include "common/log.h"
#include "kiosk/bank-info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BANK     "io.pickupd.Bank1"
#define PATH     "/io/pickupd/bank1"
#define KIOSK    "io.pickupd.Kiosk1"
#define RETRY_US UINT64_C(1000000)
#define CALL_US  UINT64_C(10000000) /* an answer that takes longer will not come */

struct report {
    struct report *next;
    uint32_t door;
    enum door_report what;
    uint64_t grant, at_us;
};

struct bank_client {
    const struct bank_client_events *events;
    void *userdata;
    sd_bus *bus;
    sd_event_source *retry;
    sd_bus_slot *attach_call, *present_call, *report_call, *session_call;
    bool present, attached; /* the daemon is there; … and knows the doors */
    uint64_t open_timeout_us;
    struct report *first, **end; /* reports not delivered, oldest first */
};

typedef sd_bus_message_handler_t handler;

/* Calls a method of the daemon; `*slot` holds the call until it is answered. */
static int call(struct bank_client *client, sd_bus_slot **slot, handler answered,
                const char *method, const char *types, ...)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    va_list arguments;
    int r = sd_bus_message_new_method_call(client->bus, &message, BANK, PATH, BANK, method);

    if (r < 0)
        return r;
    /* Asking for something must not start a daemon that somebody stopped. */
    sd_bus_message_set_auto_start(message, 0);
    va_start(arguments, types);
    if (*types)
        r = sd_bus_message_appendv(message, types, arguments);
    va_end(arguments);
    if (r >= 0)
        r = sd_bus_call_async(client->bus, slot, message, answered, client, CALL_US);
    return r < 0 ? r : 0;
}

static void forget(sd_bus_slot **slot)
{
    *slot = sd_bus_slot_unref(*slot);
}

static void retry_later(struct bank_client *client)
{
    (void)sd_event_source_set_time_relative(client->retry, RETRY_US);
    (void)sd_event_source_set_enabled(client->retry, SD_EVENT_ONESHOT);
}

/* ---- reports ---- */

static void deliver(struct bank_client *client);

static void drop_first(struct bank_client *client)
{
    struct report *report = client->first;

    client->first = report->next;
    if (!client->first)
        client->end = &client->first;
    free(report);
}

/* Whether the daemon will never take a report, however often it is told. */
static bool hopeless(const sd_bus_error *error)
{
    return sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS) ||
           sd_bus_error_has_name(error, "io.pickupd.Error.NotFound");
}

static int on_report_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    const sd_bus_error *error = sd_bus_message_get_error(m);
    struct bank_client *client = userdata;
    const struct report *report = client->first;

    forget(&client->report_call);
    if (error && !hopeless(error)) {
        log_warning("door %u: the daemon did not take '%s' (%s); it is told again", report->door,
                    door_report_name(report->what), error->message ? error->message : error->name);
        retry_later(client);
        return 0;
    }
    if (error)
        log_warning("door %u: the daemon knows no grant %" PRIu64 " for '%s': %s", report->door,
                    report->grant, door_report_name(report->what),
                    error->message ? error->message : error->name);
    drop_first(client);
    deliver(client);
    return 0;
}

static void deliver(struct bank_client *client)
{
    const struct report *report = client->first;

    if (!report || !client->attached || client->report_call)
        return;
    if (call(client, &client->report_call, on_report_answer, "ReportDoor", "ustt", report->door,
             door_report_name(report->what), report->grant, report->at_us) < 0)
        retry_later(client);
}

int bank_client_report(struct bank_client *client, uint32_t door, enum door_report what,
                       uint64_t grant, uint64_t at_us)
{
    struct report *report = calloc(1, sizeof(*report));

    if (!report)
        return -ENOMEM;
    *report = (struct report){.door = door, .what = what, .grant = grant, .at_us = at_us};
    *client->end = report;
    client->end = &report->next;
    deliver(client);
    return 0;
}

bool bank_client_owes(const struct bank_client *client, uint32_t door)
{
    for (const struct report *report = client->first; report; report = report->next)
        if (report->door == door)
            return true;
    return false;
}

/* ---- the session ---- */

static void tell_session(struct bank_client *client, sd_bus_message *m)
{
    struct bank_session session = {};
    const char *state;

    if (sd_bus_message_read(m, "ts", &session.number, &state) < 0 ||
        bank_info_read(m, &session.info) < 0) {
        log_warning("the daemon told of a session in a way that this kiosk does not understand");
        return;
    }
    snprintf(session.state, sizeof(session.state), "%s", state);
    client->events->session(client->userdata, &session);
}

static int on_session_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;

    forget(&client->session_call);
    if (!sd_bus_message_is_method_error(m, NULL))
        tell_session(client, m);
    return 0;
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;

    if (client->attached)
        tell_session(client, m);
    return 0;
}

static int on_end_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    return 0; /* SessionChanged tells; a session that has ended meanwhile is no mistake */
}

int bank_client_end_session(struct bank_client *client, uint64_t session, const char *why)
{
    return call(client, NULL, on_end_answer, "EndSession", "ts", session, why);
}

/* ---- grants ---- */

static int on_granted(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;
    struct door_grant grant = {.open_timeout_us = client->open_timeout_us};
    const char *parcel, *boot;
    uint32_t pulses;
    uint64_t session;

    if (!client->attached)
        return 0; /* it is judged at Attach */
    if (sd_bus_message_read(m, "ttusstu", &grant.grant, &session, &grant.door, &parcel, &boot,
                            &grant.deadline_us, &pulses) < 0 ||
        strlen(boot) >= sizeof(grant.boot)) {
        log_warning("the daemon gave a grant in a way that this kiosk does not understand");
        return 0;
    }
    snprintf(grant.boot, sizeof(grant.boot), "%s", boot);
    grant.pulses = pulses;
    client->events->granted(client->userdata, session, &grant);
    return 0;
}

/* ---- a code ---- */

static int on_present_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;
    struct bank_answer answer = {};
    const sd_bus_error *error = sd_bus_message_get_error(m);
    const char *outcome = "";

    forget(&client->present_call);
    if (error)
        log_warning("the daemon did not decide: %s", error->message ? error->message : error->name);
    else if (sd_bus_message_read(m, "st", &outcome, &answer.session) < 0 ||
             bank_info_read(m, &answer.info) < 0)
        outcome = "";
    snprintf(answer.outcome, sizeof(answer.outcome), "%s", outcome);
    client->events->answered(client->userdata, &answer);
    return 0;
}

int bank_client_present(struct bank_client *client, const char *text)
{
    if (client->present_call)
        return -EBUSY;
    return call(client, &client->present_call, on_present_answer, "Present", "s", text);
}

/* ---- coming and going ---- */

static int on_attach_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(m);
    int64_t open_ms = 2000, close_ms = 60000;
    const char *name;
    int r;

    forget(&client->attach_call);
    if (error) {
        log_warning("the daemon does not take the doors in: %s",
                    error->message ? error->message : error->name);
        retry_later(client);
        return 0;
    }
    r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0 && strcmp(name, "open_timeout_ms") == 0)
            r = sd_bus_message_read(m, "v", "x", &open_ms);
        else if (r >= 0 && strcmp(name, "close_timeout_ms") == 0)
            r = sd_bus_message_read(m, "v", "x", &close_ms);
        else if (r >= 0)
            r = sd_bus_message_skip(m, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    client->open_timeout_us = (uint64_t)open_ms * 1000;
    client->attached = true;
    client->events->attached(client->userdata, (uint64_t)close_ms * 1000);
    deliver(client);
    (void)call(client, &client->session_call, on_session_answer, "GetSession", "");
    return 0;
}

int bank_client_attach(struct bank_client *client, const struct bank_attach_door *doors, size_t n)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    int r = sd_bus_message_new_method_call(client->bus, &message, BANK, PATH, BANK, "Attach");

    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(us)");
    for (size_t i = 0; i < n && r >= 0; i++)
        r = sd_bus_message_append(message, "(us)", doors[i].door, doors[i].state);
    if (r >= 0)
        r = sd_bus_message_close_container(message);
    forget(&client->attach_call);
    if (r >= 0)
        r = sd_bus_call_async(client->bus, &client->attach_call, message, on_attach_answer, client,
                              CALL_US);
    return r < 0 ? r : 0;
}

sd_bus *bank_client_bus(struct bank_client *client)
{
    return client->bus;
}

bool bank_client_attached(const struct bank_client *client)
{
    return client->attached;
}

static void daemon_is(struct bank_client *client, bool present)
{
    bool was = client->present;

    client->present = present;
    client->attached = false;
    forget(&client->attach_call);
    forget(&client->report_call);
    forget(&client->session_call);
    /* An answer that will not come is an answer too. */
    if (client->present_call) {
        forget(&client->present_call);
        client->events->answered(client->userdata, &(struct bank_answer){});
    }
    if (present)
        client->events->appeared(client->userdata);
    else if (was)
        client->events->vanished(client->userdata);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    const char *name, *before, *after;

    if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0)
        daemon_is(userdata, *after);
    return 0;
}

static int on_owner_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bank_client *client = userdata;

    if (!sd_bus_message_is_method_error(m, NULL) && !client->present)
        daemon_is(client, true);
    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct bank_client *client = userdata;

    if (client->present && !client->attached && !client->attach_call)
        client->events->appeared(client->userdata);
    deliver(client);
    return 0;
}

static int connect_bus(struct bank_client *client, sd_event *event, const char *address)
{
    int r;

    if (strcmp(address, "system") == 0) {
        r = sd_bus_open_system(&client->bus);
    } else {
        r = sd_bus_new(&client->bus);
        if (r >= 0)
            r = sd_bus_set_address(client->bus, address);
        if (r >= 0)
            r = sd_bus_set_bus_client(client->bus, 1);
        if (r >= 0)
            r = sd_bus_start(client->bus);
    }
    if (r >= 0)
        r = sd_bus_attach_event(client->bus, event, 0);
    /* Without a bus there is nothing to do here: systemd starts us again. */
    if (r >= 0)
        r = sd_bus_set_exit_on_disconnect(client->bus, 1);
    return r < 0 ? log_errno(r, "cannot reach the bus %s", address) : 0;
}

static int subscribe(struct bank_client *client)
{
    int r = sd_bus_match_signal(client->bus, NULL, BANK, PATH, BANK, "Granted", on_granted, client);

    if (r >= 0)
        r = sd_bus_match_signal(client->bus, NULL, BANK, PATH, BANK, "SessionChanged",
                                on_session_changed, client);
    if (r >= 0)
        r = sd_bus_add_match(client->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" BANK "'",
                             on_owner_changed, client);
    if (r < 0)
        return log_errno(r, "cannot subscribe to the daemon's signals");
    r = sd_bus_request_name(client->bus, KIOSK, 0);
    if (r == -EEXIST)
        log_error("another kiosk runs on this bus: it has the name " KIOSK ". Stop it first.");
    else if (r < 0)
        log_errno(r, "cannot take the name " KIOSK "; is the D-Bus policy installed?");
    if (r >= 0)
        r = sd_bus_call_method_async(client->bus, NULL, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetNameOwner", on_owner_answer, client, "s", BANK);
    return r < 0 ? r : 0;
}

int bank_client_new(sd_event *event, const char *address, const struct bank_client_events *events,
                    void *userdata, struct bank_client **ret_client)
{
    _cleanup_(bank_client_freep) struct bank_client *client = calloc(1, sizeof(*client));
    int r;

    if (!client)
        return -ENOMEM;
    client->events = events;
    client->userdata = userdata;
    client->end = &client->first;
    r = sd_event_add_time_relative(event, &client->retry, CLOCK_BOOTTIME, RETRY_US, 0, on_retry,
                                   client);
    if (r >= 0)
        r = connect_bus(client, event, address);
    if (r >= 0)
        r = subscribe(client);
    if (r < 0)
        return r;
    *ret_client = TAKE_PTR(client);
    return 0;
}

struct bank_client *bank_client_free(struct bank_client *client)
{
    if (!client)
        return NULL;
    forget(&client->attach_call);
    forget(&client->present_call);
    forget(&client->report_call);
    forget(&client->session_call);
    sd_event_source_disable_unref(client->retry);
    sd_bus_flush_close_unref(client->bus);
    while (client->first)
        drop_first(client);
    free(client);
    return NULL;
}
