/* The kiosk's end of the bus: everything that it asks of and tells to pickupd (docs/dbus.md).
 *
 * No call blocks. Reports of doors are kept in order until the daemon has them, also over its
 * restart; they are safe to repeat. Logs. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/door.h"

#include <systemd/sd-bus.h>

/* What a session or an outcome can say; 0 and "" = it does not. */
struct bank_info {
    char kind[16], order[80], display[80], lang[16], parcel[80], role[16], bank[40], reason[160];
    uint32_t door, index, of, opened, failed, staff, stocked, branch;
    int64_t at_ms, wait_ms;
};

struct bank_session {
    uint64_t number; /* 0 = none */
    char state[24];  /* "idle", "opening" … */
    struct bank_info info;
};

struct bank_answer {
    char outcome[24]; /* "" = the daemon did not answer */
    uint64_t session;
    struct bank_info info;
};

struct bank_client_events {
    /* The daemon has come, or come back: call bank_client_attach(). */
    void (*appeared)(void *userdata);
    /* It has taken the doors' state in. */
    void (*attached)(void *userdata, uint64_t close_timeout_us);
    void (*vanished)(void *userdata);
    /* A grant was given just now. Its open_timeout is filled in. */
    void (*granted)(void *userdata, uint64_t session, const struct door_grant *grant);
    void (*session)(void *userdata, const struct bank_session *session);
    /* To bank_client_present(). */
    void (*answered)(void *userdata, const struct bank_answer *answer);
};

struct bank_client;

struct bank_attach_door {
    uint32_t door;
    const char *state; /* "open", "closed", "faulty", "busy" */
};

/* Connects to `address` ("system" or a D-Bus address) and takes the name io.pickupd.Kiosk1.
 * -EEXIST when another kiosk has it. Logs what is wrong. */
int bank_client_new(sd_event *event, const char *address, const struct bank_client_events *events,
                    void *userdata, struct bank_client **ret_client);
/* Accepts NULL; returns NULL. */
struct bank_client *bank_client_free(struct bank_client *client);
DEFINE_CLEANUP(struct bank_client *, bank_client_free);

/* Its connection, for what the kiosk itself offers on the bus (kiosk/kiosk-bus.h). */
sd_bus *bank_client_bus(struct bank_client *client);

/* The daemon is there and knows the doors. */
bool bank_client_attached(const struct bank_client *client);
int bank_client_attach(struct bank_client *client, const struct bank_attach_door *doors, size_t n);
/* One at a time: -EBUSY while an answer is awaited. */
int bank_client_present(struct bank_client *client, const char *text);
int bank_client_report(struct bank_client *client, uint32_t door, enum door_report report,
                       uint64_t grant, uint64_t at_us);
/* A report of that door is not delivered yet. */
bool bank_client_owes(const struct bank_client *client, uint32_t door);
int bank_client_end_session(struct bank_client *client, uint64_t session, const char *why);
