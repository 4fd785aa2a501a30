#include "daemon/disk.h"

#include "common/log.h"
#include "daemon/bus.h"
#include "daemon/decide.h"
#include "daemon/manager.h"
#include "daemon/uplink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define TRY_MIN_US (UINT64_C(500) * 1000)
#define TRY_MAX_US (UINT64_C(10) * 1000 * 1000)
#define LOOK_US    (UINT64_C(1) * 1000 * 1000)
#define MEBIBYTE   (INT64_C(1) << 20)

static const char *const state_names[] = {
    [DISK_FINE] = "fine",           [DISK_LOW] = "low",       [DISK_FULL] = "full",
    [DISK_READ_ONLY] = "read_only", [DISK_FAILED] = "failed", [DISK_DAMAGED] = "damaged",
};

static const char *const meanings[] = {
    [DISK_FULL] = "the disk is full: free some space",
    [DISK_READ_ONLY] = "the disk is read-only: look at the kernel's log, check the file system",
    [DISK_FAILED] = "the disk failed (input/output error): look at the kernel's log, replace it",
    [DISK_DAMAGED] = "the database is damaged: it is set aside and rebuilt from HQ",
};

const char *disk_state_name(enum disk_state state)
{
    return state_names[state];
}

bool disk_usable(const struct manager *manager)
{
    const struct disk *disk = &manager->disk;

    return !disk->absent && disk->taken_up && disk->state != DISK_DAMAGED;
}

static bool refuse(struct answer *answer, const char *format, ...) _printf_(2, 3);
static bool refuse(struct answer *answer, const char *format, ...)
{
    va_list arguments;

    answer->outcome = OUTCOME_OUT_OF_ORDER;
    answer->session = 0;
    va_start(arguments, format);
    vsnprintf(answer->reason, sizeof(answer->reason), format, arguments);
    va_end(arguments);
    return true;
}

bool disk_refuses(struct manager *manager, struct answer *answer)
{
    return !disk_usable(manager) && refuse(answer, "%s", manager->disk.detail);
}

bool disk_refuses_grant(struct manager *manager, struct answer *answer)
{
    int64_t waiting = store_last_event(manager->store) - manager->uplink.acked;

    if (manager->disk.state == DISK_LOW)
        return refuse(answer, "%s", manager->disk.detail);
    if (waiting >= manager->config.outbox_max)
        return refuse(answer, "%" PRId64 " events wait for HQ, which is the limit: connect HQ",
                      waiting);
    return false;
}

static void set_state(struct manager *manager, enum disk_state state, const char *detail)
{
    struct disk *disk = &manager->disk;

    snprintf(disk->detail, sizeof(disk->detail), "%s", detail);
    if (disk->state == state)
        return;
    disk->state = state;
    disk->since_ms = clock_now_ms();
    disk->wait_us = TRY_MIN_US;
    disk->next_us = clock_boot_us() + TRY_MIN_US;
    bus_tell_properties(manager);
    uplink_tell(manager);
}

static enum disk_state state_of(int r)
{
    switch (r) {
    case -ENOSPC:
    case -EDQUOT:
        return DISK_FULL;
    case -EROFS:
        return DISK_READ_ONLY;
    case -EIO:
        return DISK_FAILED;
    case -EUCLEAN:
        return DISK_DAMAGED;
    default:
        return DISK_FINE; /* not the disk's fault */
    }
}

/* As state_of(); SQLite often says "I/O error" where the file system knows better. */
static enum disk_state look_closer(const struct manager *manager, int r)
{
    enum disk_state state = state_of(r);
    struct statvfs fs;

    if (state != DISK_FAILED || statvfs(manager->state, &fs) < 0)
        return state;
    return fs.f_flag & ST_RDONLY ? DISK_READ_ONLY : fs.f_bavail == 0 ? DISK_FULL : state;
}

int disk_failed(struct manager *manager, int r, const char *doing)
{
    struct disk *disk = &manager->disk;
    enum disk_state state = look_closer(manager, r);

    if (state == DISK_FINE) {
        log_error("the store failed while %s: %s; nothing was changed, doors stay shut", doing,
                  strerror(-r));
        return r;
    }
    /* A stand-in takes nothing, whatever the reason is; damage is the reason of all that follows.
     */
    if (disk->absent || disk->state == DISK_DAMAGED || disk->state == state) {
        log_debug("the store failed again while %s: %s", doing, strerror(-r));
        return r;
    }
    log_error("while %s: %s. Nothing was changed, and no door is opened until it is mended; it is "
              "tried again all the time.",
              doing, meanings[state]);
    set_state(manager, state, meanings[state]);
    return r;
}

/* ---- opening ---- */

static int stand_in(struct manager *manager)
{
    struct store *store = NULL;
    int r = store_open_standin(manager->config.name, manager->boot, &store);

    if (r < 0)
        return log_errno(r, "there is no memory for a store that stands in");
    store_abandon(manager->store);
    manager->store = store;
    manager->disk.absent = true;
    manager->disk.taken_up = false;
    manager_forget(manager);
    return 0;
}

