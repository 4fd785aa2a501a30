#include "daemon/outcome-book.h"

#include "daemon/audit.h"
#include "daemon/door-book.h"
#include "daemon/timekeeper.h"

#include <stdio.h>

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

int outcome_event(struct manager *manager, const char *type, uint32_t door,
                  const struct grant *grant)
{
    if (!grant)
        return audit_add(manager->store, type, json_pack("{sI}", "door", (json_int_t)door));
    return audit_add(manager->store, type,
                     json_pack("{sI sI ss* ss*}", "door", (json_int_t)door, "grant",
                               (json_int_t)grant->id, "order", or_null(grant->number), "parcel",
                               or_null(grant->parcel)));
}

/* Everything of the order is out: once, with the key that makes the points idempotent. */
static int order_collected(struct manager *manager, const char *number)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    char points_key[128];
    int r = store_find_order(manager->store, number, &record);

    if (r <= 0)
        return r;
    for (size_t i = 0; i < record->order->n_parcels; i++)
        if (record->placements[i].state != PLACEMENT_COLLECTED &&
            !record->order->parcels[i].collected_elsewhere)
            return 0;
    snprintf(points_key, sizeof(points_key), "%s:%s", manager->config.branch, number);
    if (record->order->member_tag)
        r = audit_add_personal(manager->store, "collected",
                               json_pack("{ss ss}", "order", number, "points_key", points_key),
                               json_pack("{ss}", "member_tag", record->order->member_tag));
    else
        r = audit_add(manager->store, "collected",
                      json_pack("{ss ss}", "order", number, "points_key", points_key));
    return r < 0 ? r : store_order_ended(manager->store, number, timekeeper_stamp_ms(manager));
}

static int collect(struct manager *manager, const struct grant *grant)
{
    int r = store_set_placement(manager->store, grant->parcel, grant->number, grant->door,
                                PLACEMENT_COLLECTED, clock_now_ms());

    if (r == 0)
        r = outcome_event(manager, "parcel_collected", grant->door, grant);
    return r < 0 ? r : order_collected(manager, grant->number);
}

static int take_out(struct manager *manager, const struct grant *grant)
{
    int r = store_delete_placement(manager->store, grant->parcel);

    if (r < 0)
        return r;
    return audit_add(manager->store, "unstocked",
                     json_pack("{ss ss* sI ss ss}", "parcel", grant->parcel, "order",
                               or_null(grant->number), "door", (json_int_t)grant->door, "actor",
                               grant->actor, "why", "retrieved"));
}

/* Something may lie in the door, and only a look into it tells (promise 3). */
static int doubt(struct manager *manager, const struct grant *grant)
{
    if (!*grant->parcel)
        return 0;
    return store_set_placement(manager->store, grant->parcel, grant->number, grant->door,
                               PLACEMENT_UNCONFIRMED, clock_now_ms());
}

static int book_opened(struct manager *manager, const struct grant *grant)
{
    int r = outcome_event(manager, "opened", grant->door, grant);

    if (r < 0)
        return r;
    switch (grant->purpose) {
    case GRANT_COLLECT:
        return collect(manager, grant);
    case GRANT_RETRIEVE:
        return take_out(manager, grant);
    case GRANT_STOCK:  /* until somebody says that it is in */
    case GRANT_REMOTE: /* HQ had it opened: nobody has seen what was taken */
        return doubt(manager, grant);
    case GRANT_INSPECT:
        return 0;
    }
    return 0;
}

static int book_not_opened(struct manager *manager, const struct grant *grant)
{
    int r = outcome_event(manager, "not_opened", grant->door, grant);

    /* Without a pulse the door is not to blame: the grant was too old. */
    if (r == 0 && grant->pulsed)
        r = door_book_jam(manager, grant->door);
    return r;
}

static int book_unknown(struct manager *manager, const struct grant *grant)
{
    int r = outcome_event(manager, "outcome_unknown", grant->door, grant);

    if (r == 0 && grant->purpose != GRANT_INSPECT)
        r = doubt(manager, grant);
    return r;
}

int outcome_book(struct manager *manager, struct grant *grant, enum grant_outcome outcome)
{
    int r = 0;

    if (grant->outcome == outcome || grant->outcome == GRANT_OPENED)
        return 0;
    if (grant->outcome != GRANT_OUT && outcome != GRANT_OPENED)
        return 0;
    grant->outcome = outcome;
    r = store_save_grant(manager->store, grant);
    if (r < 0)
        return r;
    switch (outcome) {
    case GRANT_OPENED:
        r = book_opened(manager, grant);
        break;
    case GRANT_NOT_OPENED:
        r = book_not_opened(manager, grant);
        break;
    case GRANT_UNKNOWN:
        r = book_unknown(manager, grant);
        break;
    case GRANT_OUT:
        break;
    }
    return r < 0 ? r : 1;
}

int outcome_book_closed(struct manager *manager, struct grant *grant)
{
    int r;

    if (grant->closed || grant->outcome != GRANT_OPENED)
        return 0;
    grant->closed = true;
    r = store_save_grant(manager->store, grant);
    if (r == 0)
        r = outcome_event(manager, "closed", grant->door, grant);
    return r < 0 ? r : 1;
}

int outcome_book_confirmed(struct manager *manager, struct grant *grant)
{
    int r;

    if (grant->confirmed || grant->purpose != GRANT_STOCK)
        return 0;
    grant->confirmed = true;
    r = store_save_grant(manager->store, grant);
    if (r == 0)
        r = store_set_placement(manager->store, grant->parcel, grant->number, grant->door,
                                PLACEMENT_STOCKED, clock_now_ms());
    if (r == 0)
        r = audit_add(manager->store, "stocked",
                      json_pack("{ss ss* sI ss}", "parcel", grant->parcel, "order",
                                or_null(grant->number), "door", (json_int_t)grant->door, "actor",
                                grant->actor));
    return r < 0 ? r : 1;
}
