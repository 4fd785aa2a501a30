#include "daemon/visit.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/door-book.h"
#include "daemon/outcome-book.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GRANT_VALID_US  (UINT64_C(10) * 1000 * 1000) /* design, promise 2 */
#define RESULT_SHOWN_US (UINT64_C(20) * 1000 * 1000) /* then a result ends by itself */
#define RESUME_WITHIN_US                                                                           \
    (UINT64_C(120) * 1000 * 1000) /* a session older than this is not resumed */

/* One change of the session that is being written: nothing of it counts before the commit. */
struct turn {
    struct session session;
    struct session_effect effect;
    struct grant grant; /* id 0 = none was made */
    bool before_failed; /* tell `not_opened` of the item at `failed_index` first */
    struct session failed;
};

static enum grant_purpose purpose_of(const struct session *session)
{
    switch (session->state) {
    case SESSION_STOCK_OPENING:
        return GRANT_STOCK;
    case SESSION_RETRIEVE_OPENING:
        return GRANT_RETRIEVE;
    case SESSION_INSPECT_OPENING:
        return GRANT_INSPECT;
    default:
        return GRANT_COLLECT;
    }
}

/* The order of a parcel that staff work on is not that of the session. */
static int number_of(struct manager *manager, const struct session *session, const char *parcel,
                     char ret_number[ORDER_ID_MAX + 1])
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r;

    snprintf(ret_number, ORDER_ID_MAX + 1, "%s", session->order);
    if (*session->order || !*parcel)
        return 0;
    r = store_find_label(manager->store, parcel, &record);
    if (r > 0)
        snprintf(ret_number, ORDER_ID_MAX + 1, "%s", record->order->id);
    return r < 0 ? r : 0;
}

/* Writes the grant for items[index]. */
static int write_grant(struct manager *manager, struct turn *turn)
{
    struct session *session = &turn->session;
    const struct session_item *item = &session->items[session->index];
    struct grant *grant = &turn->grant;
    int r;

    *grant = (struct grant){
        .session = session->id,
        .door = item->door,
        .purpose = session->kind == SESSION_INSPECT && strncmp(session->actor, "hq:", 3) == 0
                       ? GRANT_REMOTE
                       : purpose_of(session),
        .deadline_us = clock_boot_us() + GRANT_VALID_US,
        .pulses = (unsigned)manager->config.pulses,
        .at_ms = clock_now_ms(),
    };
    snprintf(grant->parcel, sizeof(grant->parcel), "%s", item->parcel);
    snprintf(grant->actor, sizeof(grant->actor), "%s", session->actor);
    snprintf(grant->boot, sizeof(grant->boot), "%s", manager->boot);
    r = number_of(manager, session, item->parcel, grant->number);
    if (r == 0)
        r = store_add_grant(manager->store, grant);
    if (r < 0)
        return r;
    session->grant = grant->id;
    return audit_add(manager->store, "granted",
                     json_pack("{sI sI sI ss ss ss* ss*}", "grant", (json_int_t)grant->id,
                               "session", (json_int_t)session->id, "door", (json_int_t)grant->door,
                               "purpose", grant_purpose_name(grant->purpose), "actor", grant->actor,
                               "order", *grant->number ? grant->number : NULL, "parcel",
                               *grant->parcel ? grant->parcel : NULL));
}

static int confirm_last(struct manager *manager, const struct session *session)
{
    struct grant grant;
    int r = store_find_grant(manager->store, session->grant, &grant);

    return r <= 0 ? r : outcome_book_confirmed(manager, &grant);
}

static int write_end(struct manager *manager, struct turn *turn)
{
    struct session *session = &turn->session;
    int r = store_end_session(manager->store, session->id, clock_now_ms());

    if (r == 0 && session->kind == SESSION_STAFF)
        r = audit_add(manager->store, "staff_out",
                      json_pack("{sI}", "staff", (json_int_t)session->staff));
    memset(session, 0, sizeof(*session));
    return r;
}

