/* A restart of the daemon in the middle of a session. */
#include "daemon/visit-turn.h"

#include "common/log.h"
#include "daemon/timekeeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RESUME_WITHIN_US (UINT64_C(600) * 1000 * 1000) /* of its beginning */

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
    if (strcmp(row->boot, manager->boot) != 0 || clock_boot_us() - row->begun_us > RESUME_WITHIN_US)
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
        r = store_end_session(manager->store, id, timekeeper_stamp_ms(manager));
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
