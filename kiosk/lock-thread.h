/* The one thread that energises coils (promises 2 and 5).
 *
 * It owns the lock backend. The loop asks for single pulses; the thread checks boot id and deadline
 * directly before each, has one coil on at a time, times the pulse itself and rests afterwards. A
 * loop that hangs or dies cannot keep a coil on. Everything that happens comes back through one
 * mailbox with an eventfd:
 *
 *   add lock_thread_fd() to the loop (EPOLLIN); when readable:
 *   while (lock_thread_take(thread, &event)) …
 *
 * No function here blocks for longer than a short lock, except lock_thread_free(). */
#pragma once

#include "common/cleanup.h"
#include "kiosk/door.h"
#include "kiosk/hw/lock.h"

#include <stdbool.h>

#define LOCK_THREAD_QUEUE_MAX 64 /* pulses asked for and not yet begun */
/* The heartbeat of a living thread is never older than this (design: its longest sleep is a
 * quarter of it). */
#define LOCK_THREAD_HEARTBEAT_US UINT64_C(2000000)

struct lock_thread;

enum lock_event_type {
    LOCK_COIL_ON,          /* at_us: just before the line went active */
    LOCK_COIL_OFF,         /* at_us: just after it went inactive */
    LOCK_REFUSED_DEADLINE, /* not pulsed: the grant's deadline has passed */
    LOCK_REFUSED_BOOT,     /* not pulsed: the grant was given in another boot */
    LOCK_REFUSED_COUNT,    /* not pulsed: attempt beyond the grant's pulses, or no such door */
    LOCK_FAILED,           /* the backend could not energise (error); everything was released */
    LOCK_SENSOR,           /* a raw reading has changed; not debounced */
    LOCK_STUCK,            /* a coil could not be released (error); tried on, no pulse until then */
    LOCK_RELEASED,         /* … and now it could */
};

struct lock_event {
    enum lock_event_type type;
    uint32_t door;      /* 0 for STUCK and RELEASED */
    uint64_t grant;     /* all but SENSOR, STUCK and RELEASED */
    unsigned attempt;   /* as asked for */
    uint64_t at_us;     /* CLOCK_BOOTTIME */
    enum sensor sensor; /* SENSOR */
    int error;          /* FAILED, STUCK: -errno */
};

struct lock_thread_options {
    const struct doors *doors; /* their pulse_ms; copied */
    uint64_t rest_us;          /* from one coil off to the next coil on */
    uint64_t pulse_max_us;     /* cap over every door's pulse */
};

/* Makes all lines inactive, reads the sensors and starts the thread. Takes `lock` over, also on
 * failure. -errno of the first release, of making the thread, -ENOMEM. */
int lock_thread_new(const struct lock_thread_options *options, struct lock *lock,
                    struct lock_thread **ret_thread);
/* Ends a running pulse at once, makes all lines inactive, joins the thread, closes the lock.
 * Accepts NULL. */
struct lock_thread *lock_thread_free(struct lock_thread *thread);
DEFINE_CLEANUP(struct lock_thread *, lock_thread_free);

/* The sensors as they were read at start; ret_sensors has room for all doors. Changes since then
 * wait in the mailbox. */
void lock_thread_first_sensors(const struct lock_thread *thread, enum sensor *ret_sensors);

/* Asks for one pulse of grant->door. It is answered by exactly one of COIL_ON (then COIL_OFF),
 * REFUSED_… or FAILED. Pulses are carried out in the order they were asked for. -EBUSY when
 * LOCK_THREAD_QUEUE_MAX are waiting, -ESHUTDOWN when the thread has ended: then there is no
 * answer. */
int lock_thread_pulse(struct lock_thread *thread, const struct door_grant *grant, unsigned attempt);

/* Readable while the mailbox holds something. Owned by the thread. */
int lock_thread_fd(const struct lock_thread *thread);
/* The oldest event. False when there is none. Sensor changes are never lost, but when the loop was
 * away for long only the newest of each door is told. */
bool lock_thread_take(struct lock_thread *thread, struct lock_event *ret_event);
/* When the thread last went round, CLOCK_BOOTTIME; older than LOCK_THREAD_HEARTBEAT_US = it hangs,
 * and the watchdog must not be fed. */
uint64_t lock_thread_heartbeat_us(const struct lock_thread *thread);
/* "coil on", "refused: deadline" … for the log. */
const char *lock_event_name(enum lock_event_type type);
