#include "daemon/manager.h"

#include "common/credential.h"
#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/door-book.h"
#include "daemon/feed-down.h"
#include "daemon/feed-work.h"
#include "daemon/housekeeping.h"
#include "daemon/timekeeper.h"
#include "daemon/uplink.h"
#include "daemon/visit.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define TICK_US            (250 * 1000)
#define HOUSEKEEP_EVERY_US (10 * 1000 * 1000)
#define HOUSEKEEP_SOON_US  (1000 * 1000) /* while there is more to do */

static int load_config(struct manager *manager, const char *path)
{
    struct config_mistakes mistakes = {};
    int r = bank_config_load(path, &manager->config, &mistakes);

    if (r == 0)
        r = doors_load(manager->config.doors_file, &manager->doors, &mistakes);
    config_mistakes_print(&mistakes);
    config_mistakes_done(&mistakes);
    return r;
}

static int load_secret(const char *path, bool secret, uint8_t *ret_key, size_t n)
{
    _cleanup_free_ char *problem = NULL;
    int r = credential_load(path, secret, ret_key, n, &problem);

    if (r < 0)
        log_error("%s", problem ? problem : strerror(-r));
    return r;
}

/* One public key of the feed; others are left out. */
static int take_key(void *userdata, const json_t *document)
{
    struct manager *manager = userdata;
    const char *purpose = json_string_value(json_object_get(document, "purpose"));
    const char *text = json_string_value(json_object_get(document, "public"));
    json_int_t id = json_integer_value(json_object_get(document, "key_id"));
    struct code_key key = {.key_id = (uint8_t)id}, *keys;
    size_t n = 0;

    if (!purpose || !text || id < 0 || id > UINT8_MAX ||
        json_is_true(json_object_get(document, "revoked")))
        return 0;
    if (strcmp(purpose, "code") == 0)
        key.purpose = CODE_PURPOSE_ORDER;
    else if (strcmp(purpose, "badge") == 0)
        key.purpose = CODE_PURPOSE_BADGE;
    else
        return 0;
    if (sodium_base642bin(key.public_key, sizeof(key.public_key), text, strlen(text), NULL, &n,
                          NULL, sodium_base64_VARIANT_ORIGINAL) < 0 ||
        n != sizeof(key.public_key))
        return 0;
    keys = reallocarray(manager->keys, manager->n_keys + 1, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    keys[manager->n_keys++] = key;
    manager->keys = keys;
    return 0;
}

int manager_load_keys(struct manager *manager)
{
    manager->n_keys = 0;
    return store_each_document(manager->store, "key", take_key, manager);
}

/* What the last run knew of the keypad. */
static int restore_throttle(struct manager *manager)
{
    _cleanup_free_ char *boot = NULL;
    int64_t wrong = 0;
    int r = store_get_integer(manager->store, "number_wrong", &wrong);

    if (r >= 0)
        r = store_get_integer(manager->store, "number_since", &manager->throttle.since_ms);
    if (r >= 0)
        r = store_get_integer(manager->store, "number_until", &manager->throttle.until_ms);
    if (r >= 0)
        r = store_get_text(manager->store, "number_boot", &boot);
    if (r < 0)
        return r;
    manager->throttle.wrong = (uint32_t)wrong;
    if (!boot || strcmp(boot, manager->boot) != 0)
        number_throttle_reboot(&manager->throttle, (int64_t)(clock_boot_us() / 1000));
    return 0;
}

int manager_read_store(struct manager *manager)
{
    int64_t floor_ms = manager->clock.trust.floor_ms;
    int r = timekeeper_restore(manager);

    /* A store that was lost may know less than this run does; the floor is never undercut. */
    if (manager->clock.trust.floor_ms < floor_ms)
        manager->clock.trust.floor_ms = floor_ms;
    if (r == 0)
        r = restore_throttle(manager);
    if (r == 0)
        r = manager_load_keys(manager);
    if (r == 0)
        r = feed_down_restore(manager);
    if (r == 0)
        r = uplink_restore(manager);
    (void)timekeeper_now_ms(manager);
    return r;
}

void manager_forget(struct manager *manager)
{
    memset(&manager->session, 0, sizeof(manager->session));
    memset(&manager->sweep, 0, sizeof(manager->sweep));
    manager->batch_rows = 0;
    manager->uplink.applied_due = 0;
    manager->n_keys = 0;
    (void)feed_down_restore(manager);
    (void)uplink_restore(manager);
}

/* What the kiosk said of the doors while there was no store to note it in. */
static int note_faulty_doors(struct manager *manager)
{
    int r = 0;

    for (uint32_t i = 0; manager->attached && r >= 0 && i < manager->doors.n; i++)
        r = door_book_set_faulty(manager, i + 1, manager->faulty[i]);
    return r < 0 ? r : 0;
}

int manager_note_start(struct manager *manager)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = audit_add(manager->store, "boot", json_pack("{ss}", "version", PICKUP_VERSION));
    if (r == 0)
        r = note_faulty_doors(manager);
    r = store_finish(manager->store, r);
    if (r == 0)
        r = visit_restore(manager);
    if (r == 0)
        bus_tell_session(manager, &manager->session);
    return r;
}

