#include "daemon/visit-turn.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
        r = store_end_session(manager->store, manager->session.id, timekeeper_stamp_ms(manager));
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
    int r;

    /* Nobody would carry the grant out, and without a word from the sensors it could not be judged.
     */
    if (!manager->attached)
        return -ENOTCONN;
    r = store_begin(manager->store);
    if (r < 0)
        return r;
    /* A label that is scanned next says that the parcel before it is in. */
    if (manager->session.state == SESSION_STOCK_CONFIRM && session->id == manager->session.id) {
        turn.session.stocked++;
        r = turn_confirm_last(manager, &manager->session);
    }
    if (r >= 0 && !turn.session.id)
        r = write_session(manager, &turn.session);
    if (r >= 0) {
        turn.effect = session_begin(&turn.session, kind, items, n);
        r = turn_write(manager, &turn);
    }
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    turn_tell(manager, &turn);
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
    turn_tell(manager, &turn);
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