/* Opens the real store in place of the stand-in. */
static int open_real(struct manager *manager)
{
    _cleanup_free_ char *problem = NULL;
    struct disk *disk = &manager->disk;
    struct store *store = NULL;
    int r = 0;

    if (disk->aside_due) {
        r = store_set_aside(manager->state, clock_now_ms());
        if (r < 0)
            return log_errno(r, "the damaged store in %s cannot be set aside", manager->state);
        disk->aside_due = false;
    }
    r = store_open(manager->state, manager->config.name, manager->boot, &store, &problem);
    if (r < 0) {
        log_error("%s", problem ? problem : strerror(-r));
        disk->aside_due = r == -EUCLEAN;
        return r;
    }
    if (store_rescue_note(store))
        log_warning("%s; the orders come from HQ again", store_rescue_note(store));
    store_free(manager->store);
    manager->store = store;
    disk->absent = false;
    r = manager_read_store(manager);
    if (r < 0) {
        /* It opened, but what was read is wrong. */
        disk->aside_due = r == -EUCLEAN;
        (void)stand_in(manager);
    }
    return r;
}

/* Once a start, and after the store was exchanged: what has to be written before anything else. */
static int take_up(struct manager *manager)
{
    int r = manager->disk.taken_up ? 0 : manager_note_start(manager);

    if (r == 0)
        manager->disk.taken_up = true;
    return r;
}

int disk_open(struct manager *manager)
{
    int r = stand_in(manager);

    if (r < 0)
        return r;
    r = open_real(manager);
    if (r == -EUCLEAN)
        r = open_real(manager);
    if (r == 0)
        r = take_up(manager);
    if (r == -ENOMEM || r == -ENOTSUP)
        return r;
    if (r < 0) {
        enum disk_state state = look_closer(manager, state_of(r) ? r : -EIO);

        log_error("the bank starts without its store: %s. No door is opened until it is mended; it "
                  "is tried again all the time.",
                  meanings[state]);
        set_state(manager, state, meanings[state]);
        if (state == DISK_DAMAGED && !manager->disk.absent) {
            manager->disk.aside_due = true;
            return stand_in(manager);
        }
    }
    return 0;
}

/* ---- trying again ---- */

static int probe(struct manager *manager)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = store_set_integer(manager->store, "probe", clock_now_ms());
    return store_finish(manager->store, r);
}

static int try_again(struct manager *manager)
{
    struct disk *disk = &manager->disk;
    int r = 0;

    if (disk->state == DISK_DAMAGED && !disk->absent) {
        disk->aside_due = true;
        r = stand_in(manager);
    }
    if (r == 0 && disk->absent)
        r = open_real(manager);
    if (r == 0)
        r = take_up(manager);
    return r < 0 ? r : probe(manager);
}

static void follow_trouble(struct manager *manager, uint64_t now_us)
{
    struct disk *disk = &manager->disk;
    enum disk_state state;
    int r;

    if (now_us < disk->next_us)
        return;
    r = try_again(manager);
    if (r == 0) {
        log_notice("the store is well again; the bank works on");
        set_state(manager, DISK_FINE, "");
        uplink_resume(manager);
        return;
    }
    state = look_closer(manager, r);
    if (state != DISK_FINE && state != disk->state) {
        log_error("the store cannot be used: %s", meanings[state]);
        set_state(manager, state, meanings[state]);
        return;
    }
    disk->next_us = now_us + disk->wait_us;
    disk->wait_us = disk->wait_us * 2 > TRY_MAX_US ? TRY_MAX_US : disk->wait_us * 2;
}

/* Free space: below the reserve nothing begins, so that what runs can be recorded to its end. */
static void look(struct manager *manager, uint64_t now_us)
{
    int64_t reserve = manager->config.reserve_bytes;
    struct disk *disk = &manager->disk;
    char detail[sizeof(disk->detail)];
    int r;

    if (disk->absent || (disk->looked_us && now_us - disk->looked_us < LOOK_US))
        return;
    disk->looked_us = now_us;
    r = store_size(manager->store, &disk->size);
    if (r < 0) {
        disk_failed(manager, r, "looking at the free space");
        return;
    }
    /* A little more than the reserve must be free before it ends, or it would come and go. */
    if (disk->size.disk_free_bytes < reserve && disk->state == DISK_FINE) {
        snprintf(detail, sizeof(detail),
                 "only %" PRId64 " MiB are free on the disk, fewer than the reserve of %" PRId64
                 " MiB: free some space",
                 disk->size.disk_free_bytes / MEBIBYTE, reserve / MEBIBYTE);
        log_error("%s; no door is opened for anybody new until then", detail);
        set_state(manager, DISK_LOW, detail);
    } else if (disk->state == DISK_LOW && disk->size.disk_free_bytes >= reserve + reserve / 8) {
        log_notice("there is enough free space on the disk again");
        set_state(manager, DISK_FINE, "");
        uplink_resume(manager);
    }
}

void disk_tick(struct manager *manager)
{
    uint64_t now_us = clock_boot_us();

    look(manager, now_us);
    if (manager->disk.state > DISK_LOW)
        follow_trouble(manager, now_us);
}