int manager_new(sd_event *event, const char *config, const char *state,
                struct manager **ret_manager)
{
    _cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
    int r;

    if (!manager)
        return -ENOMEM;
    manager->event = sd_event_ref(event);
    manager->started_us = clock_boot_us();
    r = feed_work_new(&manager->work);
    if (r < 0)
        return r;
    r = load_config(manager, config);
    if (r < 0)
        return r;
    manager->state = strdup(state);
    manager->sensors = calloc(manager->doors.n, sizeof(*manager->sensors));
    manager->faulty = calloc(manager->doors.n, sizeof(*manager->faulty));
    if (!manager->state || !manager->sensors || !manager->faulty)
        return -ENOMEM;
    r = clock_boot_id(manager->boot);
    if (r < 0)
        return log_errno(r, "cannot read the boot id");
    r = load_secret(manager->config.feed_key, false, manager->feed_key, sizeof(manager->feed_key));
    if (r == 0)
        r = load_secret(manager->config.number_key, true, manager->number_key,
                        sizeof(manager->number_key));
    if (r == 0)
        r = disk_open(manager);
    if (r < 0)
        return r;
    *ret_manager = TAKE_PTR(manager);
    return 0;
}

struct manager *manager_free(struct manager *manager)
{
    if (!manager)
        return NULL;
    if (manager->store) {
        (void)store_batch_end(manager->store);
        if (manager->tick)
            timekeeper_save(manager);
    }
    uplink_stop(manager);
    mqtt_free(manager->mqtt);
    sd_event_source_unref(manager->tick);
    sd_bus_slot_unref(manager->vtable);
    sd_bus_flush_close_unref(manager->bus);
    feed_work_free(manager->work);
    store_free(manager->store);
    bank_config_done(&manager->config);
    doors_done(&manager->doors);
    sodium_memzero(manager->number_key, sizeof(manager->number_key));
    free(manager->keys);
    free(manager->sensors);
    free(manager->faulty);
    free(manager->state);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}

static uint64_t housekeep_every_us(const struct manager *manager)
{
    return manager->sweep.more ? HOUSEKEEP_SOON_US : HOUSEKEEP_EVERY_US;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct manager *manager = userdata;
    int r;

    disk_tick(manager);
    if (disk_usable(manager)) {
        timekeeper_tick(manager);
        visit_tick(manager);
    } else {
        (void)timekeeper_now_ms(manager);
    }
    uplink_tick(manager);
    if (disk_usable(manager) && usec - manager->housekept_us >= housekeep_every_us(manager)) {
        manager->housekept_us = usec;
        housekeeping_tick(manager);
    }
    r = sd_event_source_set_time_relative(source, TICK_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int manager_start(struct manager *manager, const char *bus)
{
    int r = bus_start(manager, bus);

    if (r < 0)
        return r;
    r = uplink_start(manager);
    if (r < 0)
        return log_errno(r, "cannot start the connection to HQ");
    disk_tick(manager); /* the first customer may be faster than the timer */
    r = sd_event_add_time_relative(manager->event, &manager->tick, CLOCK_BOOTTIME, TICK_US, 0,
                                   on_tick, manager);
    return r < 0 ? log_errno(r, "cannot start the timer") : 0;
}

int manager_store_failed(struct manager *manager, int r, const char *doing)
{
    return disk_failed(manager, r, doing);
}
