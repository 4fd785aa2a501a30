#include "daemon/manager.h"

#include "common/credential.h"
#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/bus.h"
#include "daemon/feed-down.h"
#include "daemon/feed-work.h"
#include "daemon/housekeeping.h"
#include "daemon/uplink.h"
#include "daemon/visit.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define TICK_US            (250 * 1000)
#define HOUSEKEEP_EVERY_US (10 * 1000 * 1000)

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

/* What the last run knew of clock and keypad. */
static int restore_values(struct manager *manager)
{
    int64_t wrong = 0;
    int r = store_get_integer(manager->store, "clock_floor", &manager->trust.floor_ms);

    if (r >= 0)
        r = store_get_integer(manager->store, "trusted_until", &manager->trust.trusted_until_ms);
    if (r >= 0)
        r = store_get_integer(manager->store, "number_wrong", &wrong);
    if (r >= 0)
        r = store_get_integer(manager->store, "number_since", &manager->throttle.since_ms);
    if (r >= 0)
        r = store_get_integer(manager->store, "number_until", &manager->throttle.until_ms);
    manager->throttle.wrong = (uint32_t)wrong;
    return r < 0 ? r : 0;
}

static int note_start(struct manager *manager)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = audit_add(manager->store, "boot", json_pack("{ss}", "version", PICKUP_VERSION));
    return store_finish(manager->store, r);
}

static int open_store(struct manager *manager, const char *state)
{
    _cleanup_free_ char *problem = NULL;
    int r = store_open(state, manager->config.name, manager->boot, &manager->store, &problem);

    if (r < 0) {
        log_error("%s", problem ? problem : strerror(-r));
        return r;
    }
    r = restore_values(manager);
    if (r == 0)
        r = manager_load_keys(manager);
    if (r == 0)
        r = feed_down_restore(manager);
    if (r == 0) {
        (void)manager_now_ms(manager);
        r = note_start(manager);
    }
    if (r == 0)
        r = visit_restore(manager);
    return r < 0 ? log_errno(r, "cannot take up the store in %s", state) : 0;
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
    manager->sensors = calloc(manager->doors.n, sizeof(*manager->sensors));
    if (!manager->sensors)
        return -ENOMEM;
    r = clock_boot_id(manager->boot);
    if (r < 0)
        return log_errno(r, "cannot read the boot id");
    r = load_secret(manager->config.feed_key, false, manager->feed_key, sizeof(manager->feed_key));
    if (r == 0)
        r = load_secret(manager->config.number_key, true, manager->number_key,
                        sizeof(manager->number_key));
    if (r == 0)
        r = open_store(manager, state);
    if (r < 0)
        return r;
    *ret_manager = TAKE_PTR(manager);
    return 0;
}

struct manager *manager_free(struct manager *manager)
{
    if (!manager)
        return NULL;
    if (manager->store)
        (void)store_batch_end(manager->store);
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
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct manager *manager = userdata;
    int r;

    (void)manager_now_ms(manager);
    visit_tick(manager);
    uplink_tick(manager);
    if (usec - manager->housekept_us >= HOUSEKEEP_EVERY_US) {
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
    r = sd_event_add_time_relative(manager->event, &manager->tick, CLOCK_BOOTTIME, TICK_US, 0,
                                   on_tick, manager);
    return r < 0 ? log_errno(r, "cannot start the timer") : 0;
}

int64_t manager_now_ms(struct manager *manager)
{
    int64_t now_ms = clock_now_ms();

    manager->clock_trusted = clock_trust_update(&manager->trust, now_ms, clock_synchronised(),
                                                manager->config.holdover_ms);
    store_set_clock_trusted(manager->store, manager->clock_trusted);
    return clock_trust_time_ms(&manager->trust, now_ms, manager->clock_trusted);
}

int manager_store_failed(struct manager *manager, int r, const char *doing)
{
    log_error("the store failed while %s: %s; nothing was changed, doors stay shut", doing,
              strerror(-r));
    return r;
}
