/* Everything that one pickupd holds. Each part works on it through the functions of its own header;
 * pickupd.c only wires. */
#pragma once

#include "common/bank-config.h"
#include "common/clock-trust.h"
#include "common/code.h"
#include "common/doors.h"
#include "common/feed.h"
#include "common/link-health.h"
#include "common/number.h"
#include "daemon/disk.h"
#include "daemon/session.h"
#include "daemon/store.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* What a door's sensor said last. */
enum sensor {
    SENSOR_UNKNOWN, /* no kiosk has told yet */
    SENSOR_CLOSED,
    SENSOR_OPEN,
};

/* The up feed, see uplink.h. */
struct uplink {
    char old_log[37];    /* an earlier log that HQ gets first; "" = none */
    int64_t old_sent;    /* of that log, on this connection */
    unsigned old_tries;  /* since HQ last took something of it */
    int64_t acked;       /* HQ has these */
    int64_t sent;        /* sent on this connection up to here */
    int64_t moved_us;    /* monotonic: last sent or acknowledged */
    int64_t status_us;   /* monotonic: last status sent */
    int64_t poll_us;     /* monotonic: last fetch because of poll */
    int64_t applied_due; /* cursor to tell HQ once the batch is committed; 0 = none */
    uint64_t bad_signatures;
    int64_t waiting_us; /* monotonic: since when HQ owes an answer; 0 = it does not */
    int64_t unacked_us; /* … and an acknowledgement */
    int64_t heard_us;   /* monotonic: when HQ last said something */
    bool unsigned_seen; /* … and something came that it has not signed */
    struct link_health health;
};

/* What the bank believes about the time, see timekeeper.h. */
struct timekeeper {
    struct clock_trust trust;
    uint64_t since_us;      /* CLOCK_BOOTTIME: since when the verdict is what it is */
    int64_t saved_floor_ms; /* what the store has */
    uint64_t retry_us, look_us;
    bool reported, reported_trusted; /* what the last event of type `clock` of this run said */
};

struct feed_work;

struct manager {
    sd_event *event;
    struct bank_config config;
    struct doors doors;
    char boot[33];

    char *state; /* folder of the store */
    struct store *store;
    struct disk disk;
    struct store_sweep sweep;
    struct session session;
    enum sensor *sensors;      /* by door number - 1 */
    bool *faulty;              /* by door number - 1: what the kiosk said last */
    bool attached;             /* a kiosk is there and has said where the doors stand */
    uint64_t session_moved_us; /* CLOCK_BOOTTIME: when the session last changed */
    uint64_t started_us;       /* CLOCK_BOOTTIME */

    struct timekeeper clock;
    struct number_throttle throttle; /* in ms of CLOCK_BOOTTIME */
    uint64_t forged_told_us; /* CLOCK_BOOTTIME: the last `refused` event of a forged code: they are
                                rate-limited */

    uint8_t feed_key[CODE_PUBLIC_KEY_BYTES];
    uint8_t number_key[NUMBER_KEY_BYTES];
    struct code_key *keys;
    size_t n_keys;

    struct mqtt *mqtt;
    struct feed feed;
    struct uplink uplink;
    struct feed_work *work; /* the page that is being applied, feed-work.h */
    int64_t batch_rows;
    size_t batch_bytes;      /* of documents */
    uint64_t batch_begun_us; /* CLOCK_BOOTTIME */

    sd_bus *bus;
    sd_bus_slot *vtable;
    sd_event_source *tick;
    uint64_t housekept_us; /* CLOCK_BOOTTIME: last housekeeping */
};

/* Loads the configuration and opens everything but bus and network. Logs what is wrong. */
int manager_new(sd_event *event, const char *config, const char *state,
                struct manager **ret_manager);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager *, manager_free);

/* Connects to the bus, then to HQ. Logs what is wrong. */
int manager_start(struct manager *manager, const char *bus);

/* Reads the public keys for codes and badges again, after a document of kind "key" came. */
int manager_load_keys(struct manager *manager);

/* For disk.c: the memory follows a store that was opened or lost … */
int manager_read_store(struct manager *manager);
void manager_forget(struct manager *manager);
/* … and this start is noted in it. */
int manager_note_start(struct manager *manager);

/* Logs that the store failed and what that means; returns `r`. */
int manager_store_failed(struct manager *manager, int r, const char *doing);
