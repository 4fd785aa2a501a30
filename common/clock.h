/* The times of this machine. Rules never call these: they are given `now`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970 UTC. */
int64_t clock_now_ms(void);
/* Microseconds since boot, suspended time included (CLOCK_BOOTTIME): the base of grant deadlines.
 */
uint64_t clock_boot_us(void);
/* The kernel's boot id (/proc/sys/kernel/random/boot_id), 32 hexadecimal digits and NUL.
 * $PICKUP_BOOT_ID overrides it, so that tests can reboot a bank. */
int clock_boot_id(char ret_id[33]);
/* True while the kernel says that the clock is synchronised (adjtimex, STA_UNSYNC clear).
 * $PICKUP_CLOCK=trusted or =untrusted overrides it in tests. */
bool clock_synchronised(void);

/* Promise 8: what the bank believes about its clock. Pure; kept in the store by the daemon. */
struct clock_trust {
    int64_t floor_ms;         /* no time before this is believed; raised by trusted time only */
    int64_t trusted_until_ms; /* end of the holdover */
};

/* Folds in one reading and says whether the clock may be trusted at `now_ms`. While `synchronised`
 * raises the floor to `now_ms` and renews the holdover (`holdover_ms`, by default three days).
 * Untrusted when `now_ms` lies before the floor, or the holdover has run out. */
bool clock_trust_update(struct clock_trust *trust, int64_t now_ms, bool synchronised,
                        int64_t holdover_ms);
/* The time that refusals are checked against: `now_ms` when trusted, else the floor. */
int64_t clock_trust_time_ms(const struct clock_trust *trust, int64_t now_ms, bool trusted);
