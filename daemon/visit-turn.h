/* One change of the session: decided by the pure machine, written with what follows from it, told
 * after the commit. Shared by the visit files only. */
#pragma once

#include "daemon/visit.h"

/* A change that is being written: nothing of it counts before the commit. */
struct turn {
    struct session session; /* as it will be */
    struct session_effect effect;
    struct grant grant; /* id 0 = none was made */
    bool before_failed; /* tell `not_opened` first, with the session as in `failed` */
    struct session failed;
};

/* Lets the machine take `event`. */
void turn_step(struct turn *turn, enum session_event event);
/* Writes what the effect asks for, inside a transaction. */
int turn_write(struct manager *manager, struct turn *turn);
/* After the commit: memory follows the disk, and the bus hears of it. */
void turn_tell(struct manager *manager, const struct turn *turn);
/* All of these for one event, in a transaction of its own. */
int turn_alone(struct manager *manager, enum session_event event);
/* The parcel of the session's last grant counts as stocked; inside a transaction. */
int turn_confirm_last(struct manager *manager, const struct session *session);

/* Gives a grant that nobody reported on its outcome, and lets the session go on from there. */
int visit_judge(struct manager *manager, struct grant *grant, enum grant_outcome outcome);
