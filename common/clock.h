/* The times of this machine. Rules never call these: they are given `now`.
 *
 * $PICKUP_CLOCK_FILE names a file that turns this clock, for tests and for trying out what a bank
 * does; it is read again for every reading, and ignored in a program with more rights than its
 * caller (secure_getenv(3)). Its words, each of which may be missing: "offset_ms=N" is added to the
 * wall clock, "boot_offset_ms=N" to the time since boot, "synchronised=yes|no" and "rtc=yes|no"
 * stand in for what the kernel says. */
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

/* Who says that the wall clock is right. */
struct clock_source {
    const char *file;    /* NULL = the kernel (adjtimex, STA_UNSYNC clear), else … */
    int64_t file_age_ms; /* … a file that was touched within this time */
};

/* What the machine says of its clock at one moment. */
struct clock_reading {
    int64_t wall_ms;
    uint64_t boot_us;
    bool synchronised;
    bool rtc; /* the kernel took the time from a battery-backed clock when it started */
};

/* Takes one reading. The kernel gives the wall clock and what it says of it in one call, so that a
 * clock that is set in between is never believed. $PICKUP_CLOCK=trusted or =untrusted overrides
 * `synchronised` in tests. */
void clock_read(const struct clock_source *source, struct clock_reading *ret_reading);
