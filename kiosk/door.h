/* The rules of one door: grant, pulses, sensor → what is reported to the daemon (docs/dbus.md,
 * ReportDoor). Pure: it is given every time and touches nothing.
 *
 *   effects = door_step(&machine, &rules, &event);
 *   if (effects.pulse) lock_thread_pulse(thread, &machine.grant, effects.attempt);
 *   for each effects.reports[i]: ReportDoor(door, name, grant, at_us)
 *   arm one timer at the least door_next_deadline() of all doors, then send DOOR_TICK
 *
 * All times are CLOCK_BOOTTIME in microseconds. Take the lock thread's events in before a tick. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/hw/sensor.h"

#include <stdbool.h>
#include <stddef.h>

/* The permission to open one door once (signal Granted). */
struct door_grant {
    uint64_t grant; /* never 0 */
    uint32_t door;
    char boot[33];            /* valid only in this boot */
    uint64_t deadline_us;     /* no pulse at or after it */
    unsigned pulses;          /* at least 1 */
    uint64_t open_timeout_us; /* from the coil going on until the sensor must have opened */
};

struct door_rules {
    uint64_t debounce_us;      /* a reading counts when it has stood still for so long */
    uint64_t chatter_max_us;   /* a sensor that is restless for longer is faulty */
    uint64_t restore_us;       /* a faulty sensor is believed again after so long at rest */
    uint64_t close_timeout_us; /* a door open for longer is left open */
};
/* 30 ms, 1 s, 500 ms; close_timeout is the daemon's (Attach), here its standard of 60 s. */
extern const struct door_rules door_rules_standard;

enum door_report {
    DOOR_PULSED,
    DOOR_OPENED,
    DOOR_CLOSED,
    DOOR_NOT_OPENED,
    DOOR_LEFT_OPEN,
    DOOR_FORCED,
    DOOR_FAULTY,
    DOOR_RESTORED,
};

enum door_phase {
    DOOR_IDLE,    /* no grant; the door may be open or closed */
    DOOR_ASKED,   /* a pulse was asked of the lock thread, the coil is not yet on */
    DOOR_PULSING, /* the coil is on */
    DOOR_WAITING, /* the coil is off again, the sensor has not said open yet */
    DOOR_GRANTED, /* seen to open under the grant; open until it is seen to close */
    DOOR_LATE,    /* reported not_opened, but before the grant's deadline it may still open */
};

enum door_event_type {
    DOOR_GRANT,    /* grant */
    DOOR_COIL_ON,  /* number, at_us: the lock thread's events, as they are */
    DOOR_COIL_OFF, /* number, at_us */
    DOOR_REFUSED,  /* number: the lock thread will not pulse (deadline, boot id), or could not */
    DOOR_SENSOR,   /* sensor, at_us: the raw reading */
    DOOR_TICK,
};

struct door_event {
    enum door_event_type type;
    uint64_t at_us;                 /* when it happened; GRANT and TICK: now */
    uint64_t number;                /* of the grant that the coil event belongs to */
    enum sensor sensor;             /* SENSOR */
    const struct door_grant *grant; /* GRANT; copied */
};

#define DOOR_REPORTS_MAX 8

struct door_effects {
    bool pulse;       /* ask the lock thread for a pulse under machine.grant … */
    unsigned attempt; /* … which is the attempt-th, from 1 */
    size_t n_reports; /* in this order */
    struct {
        enum door_report report;
        uint64_t grant; /* 0 = without a grant */
        uint64_t at_us;
    } reports[DOOR_REPORTS_MAX];
};

/* Read `sensor` and `phase`; write nothing. */
struct door_machine {
    enum door_phase phase;
    enum sensor sensor;      /* debounced: what counts */
    struct door_grant grant; /* valid unless IDLE */
    unsigned attempt;
    uint64_t coil_on_us;
    /* The sensor's raw side. */
    enum sensor raw, last_known; /* last_known: before it became faulty; FAULTY = never known */
    uint64_t raw_since_us;       /* the raw reading has stood still since */
    uint64_t restless_since_us;  /* first edge away from `sensor`; 0 = at rest */
    /* The open door. */
    uint64_t open_since_us, open_grant;
    bool left_open;  /* told */
    bool early_open; /* opened between the grant and its first pulse: not judged yet */
};

/* `sensor` is the first reading and is believed at once. A door that is open now is not forced: the
 * daemon judges it by Attach. */
void door_init(struct door_machine *machine, enum sensor sensor, uint64_t now_us);
struct door_effects door_step(struct door_machine *machine, const struct door_rules *rules,
                              const struct door_event *event);
/* When the next DOOR_TICK is due; UINT64_MAX = no need. */
uint64_t door_next_deadline(const struct door_machine *machine, const struct door_rules *rules);
/* A grant without outcome is being carried out here: `busy` in Attach. */
bool door_busy(const struct door_machine *machine);
/* "pulsed", "opened" … as ReportDoor wants it. */
const char *door_report_name(enum door_report report);
