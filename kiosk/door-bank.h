/* All doors of the bank on the loop: grants in, pulses to the lock thread, its events and the
 * sensors through the door rules, reports out. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/door.h"
#include "kiosk/lock-thread.h"

#include <systemd/sd-event.h>

struct door_bank;

struct door_bank_events {
    void (*report)(void *userdata, uint32_t door, enum door_report report, uint64_t grant,
                   uint64_t at_us);
    /* Each of the lock thread's events, before the rules take it in; for the latency trace. */
    void (*coil)(void *userdata, const struct lock_event *event);
};

/* `thread` stays the caller's and must outlive this. */
int door_bank_new(sd_event *event, struct lock_thread *thread, size_t n_doors,
                  const struct door_bank_events *events, void *userdata,
                  struct door_bank **ret_bank);
/* Accepts NULL; returns NULL. */
struct door_bank *door_bank_free(struct door_bank *bank);
DEFINE_CLEANUP(struct door_bank *, door_bank_free);

/* A door open for longer than this is reported as left open. */
void door_bank_set_close_timeout(struct door_bank *bank, uint64_t close_timeout_us);
/* Begins to carry a grant out. A door that the bank does not have is logged and left alone. */
void door_bank_grant(struct door_bank *bank, const struct door_grant *grant);
/* What the door's sensor says, debounced. */
enum sensor door_bank_sensor(const struct door_bank *bank, uint32_t door);
/* A grant of the door is being carried out. */
bool door_bank_busy(const struct door_bank *bank, uint32_t door);
/* A coil could not be switched off: nothing more is opened until it could. */
bool door_bank_stuck(const struct door_bank *bank);
