#include "daemon/visit-turn.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/outcome-book.h"
#include "daemon/timekeeper.h"

#include <stdio.h>
#include <string.h>

#define GRANT_VALID_US (UINT64_C(10) * 1000 * 1000) /* design, promise 2 */

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
        .at_ms = timekeeper_stamp_ms(manager),
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

int turn_confirm_last(struct manager *manager, const struct session *session)
{
    struct grant grant;
    int r = store_find_grant(manager->store, session->grant, &grant);

    return r <= 0 ? r : outcome_book_confirmed(manager, &grant);
}

static int write_end(struct manager *manager, struct turn *turn)
{
    struct session *session = &turn->session;
    int r = store_end_session(manager->store, session->id, timekeeper_stamp_ms(manager));

    if (r == 0 && session->kind == SESSION_STAFF)
        r = audit_add(manager->store, "staff_out",
                      json_pack("{sI}", "staff", (json_int_t)session->staff));
    memset(session, 0, sizeof(*session));
    return r;
}

/* Between two doors of a collection HQ may have taken the order back, or staff the parcel. 1 = it
 * may still be opened. */
static int may_go_on(struct manager *manager, const struct session *session)
{
    const struct session_item *item = &session->items[session->index];
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r = store_find_order(manager->store, session->order, &record);

    if (r <= 0)
        return r;
    if (record->order->disputed || record->order->status != ORDER_CONFIRMED)
        return 0;
    for (size_t i = 0; i < record->order->n_parcels; i++) {
        const struct placement *placement = &record->placements[i];

        if (strcmp(record->order->parcels[i].id, item->parcel) == 0)
            return placement->door == item->door && (placement->state == PLACEMENT_STOCKED ||
                                                     placement->state == PLACEMENT_UNCONFIRMED);
    }
    return 0;
}

static int look_again(struct manager *manager, struct turn *turn)
{
    while (turn->effect.grant && turn->session.kind == SESSION_COLLECTION &&
           turn->session.index > 0) {
        int r = may_go_on(manager, &turn->session);

        if (r != 0)
            return r < 0 ? r : 0;
        log_notice("parcel %s is not given out any more",
                   turn->session.items[turn->session.index].parcel);
        turn->effect = session_step(&turn->session, SESSION_WITHDRAWN);
    }
    return 0;
}

int turn_write(struct manager *manager, struct turn *turn)
{
    int r = look_again(manager, turn);

    if (r >= 0 && turn->effect.confirm)
        r = turn_confirm_last(manager, &turn->session);
    if (r >= 0 && turn->effect.grant)
        r = write_grant(manager, turn);
    if (r >= 0 && turn->effect.end)
        r = write_end(manager, turn);
    return r < 0 ? r : 0;
}

void turn_tell(struct manager *manager, const struct turn *turn)
{
    manager->session = turn->session;
    manager->session_moved_us = clock_boot_us();
    if (turn->before_failed)
        bus_tell_session(manager, &turn->failed);
    if (turn->grant.id)
        bus_tell_grant(manager, &turn->grant);
    bus_tell_session(manager, &manager->session);
}

void turn_step(struct turn *turn, enum session_event event)
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

int turn_alone(struct manager *manager, enum session_event event)
{
    struct turn turn = {.session = manager->session};
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    turn_step(&turn, event);
    r = turn_write(manager, &turn);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    turn_tell(manager, &turn);
    return 0;
}
