/* Carries sessions out: writes grants, takes the kiosk's reports, and judges what was left open. */
#pragma once

#include "daemon/manager.h"

/* Takes up the session and the grants that the last run has left. */
int visit_restore(struct manager *manager);

/* Begins to open `items` (at least one). `session` names who and for what; it replaces a finished
 * session, or goes on with the running staff session when its id is that of manager->session. The
 * first grant is on the disk when 0 is returned. -ENOTCONN without a kiosk that has attached. */
int visit_begin(struct manager *manager, const struct session *session, enum session_kind kind,
                const struct session_item *items, unsigned n);

/* Begins a staff session without a door. */
int visit_begin_staff(struct manager *manager, const struct session *session);

/* What a door did, in the words of docs/dbus.md. Returns -EINVAL for an unknown door or word. */
int visit_report(struct manager *manager, uint32_t door, const char *report, uint64_t grant,
                 uint64_t at_us);

/* What every sensor says, at the (re)start of the kiosk. `busy[i]`: the kiosk is still carrying out
 * a grant at the door, or has a report to deliver, so it is not judged yet. */
struct visit_door {
    uint32_t door;
    bool open, faulty, busy;
};
int visit_attach(struct manager *manager, const struct visit_door *doors, size_t n);
/* Judges every grant without outcome by the same; the session may go on and grant the next door.
 * After the kiosk was answered: it carries out only what is granted from then on. */
int visit_attach_judge(struct manager *manager, const struct visit_door *doors, size_t n);

/* The customer or staff member has left. -ENOENT when it is not the running session. */
int visit_end(struct manager *manager, uint64_t session, const char *why);

/* Staff: the last parcel is in. */
int visit_confirm(struct manager *manager);

/* What is due by time: grants that nobody reported on, sessions that nobody ended. */
void visit_tick(struct manager *manager);
