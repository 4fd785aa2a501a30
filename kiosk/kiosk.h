/* Everything that one pickup-kiosk holds, and how its parts act on each other. It decides nothing:
 * what it sees goes to the daemon, what the daemon grants goes to the doors, what the doors do goes
 * back. */
#pragma once

#include "kiosk/bank-client.h"
#include "kiosk/decode/scanner.h"
#include "kiosk/door-bank.h"
#include "kiosk/kiosk-bus.h"
#include "kiosk/scan.h"
#include "kiosk/show.h"
#include "kiosk/trace.h"

struct kiosk {
    sd_event *event;
    struct kiosk_config config;
    struct doors doors;
    struct screen *screen;
    struct lock_thread *locks;
    struct door_bank *door_bank;
    struct scan *scan;
    struct bank_client *bank;
    struct kiosk_bus *bus;
    struct trace *trace;

    struct show show;
    char text[SCANNER_TEXT_MAX + 1]; /* presented last; "" = none since the kiosk was idle */
    sd_event_source *refusal_over, *result_over, *look, *draw;
    uint64_t watchdog_us; /* 0 = nobody watches */
};

/* Loads the configuration and opens everything but the bus. Logs what is wrong. */
int kiosk_new(sd_event *event, const char *config, const char *trace, struct kiosk **ret_kiosk);
/* Accepts NULL; returns NULL. All lock lines are inactive afterwards. */
struct kiosk *kiosk_free(struct kiosk *kiosk);
DEFINE_CLEANUP(struct kiosk *, kiosk_free);
/* Connects to the bus; from here on it works. Logs what is wrong. */
int kiosk_start(struct kiosk *kiosk, const char *bus);
/* Makes all lock lines inactive and nothing else: for the unit's ExecStopPost=, because what a line
 * does after its process was killed is not guaranteed. */
int kiosk_release_locks(const char *config);