/* Writes what the effect asks for. */
static int write_effect(struct manager *manager, struct turn *turn)
{
    int r = 0;

    if (turn->effect.confirm)
        r = confirm_last(manager, &turn->session);
    if (r >= 0 && turn->effect.grant)
        r = write_grant(manager, turn);
    if (r >= 0 && turn->effect.end)
        r = write_end(manager, turn);
    return r < 0 ? r : 0;
}

/* After the commit: memory follows the disk, and the bus hears of it. */
static void tell(struct manager *manager, const struct turn *turn)
{
    manager->session = turn->session;
    manager->session_moved_us = clock_boot_us();
    if (turn->before_failed)
        bus_tell_session(manager, &turn->failed);
    if (turn->grant.id)
        bus_tell_grant(manager, &turn->grant);
    bus_tell_session(manager, &manager->session);
}

static void step(struct turn *turn, enum session_event event)
{
    struct session before = turn->session;

    turn->effect = session_step(&turn->session, event);
    turn->before_failed = turn->effect.tell_failed;
    if (turn->before_failed) {
        turn->failed = before;
        turn->failed.failed = turn->session.failed;
        turn->failed.state = SESSION_NOT_OPENED;
    }
}

/* One event of the session in a transaction of its own. */
static int turn_alone(struct manager *manager, enum session_event event)
{
    struct turn turn = {.session = manager->session};
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    step(&turn, event);
    r = write_effect(manager, &turn);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    tell(manager, &turn);
    return 0;
}

static int write_session(struct manager *manager, struct session *session)
{
    struct session_row row = {
        .kind = (int)session->kind,
        .staff = session->staff,
        .role = (int)session->role,
        .begun_us = clock_boot_us(),
    };
    int r = 0;

    if (manager->session.id)
        r = store_end_session(manager->store, manager->session.id, clock_now_ms());
    if (r < 0)
        return r;
    snprintf(row.number, sizeof(row.number), "%s", session->order);
    snprintf(row.actor, sizeof(row.actor), "%s", session->actor);
    snprintf(row.boot, sizeof(row.boot), "%s", manager->boot);
    r = store_add_session(manager->store, &row);
    if (r == 0)
        session->id = row.id;
    return r;
}

int visit_begin(struct manager *manager, const struct session *session, enum session_kind kind,
                const struct session_item *items, unsigned n)
{
    struct turn turn = {.session = *session};
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    /* A label that is scanned next says that the parcel before it is in. */
    if (manager->session.state == SESSION_STOCK_CONFIRM && session->id == manager->session.id) {
        turn.session.stocked++;
        r = confirm_last(manager, &manager->session);
    }
    if (r >= 0 && !turn.session.id)
        r = write_session(manager, &turn.session);
    if (r >= 0) {
        turn.effect = session_begin(&turn.session, kind, items, n);
        r = write_effect(manager, &turn);
    }
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    tell(manager, &turn);
    return 0;
}

int visit_begin_staff(struct manager *manager, const struct session *session)
{
    struct turn turn = {.session = *session};
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    turn.session.state = SESSION_WAITING;
    r = write_session(manager, &turn.session);
    if (r == 0)
        r = audit_add(manager->store, "staff_in",
                      json_pack("{sI}", "staff", (json_int_t)session->staff));
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    tell(manager, &turn);
    return 0;
}

int visit_confirm(struct manager *manager)
{
    return turn_alone(manager, SESSION_CONFIRM);
}

int visit_end(struct manager *manager, uint64_t session, const char *why)
{
    int r = 0;

    if (!session || session != manager->session.id)
        return -ENOENT;
    /* "done" at the question "is it in?" is a yes; to walk away is not. */
    if (manager->session.state == SESSION_STOCK_CONFIRM && strcmp(why, "done") == 0)
        r = visit_confirm(manager);
    if (r == 0)
        r = turn_alone(manager, SESSION_END);
    if (r == 0)
        log_info("session %" PRIu64 " ended: %s", session, why);
    return r;
}

