/* What this bank believes about the time (promise 8; the rules are common/clock-trust.h). Keeps it
 * in the store, reports every change of mind, and lowers a floor that was wrong. */
#pragma once

#include "daemon/manager.h"

/* Takes up what the last run knew. */
int timekeeper_restore(struct manager *manager);
/* Takes one reading and says what time to judge by, ms UTC. */
int64_t timekeeper_now_ms(struct manager *manager);
/* The time for what is kept so long after it ended, ms UTC: as the last reading judged it, because
 * a wrong clock must make nothing old, or young for ever. The wall clock's while none was ever
 * believed. */
int64_t timekeeper_stamp_ms(const struct manager *manager);
bool timekeeper_trusted(const struct manager *manager);
/* Writes what has changed: at once when the clock is believed or not believed any more, else when
 * the floor has risen by a minute, so that the one on the disk is never further behind. Also takes
 * HQ's document of kind "clock", which lowers a floor that is in the way. */
void timekeeper_tick(struct manager *manager);
/* The last words of a run. */
void timekeeper_save(struct manager *manager);
/* Lowers the floor to `floor_ms`, with the event that says who did it and why. -EINVAL = it is not
 * below the floor; else 0 or -errno of the store, when nothing has changed. */
int timekeeper_lower(struct manager *manager, int64_t floor_ms, const char *actor,
                     const char *reason);
