/* A lock backend that records what is done to it and fails when told to. */
#pragma once

#include "kiosk/hw/lock.h"

#include <stdbool.h>

enum fake_act {
    FAKE_ENERGISE,
    FAKE_RELEASE,
    FAKE_RELEASE_ALL,
    FAKE_CLOSE,
};

struct fake_record {
    enum fake_act act;
    uint32_t door;
    uint64_t at_us;
};

/* Outlives the lock that it made, so that what close() did can be seen. */
struct fake_lock;

struct fake_lock *fake_lock_new(size_t n_doors);
void fake_lock_free(struct fake_lock *fake);
/* The backend; it belongs to whoever takes it. */
struct lock *fake_lock_lock(struct fake_lock *fake);

/* The next `n` calls of that kind fail with -EIO. */
void fake_lock_fail(struct fake_lock *fake, enum fake_act act, unsigned n);
/* The sensor changes; `told` = with an edge, else only a reading finds it. */
void fake_lock_sensor(struct fake_lock *fake, uint32_t door, enum sensor sensor, bool told);
/* Acts so far; ret_records may be NULL. */
size_t fake_lock_records(struct fake_lock *fake, struct fake_record *ret_records, size_t size);
/* Coils that are on now. */
unsigned fake_lock_coils(struct fake_lock *fake);
/* The most coils that were ever on together. */
unsigned fake_lock_most_coils(struct fake_lock *fake);