/* ---- what the doors report ---- */

enum report {
    REPORT_PULSED,
    REPORT_OPENED,
    REPORT_CLOSED,
    REPORT_NOT_OPENED,
    REPORT_LEFT_OPEN,
    REPORT_FORCED,
    REPORT_FAULTY,
    REPORT_RESTORED,
    REPORT_COUNT,
};

static const char *const report_names[REPORT_COUNT] = {
    "pulsed", "opened", "closed", "not_opened", "left_open", "forced", "faulty", "restored",
};

static int report_from_name(const char *name)
{
    for (int i = 0; i < REPORT_COUNT; i++)
        if (strcmp(name, report_names[i]) == 0)
            return i;
    return -EINVAL;
}

static void note_sensor(struct manager *manager, uint32_t door, enum report report)
{
    enum sensor *sensor = &manager->sensors[door - 1];

    if (report == REPORT_OPENED || report == REPORT_FORCED || report == REPORT_LEFT_OPEN)
        *sensor = SENSOR_OPEN;
    else if (report == REPORT_CLOSED)
        *sensor = SENSOR_CLOSED;
}

/* Books a report on a grant. Returns 1 and the event for the session when it says something new. */
static int book_grant(struct manager *manager, struct grant *grant, enum report report,
                      enum session_event *ret_event)
{
    int r;

    switch (report) {
    case REPORT_PULSED:
        if (grant->pulsed)
            return 0;
        grant->pulsed = true;
        return store_save_grant(manager->store, grant);
    case REPORT_OPENED:
        *ret_event = SESSION_OPENED;
        return outcome_book(manager, grant, GRANT_OPENED);
    case REPORT_NOT_OPENED:
        *ret_event = SESSION_FAILED_TO_OPEN;
        return outcome_book(manager, grant, GRANT_NOT_OPENED);
    case REPORT_CLOSED:
        *ret_event = SESSION_CLOSED;
        return outcome_book_closed(manager, grant);
    case REPORT_LEFT_OPEN:
        *ret_event = SESSION_STAYED_OPEN;
        if (grant->closed)
            return 0;
        r = outcome_event(manager, "left_open", grant->door, grant);
        return r < 0 ? r : 1;
    default:
        return 0;
    }
}

/* Reports that need no grant. */
static int book_door(struct manager *manager, uint32_t door, enum report report)
{
    switch (report) {
    case REPORT_FORCED:
        return door_book_tamper(manager, door);
    case REPORT_FAULTY:
        return door_book_set_faulty(manager, door, true);
    case REPORT_RESTORED:
        return door_book_set_faulty(manager, door, false);
    case REPORT_LEFT_OPEN:
        return outcome_event(manager, "left_open", door, NULL);
    default:
        return 0;
    }
}

static int report_in_transaction(struct manager *manager, uint32_t door, enum report report,
                                 uint64_t id, struct turn *turn, bool *ret_turned)
{
    enum session_event event = SESSION_END;
    struct grant grant;
    int r;

    if (report == REPORT_FORCED || report == REPORT_FAULTY || report == REPORT_RESTORED || !id)
        return book_door(manager, door, report);
    r = store_find_grant(manager->store, id, &grant);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    if (grant.door != door)
        return -EINVAL;
    r = book_grant(manager, &grant, report, &event);
    if (r <= 0 || id != manager->session.grant)
        return r;
    step(turn, event);
    *ret_turned = true;
    return write_effect(manager, turn);
}

