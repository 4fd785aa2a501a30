/* Promise 8: what a bank believes about its clock. Pure; kept in the store by the daemon.
 *
 * A synchronised reading is an anchor: wall clock and time since boot at one moment. Until the
 * holdover is over the wall clock is believed as far as it has moved with the time since boot, so
 * that it cannot be turned unnoticed. The floor follows what was believed and never goes back by
 * itself. */
#pragma once

#include "common/clock.h"

/* The wall clock may move by this much against the time since boot (a leap second, an NTP client
 * that steps) without being doubted. */
#define CLOCK_STEP_MAX_MS 5000

enum clock_verdict {
    CLOCK_SYNCHRONISED, /* believed: the source says so */
    CLOCK_HOLDOVER,     /* believed: it was synchronised not long ago and was not turned since */
    CLOCK_NEVER,        /* not believed: it was never synchronised */
    CLOCK_REBOOTED, /* … it was not synchronised since the machine started, and no RTC is sure */
    CLOCK_RUN_OUT,  /* … the holdover is over */
    CLOCK_TURNED,   /* … somebody has set it */
    CLOCK_BELOW_FLOOR, /* … it lies before a time that was believed once */
};

struct clock_trust {
    int64_t floor_ms; /* no time before this is believed; raised by trusted time only */
    bool anchored;
    int64_t anchor_ms;          /* wall clock, … */
    uint64_t anchor_us;         /* … and time since boot of the anchor */
    uint64_t until_us;          /* time since boot: end of the holdover; 0 = there never was one */
    enum clock_verdict verdict; /* of the last reading */
};

/* Takes up what the last run had written. `same_boot`: the machine has not been restarted since, so
 * that its times since boot still hold. Else the holdover goes on only when an RTC gave the time
 * and it lies between the anchor and the end of the holdover. */
void clock_trust_restore(struct clock_trust *trust, const struct clock_reading *reading,
                         bool same_boot);
/* Folds in one reading. While synchronised it becomes the anchor and renews the holdover
 * (`holdover_ms`). Sets and returns the verdict. */
enum clock_verdict clock_trust_judge(struct clock_trust *trust, const struct clock_reading *reading,
                                     int64_t holdover_ms);
bool clock_verdict_trusted(enum clock_verdict verdict);
/* The time to judge by: the wall clock while it is believed, but never before the floor; else the
 * floor. */
int64_t clock_trust_time_ms(const struct clock_trust *trust, int64_t wall_ms);
/* Somebody who may has found the floor to be wrong. Returns -EINVAL when `floor_ms` is negative or
 * not below the floor. What was believed until now is forgotten with it. */
int clock_trust_lower(struct clock_trust *trust, int64_t floor_ms);

/* "synchronised", "holdover", "never", "rebooted", "run_out", "turned", "below_floor" */
const char *clock_verdict_name(enum clock_verdict verdict);
/* What it means and what to do, as a sentence for an engineer. */
const char *clock_verdict_text(enum clock_verdict verdict);
