/* What the bank does when its disk does not take, or no longer holds, what it must record
 * (docs/disk.md). It goes on reading and refusing, grants nothing,
 * tries again by itself, and sets a damaged store aside for a new one. */
#pragma once

#include "common/cleanup.h"
#include "daemon/store.h"

struct manager;
struct answer;

enum disk_state {
    DISK_FINE,
    DISK_LOW,       /* free space is below the reserve: what runs is finished, nothing begins */
    DISK_FULL,      /* ENOSPC */
    DISK_READ_ONLY, /* EROFS */
    DISK_FAILED,    /* EIO */
    DISK_DAMAGED,   /* the database is not what was written */
};

struct disk {
    enum disk_state state;
    bool absent;    /* the store is a stand-in: the real one cannot be opened */
    bool aside_due; /* the file must be set aside before it is opened again */
    bool taken_up;  /* this start is noted in the store, and its session restored */
    int64_t since_ms;
    uint64_t next_us; /* CLOCK_BOOTTIME: the next try */
    uint64_t wait_us; /* and how long after it the one after */
    uint64_t looked_us;
    struct store_size size; /* a second old at most */
    char detail[160];       /* what is wrong, for people; "" = nothing */
};

/* "fine", "low", "full", "read_only", "failed", "damaged" */
const char *disk_state_name(enum disk_state state);

/* Opens the store, or a stand-in when that is not possible now. Fails only for what waiting does
 * not mend: no memory, or a newer version's store. Logs. */
int disk_open(struct manager *manager);
/* Says that `doing` failed and what that means; returns `r`. */
int disk_failed(struct manager *manager, int r, const char *doing);
/* Looks at the free space, tries again what failed. */
void disk_tick(struct manager *manager);

/* Can the store be read and written at all? */
bool disk_usable(const struct manager *manager);
/* When nothing can be decided, makes the answer out_of_order with the reason: true. */
bool disk_refuses(struct manager *manager, struct answer *answer);
/* The same when no door may be opened: true. */
bool disk_refuses_grant(struct manager *manager, struct answer *answer);