int visit_report(struct manager *manager, uint32_t door, const char *report_name, uint64_t grant,
                 uint64_t at_us)
{
    struct turn turn = {.session = manager->session};
    int report = report_from_name(report_name), r;
    bool turned = false;

    if (report < 0 || !doors_find(&manager->doors, door))
        return -EINVAL;
    r = store_begin(manager->store);
    if (r < 0)
        return r;
    r = report_in_transaction(manager, door, (enum report)report, grant, &turn, &turned);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    note_sensor(manager, door, (enum report)report);
    if (turned)
        tell(manager, &turn);
    bus_tell_door(manager, door);
    log_debug("door %u: %s (grant %" PRIu64 ", %" PRIu64 " us)", door, report_name, grant, at_us);
    return 0;
}

/* ---- judging by the sensors ---- */

/* Gives a grant that nobody reported on its outcome, and lets the session go on from there. */
static int judge(struct manager *manager, struct grant *grant, enum grant_outcome outcome)
{
    struct turn turn = {.session = manager->session};
    bool turned = false;
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    r = outcome_book(manager, grant, outcome);
    if (r > 0 && grant->id == manager->session.grant) {
        step(&turn, outcome == GRANT_OPENED ? SESSION_OPENED : SESSION_FAILED_TO_OPEN);
        turned = true;
        r = write_effect(manager, &turn);
    }
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    if (turned)
        tell(manager, &turn);
    bus_tell_door(manager, grant->door);
    log_notice("grant %" PRIu64 " of door %u had no outcome: judged %s", grant->id, grant->door,
               outcome == GRANT_OPENED ? "opened, its door is open" : "unknown");
    return 0;
}

static const struct visit_door *find_visit_door(const struct visit_door *doors, size_t n,
                                                uint32_t number)
{
    for (size_t i = 0; i < n; i++)
        if (doors[i].door == number)
            return &doors[i];
    return NULL;
}

static int attach_sensors(struct manager *manager, const struct visit_door *doors, size_t n)
{
    int r = store_begin(manager->store);

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = door_book_set_faulty(manager, doors[i].door, doors[i].faulty);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (!doors[i].faulty && !doors[i].busy)
            manager->sensors[doors[i].door - 1] = doors[i].open ? SENSOR_OPEN : SENSOR_CLOSED;
    return 0;
}

/* The session's door was open when the kiosk went away, and has closed meanwhile. */
static int attach_session(struct manager *manager, const struct visit_door *doors, size_t n)
{
    const struct session *session = &manager->session;
    const struct visit_door *door;
    struct grant grant;
    int r;

    if (!session->grant || session_opening(session))
        return 0;
    r = store_find_grant(manager->store, session->grant, &grant);
    if (r <= 0 || grant.closed || grant.outcome != GRANT_OPENED)
        return r < 0 ? r : 0;
    door = find_visit_door(doors, n, grant.door);
    if (!door || door->open || door->busy || door->faulty)
        return 0;
    return visit_report(manager, grant.door, "closed", grant.id, clock_boot_us());
}

int visit_attach(struct manager *manager, const struct visit_door *doors, size_t n)
{
    struct grant grants[ORDER_PARCELS_MAX];
    int n_grants, r;

    for (size_t i = 0; i < n; i++)
        if (!doors_find(&manager->doors, doors[i].door))
            return -EINVAL;
    r = attach_sensors(manager, doors, n);
    if (r < 0)
        return r;
    manager->attached = true;
    n_grants = store_grants_out(manager->store, grants, ELEMENTSOF(grants));
    for (int i = 0; i < n_grants; i++) {
        const struct visit_door *door = find_visit_door(doors, n, grants[i].door);

        if (door && door->busy)
            continue;
        r = judge(manager, &grants[i], door && door->open ? GRANT_OPENED : GRANT_UNKNOWN);
        if (r < 0)
            return r;
    }
    return n_grants < 0 ? n_grants : attach_session(manager, doors, n);
}

/* ---- restart ---- */

