/* The locks and sensors of a bank behind a small table of operations.
 *
 * A lock belongs to one thread (kiosk/lock-thread.h), is silent, and knows no rules: how long, how
 * often and whether a coil may be energised is decided by its owner. Every backend makes all lock
 * lines inactive when it opens and when it closes. What no backend can do is switch a line off
 * after its process was killed: the next lock_open() does, which is why the kiosk is restarted at
 * once. */
#pragma once

#include "common/cleanup.h"
#include "common/doors.h"
#include "common/kiosk-config.h"
#include "kiosk/hw/sensor.h"

#include <stddef.h>

struct lock;

/* A sensor's raw reading has changed (not debounced). `at_us` is CLOCK_BOOTTIME. */
typedef void (*lock_edge_fn)(void *userdata, uint32_t door, enum sensor sensor, uint64_t at_us);

struct lock_ops {
    /* Energises one coil; it stays on until release. 0 or -errno (-ENODEV: the hardware is away,
     * -ENXIO: no such door). On failure the coil must be taken as possibly on. */
    int (*energise)(struct lock *lock, uint32_t door);
    int (*release)(struct lock *lock, uint32_t door);
    /* Makes every lock line inactive, also those that nobody energised. */
    int (*release_all)(struct lock *lock);
    /* Reads every sensor: ret_sensors[i] is door i + 1. A sensor that cannot be read is FAULTY. */
    void (*read)(struct lock *lock, enum sensor *ret_sensors);
    /* Takes in what made `fd` readable and tells of each change, oldest first. Never blocks. */
    void (*dispatch)(struct lock *lock, lock_edge_fn edge, void *userdata);
    /* All lines inactive, then frees. */
    void (*close)(struct lock *lock);
};

struct lock {
    const struct lock_ops *ops;
    size_t n_doors; /* doors are 1 to n_doors */
    int fd;         /* readable when dispatch has something to do; the same for the lock's life */
};

/* Opens the backend that `config` names. On failure -errno and *ret_error a sentence that says what
 * is wrong and what to do (owned by the caller; NULL without memory). */
int lock_open(const struct kiosk_config *config, const struct doors *doors, struct lock **ret_lock,
              char **ret_error);
/* pickup-simbank listening on `socket`. Also succeeds while nobody listens there: all sensors are
 * faulty until it does. Connects again when the simulator was restarted. */
int lock_sim_open(const char *socket, size_t n_doors, struct lock **ret_lock, char **ret_error);
/* GPIO lines. Fails when a line is missing, used by another program, or not given for a door. */
int lock_gpiod_open(const struct doors *doors, struct lock **ret_lock, char **ret_error);

/* Closes; accepts NULL. Returns NULL. */
struct lock *lock_close(struct lock *lock);
DEFINE_CLEANUP(struct lock *, lock_close);
