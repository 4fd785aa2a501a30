/* What the doors report. */
#include "daemon/visit-turn.h"

#include "common/log.h"
#include "daemon/bus.h"
#include "daemon/door-book.h"
#include "daemon/outcome-book.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

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

/* A kiosk that was restarted while a door stood open sees it close without knowing for which grant:
 * it is the session's, when that opened this door and has not seen it close. Else 0. */
static int find_open_grant(struct manager *manager, uint32_t door, enum report report,
                           uint64_t *ret_id)
{
    struct grant grant;
    int r;

    *ret_id = 0;
    if (!manager->session.grant || (report != REPORT_CLOSED && report != REPORT_LEFT_OPEN))
        return 0;
    r = store_find_grant(manager->store, manager->session.grant, &grant);
    if (r > 0 && grant.door == door && grant.outcome == GRANT_OPENED && !grant.closed)
        *ret_id = grant.id;
    return r < 0 ? r : 0;
}

static int report_in_transaction(struct manager *manager, uint32_t door, enum report report,
                                 uint64_t id, struct turn *turn, bool *ret_turned)
{
    enum session_event event = SESSION_END;
    struct grant grant;
    int r = id ? 0 : find_open_grant(manager, door, report, &id);

    if (r < 0)
        return r;
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
    turn_step(turn, event);
    *ret_turned = true;
    return turn_write(manager, turn);
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
        turn_tell(manager, &turn);
    bus_tell_door(manager, door);
    log_debug("door %u: %s (grant %" PRIu64 ", %" PRIu64 " us)", door, report_name, grant, at_us);
    return 0;
}