/* Where a staff session stood, from its last grant. */
static enum session_state work_state(const struct grant *last)
{
    if (last->outcome == GRANT_OUT)
        return last->purpose == GRANT_STOCK      ? SESSION_STOCK_OPENING
               : last->purpose == GRANT_RETRIEVE ? SESSION_RETRIEVE_OPENING
                                                 : SESSION_INSPECT_OPENING;
    if (last->outcome != GRANT_OPENED)
        return SESSION_WAITING;
    if (!last->closed)
        return last->purpose == GRANT_STOCK      ? SESSION_STOCK_PLACE
               : last->purpose == GRANT_RETRIEVE ? SESSION_RETRIEVE_TAKE
                                                 : SESSION_INSPECT_OPEN;
    return last->purpose == GRANT_STOCK && !last->confirmed ? SESSION_STOCK_CONFIRM
                                                            : SESSION_WAITING;
}

/* The parcels that the session has not tried yet follow those that it has. */
static int restore_items(struct manager *manager, struct session *session)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r = store_find_order(manager->store, session->order, &record);

    if (r <= 0)
        return r;
    snprintf(session->display, sizeof(session->display), "%s",
             record->order->display ? record->order->display : "");
    snprintf(session->lang, sizeof(session->lang), "%s",
             record->order->lang ? record->order->lang : "");
    for (size_t i = 0; i < record->order->n_parcels; i++) {
        const struct placement *placement = &record->placements[i];
        const char *parcel = record->order->parcels[i].id;
        bool tried = false;

        for (unsigned k = 0; k < session->n_items; k++)
            tried = tried || strcmp(session->items[k].parcel, parcel) == 0;
        if (tried || placement->door_faulty || session->n_items == ORDER_PARCELS_MAX ||
            (placement->state != PLACEMENT_STOCKED && placement->state != PLACEMENT_UNCONFIRMED))
            continue;
        snprintf(session->items[session->n_items].parcel, ORDER_ID_MAX + 1, "%s", parcel);
        session->items[session->n_items++].door = placement->door;
    }
    return 0;
}

static int restore_session(struct manager *manager, const struct session_row *row,
                           const struct grant *grants, int n_grants)
{
    struct session session = {
        .id = row->id,
        .kind = (enum session_kind)row->kind,
        .staff = row->staff,
        .role = (enum staff_role)row->role,
    };
    const struct grant *last = n_grants > 0 ? &grants[n_grants - 1] : NULL;

    snprintf(session.order, sizeof(session.order), "%s", row->number);
    snprintf(session.actor, sizeof(session.actor), "%s", row->actor);
    for (int i = 0; i < n_grants; i++) {
        session.opened += grants[i].outcome == GRANT_OPENED;
        session.failed += grants[i].outcome > GRANT_OPENED;
        session.stocked += grants[i].confirmed;
        if (session.kind == SESSION_COLLECTION) {
            snprintf(session.items[i].parcel, ORDER_ID_MAX + 1, "%s", grants[i].parcel);
            session.items[i].door = grants[i].door;
            session.n_items = (unsigned)i + 1;
        }
    }
    if (last) {
        session.grant = last->id;
        if (session.kind != SESSION_COLLECTION) {
            session.n_items = 1;
            session.items[0].door = last->door;
            snprintf(session.items[0].parcel, ORDER_ID_MAX + 1, "%s", last->parcel);
        }
    }
    if (session.kind == SESSION_COLLECTION) {
        int r;

        session.index = session.n_items ? session.n_items - 1 : 0;
        session.state = last && last->outcome == GRANT_OUT ? SESSION_OPENING : SESSION_TAKE;
        r = restore_items(manager, &session);
        if (r < 0)
            return r;
    } else {
        session.state = last ? work_state(last) : SESSION_WAITING;
    }
    manager->session = session;
    return 0;
}

/* After a reboot, or a long time, nobody stands there any more. A single verb of the bus is not
 * resumed either, unless its grant is still out: the one who asked has been told that it failed. */
