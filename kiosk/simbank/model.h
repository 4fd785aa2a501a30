/* A bank of doors in physical time. Pure: the caller brings the time and takes sensor changes; the
 * same seed and the same acts at the same times give the same changes.
 *
 * Coil on → after some milliseconds the latch lets go → a spring pushes the door open, its contact
 * bounces → somebody closes it after a while, or nobody does. */
#pragma once

#include "kiosk/hw/sensor.h"
#include "kiosk/simbank/record.h"

#include <stdbool.h>

#define SIMBANK_COIL_CAP_US UINT64_C(1000000) /* a coil that is on for longer burns */
#define SIMBANK_NEVER       UINT64_MAX

struct simbank_door {
    /* How it behaves. */
    bool jammed; /* the latch does not let go */
    bool dead;   /* the sensor does not answer */
    uint64_t bounce_us, late_open_us, late_close_us;
    /* How it stands. */
    bool open;
    bool contact; /* what the contact says just now: `open`, or anything while it bounces */
    bool coil;
    unsigned coil_client;
    uint64_t coil_on_us;
    enum sensor told;
    /* What comes next; SIMBANK_NEVER = nothing. */
    uint64_t latch_us, spring_us, close_us, toggle_us, rest_us, cap_us;
};

struct simbank_change {
    uint32_t door;
    enum sensor sensor;
    uint64_t at_us;
};

struct simbank {
    struct simbank_door *doors; /* door i + 1 */
    size_t n;
    uint64_t random;        /* state of the generator */
    uint64_t auto_close_us; /* somebody closes an open door after so long; 0 = nobody does */
    struct record record;
    struct simbank_change *changes;
    size_t n_changes, changes_size;
    bool out_of_memory; /* a change was lost */
};

/* All doors closed. NULL without memory. */
struct simbank *simbank_new(size_t n_doors, uint64_t seed, uint64_t now_us);
struct simbank *simbank_free(struct simbank *bank);
DEFINE_CLEANUP(struct simbank *, simbank_free);

/* Lets everything happen that is due until `now_us`. Call it before every act below. */
void simbank_advance(struct simbank *bank, uint64_t now_us);
/* When the next thing happens by itself. */
uint64_t simbank_next_us(const struct simbank *bank);
/* Gives the changes since the last call; valid until the next act. */
size_t simbank_take_changes(struct simbank *bank, const struct simbank_change **ret_changes);

/* The coil's line, switched by `client` (any number). -ENXIO: no such door, a violation. */
int simbank_coil(struct simbank *bank, uint32_t door, bool on, unsigned client, uint64_t now_us);
void simbank_all_coils_off(struct simbank *bank, uint64_t now_us);
/* The client's connection has ended: coils that it left on are violations and go off. */
void simbank_client_gone(struct simbank *bank, unsigned client, uint64_t now_us);

/* Somebody's hands. All return -ENXIO for an unknown door, -EALREADY when it stands so. */
int simbank_open_by_hand(struct simbank *bank, uint32_t door, uint64_t now_us);
/* Broken open: latch and jam do not matter, and nobody comes to close it. */
int simbank_force(struct simbank *bank, uint32_t door, uint64_t now_us);
int simbank_close_by_hand(struct simbank *bank, uint32_t door, uint64_t now_us);
int simbank_set_dead(struct simbank *bank, uint32_t door, bool dead, uint64_t now_us);
/* What the sensor says now. */
enum sensor simbank_sensor(const struct simbank_door *door);
/* Not in motion and not bouncing. */
bool simbank_at_rest(const struct simbank_door *door);
