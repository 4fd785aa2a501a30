/* Everything that one pickupd holds. Each part works on it through the functions of its own header;
 * pickupd.c only wires. */
#pragma once

#include "common/bank-config.h"
#include "common/clock.h"
#include "common/code.h"
#include "common/doors.h"
#include "common/feed.h"
#include "common/mqtt.h"
#include "common/number.h"
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
    int64_t acked;       /* HQ has these */
    int64_t sent;        /* sent on this connection up to here */
    int64_t moved_us;    /* monotonic: last sent or acknowledged */
    int64_t status_us;   /* monotonic: last status sent */
    int64_t poll_us;     /* monotonic: last fetch because of poll */
    int64_t applied_due; /* cursor to tell HQ once the batch is committed; 0 = none */
    uint64_t bad_signatures;
    char detail[200]; /* why there is no connection, in words */
};

struct feed_work;

struct manager {
    sd_event *event;
    struct bank_config config;
    struct doors doors;
    char boot[33];

    struct store *store;
    struct session session;
    enum sensor *sensors;      /* by door number - 1 */
    bool attached;             /* a kiosk is there and has said where the doors stand */
    uint64_t session_moved_us; /* CLOCK_BOOTTIME: when the session last changed */
    uint64_t started_us;       /* CLOCK_BOOTTIME */

    struct clock_trust trust;
    bool clock_trusted;
    struct number_throttle throttle;
    int64_t forged_told_ms; /* the last `refused` event of a forged code: they are rate-limited */

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

/* Folds the machine's clock into what the bank believes (promise 8) and says what time to judge
 * by. */
int64_t manager_now_ms(struct manager *manager);

/* Logs that the store failed and what that means; returns `r`. */
int manager_store_failed(struct manager *manager, int r, const char *doing);