static bool worth_resuming(const struct manager *manager, const struct session_row *row,
                           const struct grant *last)
{
    if (strcmp(row->boot, manager->boot) != 0 ||
        clock_boot_us() - row->begun_us > RESUME_WITHIN_US * 5)
        return false;
    if (!last)
        return row->kind == SESSION_STAFF;
    return last->outcome == GRANT_OUT || !last->closed || row->kind == SESSION_STAFF ||
           row->kind == SESSION_COLLECTION;
}

static int end_stale(struct manager *manager, uint64_t id)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = store_end_session(manager->store, id, clock_now_ms());
    return store_finish(manager->store, r);
}

int visit_restore(struct manager *manager)
{
    struct grant grants[ORDER_PARCELS_MAX];
    struct session_row row;
    int n, r = store_live_session(manager->store, &row);

    manager->session_moved_us = clock_boot_us();
    if (r <= 0)
        return r;
    n = store_grants_of_session(manager->store, row.id, grants, ELEMENTSOF(grants));
    if (n < 0)
        return n;
    if (!worth_resuming(manager, &row, n > 0 ? &grants[n - 1] : NULL))
        return end_stale(manager, row.id);
    r = restore_session(manager, &row, grants, n);
    if (r < 0)
        return r;
    log_notice("session %" PRIu64 " (%s) is taken up again in state %s", row.id,
               session_kind_name(manager->session.kind),
               session_state_name(manager->session.state));
    /* A door that had closed, or a grant that had failed, is behind us. */
    if (manager->session.kind == SESSION_COLLECTION && n > 0 &&
        grants[n - 1].outcome != GRANT_OUT &&
        (grants[n - 1].closed || grants[n - 1].outcome != GRANT_OPENED))
        return turn_alone(manager, SESSION_CLOSED);
    return 0;
}

/* ---- time ---- */

static uint64_t patience_us(const struct manager *manager)
{
    const struct bank_config *config = &manager->config;

    switch (manager->session.state) {
    case SESSION_COLLECTED:
    case SESSION_FAILED:
        return RESULT_SHOWN_US;
    case SESSION_WAITING:
    case SESSION_STOCK_CONFIRM:
        return (uint64_t)config->session_timeout_ms * 1000;
    case SESSION_OPENING:
    case SESSION_STOCK_OPENING:
    case SESSION_RETRIEVE_OPENING:
    case SESSION_INSPECT_OPENING:
        return UINT64_MAX; /* ends with its grant */
    default:
        /* The kiosk reports an open door after close_timeout; without one we stop waiting later. */
        return (uint64_t)(config->close_timeout_ms + config->report_timeout_ms) * 1000;
    }
}

void visit_tick(struct manager *manager)
{
    struct grant grants[ORDER_PARCELS_MAX];
    uint64_t now_us = clock_boot_us(),
             slack_us = (uint64_t)manager->config.report_timeout_ms * 1000;
    int n = store_grants_out(manager->store, grants, ELEMENTSOF(grants));

    for (int i = 0; i < n; i++) {
        bool other_boot = strcmp(grants[i].boot, manager->boot) != 0;
        uint64_t since_us = other_boot ? manager->started_us : grants[i].deadline_us;
        int r;

        if (now_us < since_us + slack_us)
            continue;
        r = judge(manager, &grants[i],
                  manager->sensors[grants[i].door - 1] == SENSOR_OPEN ? GRANT_OPENED
                                                                      : GRANT_UNKNOWN);
        if (r < 0)
            manager_store_failed(manager, r, "judging a grant");
    }
    if (n < 0)
        manager_store_failed(manager, n, "reading grants");
    if (manager->session.id && patience_us(manager) != UINT64_MAX &&
        now_us - manager->session_moved_us > patience_us(manager)) {
        int r = visit_end(manager, manager->session.id, "timeout");

        if (r < 0)
            manager_store_failed(manager, r, "ending a session");
    }
}
