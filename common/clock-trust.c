#include "common/clock-trust.h"

#include <errno.h>
#include <stdlib.h>

static const char *const names[] = {
    [CLOCK_SYNCHRONISED] = "synchronised", [CLOCK_HOLDOVER] = "holdover", [CLOCK_NEVER] = "never",
    [CLOCK_REBOOTED] = "rebooted",         [CLOCK_RUN_OUT] = "run_out",   [CLOCK_TURNED] = "turned",
    [CLOCK_BELOW_FLOOR] = "below_floor",
};

static const char *const texts[] = {
    [CLOCK_SYNCHRONISED] = "the clock is synchronised",
    [CLOCK_HOLDOVER] = "the clock is not synchronised at present; it was not long ago and is "
                       "still believed",
    [CLOCK_NEVER] = "the clock was never synchronised; check that chrony or systemd-timesyncd runs "
                    "and reaches a time server",
    [CLOCK_REBOOTED] = "the clock was not synchronised since the machine started, and no RTC is "
                       "sure of the time; check the time server, and the RTC's battery",
    [CLOCK_RUN_OUT] = "the clock was not synchronised for longer than [clock] holdover; check that "
                      "chrony or systemd-timesyncd runs and reaches a time server",
    [CLOCK_TURNED] = "the clock was set by hand or jumped while it was not synchronised; let it be "
                     "synchronised again",
    [CLOCK_BELOW_FLOOR] = "the clock shows a time before one that was believed already; set it "
                          "right, or, when the earlier time was the wrong one, lower the floor "
                          "with pickupctl clock",
};

const char *clock_verdict_name(enum clock_verdict verdict)
{
    return names[verdict];
}

const char *clock_verdict_text(enum clock_verdict verdict)
{
    return texts[verdict];
}

bool clock_verdict_trusted(enum clock_verdict verdict)
{
    return verdict == CLOCK_SYNCHRONISED || verdict == CLOCK_HOLDOVER;
}

static void raise_floor(struct clock_trust *trust, int64_t wall_ms)
{
    if (wall_ms > trust->floor_ms)
        trust->floor_ms = wall_ms;
}

static bool below_floor(const struct clock_trust *trust, int64_t wall_ms)
{
    return wall_ms < trust->floor_ms - CLOCK_STEP_MAX_MS;
}

void clock_trust_restore(struct clock_trust *trust, const struct clock_reading *reading,
                         bool same_boot)
{
    int64_t holdover_ms = (int64_t)((trust->until_us - trust->anchor_us) / 1000);
    int64_t gone_ms = reading->wall_ms - trust->anchor_ms;

    if (!trust->anchored || (same_boot && trust->anchor_us <= reading->boot_us))
        return;
    trust->anchored = reading->rtc && gone_ms >= 0 && gone_ms < holdover_ms &&
                      !below_floor(trust, reading->wall_ms);
    if (!trust->anchored)
        return;
    trust->anchor_ms = reading->wall_ms;
    trust->anchor_us = reading->boot_us;
    trust->until_us = reading->boot_us + (uint64_t)(holdover_ms - gone_ms) * 1000;
}

/* The wall clock against the time since boot, both since the anchor. */
static enum clock_verdict judge_holdover(const struct clock_trust *trust,
                                         const struct clock_reading *reading)
{
    int64_t expected_ms =
        trust->anchor_ms + ((int64_t)reading->boot_us - (int64_t)trust->anchor_us) / 1000;

    if (reading->boot_us >= trust->until_us)
        return CLOCK_RUN_OUT;
    return llabs(reading->wall_ms - expected_ms) > CLOCK_STEP_MAX_MS ? CLOCK_TURNED
                                                                     : CLOCK_HOLDOVER;
}

enum clock_verdict clock_trust_judge(struct clock_trust *trust, const struct clock_reading *reading,
                                     int64_t holdover_ms)
{
    /* A synchronised clock below the floor is refused too: somebody may feed it a wrong time, and
     * lowering a wrong floor is a manager's act. */
    if (below_floor(trust, reading->wall_ms)) {
        trust->verdict = CLOCK_BELOW_FLOOR;
    } else if (reading->synchronised) {
        trust->anchored = true;
        trust->anchor_ms = reading->wall_ms;
        trust->anchor_us = reading->boot_us;
        trust->until_us = reading->boot_us + (uint64_t)holdover_ms * 1000;
        trust->verdict = CLOCK_SYNCHRONISED;
    } else if (trust->anchored) {
        trust->verdict = judge_holdover(trust, reading);
    } else {
        trust->verdict = trust->until_us ? CLOCK_REBOOTED : CLOCK_NEVER;
    }
    if (clock_verdict_trusted(trust->verdict))
        raise_floor(trust, reading->wall_ms);
    return trust->verdict;
}

int64_t clock_trust_time_ms(const struct clock_trust *trust, int64_t wall_ms)
{
    return clock_verdict_trusted(trust->verdict) && wall_ms > trust->floor_ms ? wall_ms
                                                                              : trust->floor_ms;
}

int clock_trust_lower(struct clock_trust *trust, int64_t floor_ms)
{
    if (floor_ms < 0 || floor_ms >= trust->floor_ms)
        return -EINVAL;
    *trust = (struct clock_trust){.floor_ms = floor_ms, .verdict = CLOCK_NEVER};
    return 0;
}
