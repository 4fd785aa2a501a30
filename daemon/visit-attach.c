/* Judging by the sensors: what a kiosk finds when it (re)starts. */
#include "daemon/visit-turn.h"

#include "common/log.h"
#include "daemon/bus.h"
#include "daemon/door-book.h"
#include "daemon/outcome-book.h"

#include <errno.h>
#include <inttypes.h>

int visit_judge(struct manager *manager, struct grant *grant, enum grant_outcome outcome)
{
    struct turn turn = {.session = manager->session};
    bool turned = false;
    int r = store_begin(manager->store);

    if (r < 0)
        return r;
    r = outcome_book(manager, grant, outcome);
    if (r > 0 && grant->id == manager->session.grant) {
        turn_step(&turn, outcome == GRANT_OPENED ? SESSION_OPENED : SESSION_FAILED_TO_OPEN);
        turned = true;
        r = turn_write(manager, &turn);
    }
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    if (turned)
        turn_tell(manager, &turn);
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

/* A kiosk is taken in also while the disk is in trouble: it shows people why nothing opens. What it
 * says of faulty doors is noted with the next start of the store. */
static int attach_sensors(struct manager *manager, const struct visit_door *doors, size_t n)
{
    bool changed = false;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++) {
        struct door_trouble trouble;

        r = store_get_trouble(manager->store, doors[i].door, &trouble);
        changed = changed || (r >= 0 && trouble.faulty != doors[i].faulty);
    }
    if (r >= 0 && changed) {
        r = store_begin(manager->store);
        for (size_t i = 0; r >= 0 && i < n; i++)
            r = door_book_set_faulty(manager, doors[i].door, doors[i].faulty);
        r = store_finish(manager->store, r);
    }
    if (r < 0) {
        manager_store_failed(manager, r, "noting the doors of the kiosk");
        if (manager->disk.state == DISK_FINE)
            return r;
    }
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
    int r;

    for (size_t i = 0; i < n; i++)
        if (!doors_find(&manager->doors, doors[i].door))
            return -EINVAL;
    for (size_t i = 0; i < n; i++)
        manager->faulty[doors[i].door - 1] = doors[i].faulty;
    r = attach_sensors(manager, doors, n);
    if (r == 0)
        manager->attached = true;
    return r;
}

int visit_attach_judge(struct manager *manager, const struct visit_door *doors, size_t n)
{
    struct grant grants[ORDER_PARCELS_MAX];
    int r, n_grants = store_grants_out(manager->store, grants, ELEMENTSOF(grants));

    for (int i = 0; i < n_grants; i++) {
        const struct visit_door *door = find_visit_door(doors, n, grants[i].door);

        if (door && door->busy)
            continue;
        r = visit_judge(manager, &grants[i], door && door->open ? GRANT_OPENED : GRANT_UNKNOWN);
        if (r < 0)
            return r;
    }
    return n_grants < 0 ? n_grants : attach_session(manager, doors, n);
}
