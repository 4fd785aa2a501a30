#include "daemon/timekeeper.h"

#include "common/log.h"
#include "daemon/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAVE_EVERY_MS (60 * 1000)
#define LOOK_EVERY_US (1000 * 1000)
#define RETRY_US      (10 * 1000 * 1000) /* after the store has failed */

static void read_clock(const struct manager *manager, struct clock_reading *ret_reading)
{
    const struct bank_config *config = &manager->config;
    const struct clock_source source = {
        .file = strcmp(config->clock_source, "file") == 0 ? config->clock_file : NULL,
        .file_age_ms = config->clock_file_age_ms,
    };

    clock_read(&source, ret_reading);
}

int timekeeper_restore(struct manager *manager)
{
    struct clock_trust *trust = &manager->clock.trust;
    _cleanup_free_ char *boot = NULL;
    struct clock_reading reading;
    int64_t anchor_us = 0, until_us = 0;
    int r = store_get_integer(manager->store, "clock_floor", &trust->floor_ms);

    if (r >= 0)
        r = store_get_integer(manager->store, "clock_anchor", &trust->anchor_ms);
    if (r >= 0)
        r = store_get_integer(manager->store, "clock_anchor_us", &anchor_us);
    if (r >= 0)
        r = store_get_integer(manager->store, "clock_until_us", &until_us);
    if (r >= 0)
        r = store_get_text(manager->store, "clock_boot", &boot);
    if (r < 0)
        return r;
    /* The newest event may be younger than the floor that was written. */
    if (store_newest_trusted_ms(manager->store) > trust->floor_ms)
        trust->floor_ms = store_newest_trusted_ms(manager->store);
    trust->anchor_us = (uint64_t)anchor_us;
    trust->until_us = (uint64_t)until_us;
    trust->anchored = until_us > 0;
    read_clock(manager, &reading);
    clock_trust_restore(trust, &reading, boot && strcmp(boot, manager->boot) == 0);
    manager->clock.saved_floor_ms = trust->floor_ms;
    return 0;
}

bool timekeeper_trusted(const struct manager *manager)
{
    return clock_verdict_trusted(manager->clock.trust.verdict);
}

int64_t timekeeper_now_ms(struct manager *manager)
{
    struct timekeeper *clock = &manager->clock;
    enum clock_verdict before = clock->trust.verdict, verdict;
    struct clock_reading reading;

    read_clock(manager, &reading);
    verdict = clock_trust_judge(&clock->trust, &reading, manager->config.holdover_ms);
    if (verdict != before || !clock->since_us) {
        clock->since_us = reading.boot_us;
        if (clock_verdict_trusted(verdict))
            log_info("%s", clock_verdict_text(verdict));
        else
            log_warning("%s; until then drops, slots and remote commands wait",
                        clock_verdict_text(verdict));
    }
    store_set_clock_trusted(manager->store, clock_verdict_trusted(verdict));
    return clock_trust_time_ms(&clock->trust, reading.wall_ms);
}

int64_t timekeeper_stamp_ms(const struct manager *manager)
{
    int64_t now_ms = clock_now_ms(),
            believed_ms = clock_trust_time_ms(&manager->clock.trust, now_ms);

    return believed_ms > 0 ? believed_ms : now_ms;
}

static int write_trust(struct manager *manager, const struct clock_trust *trust)
{
    int r = store_set_integer(manager->store, "clock_floor", trust->floor_ms);

    if (r >= 0)
        r = store_set_integer(manager->store, "clock_anchor", trust->anchor_ms);
    if (r >= 0)
        r = store_set_integer(manager->store, "clock_anchor_us", (int64_t)trust->anchor_us);
    if (r >= 0)
        r = store_set_integer(manager->store, "clock_until_us",
                              trust->anchored ? (int64_t)trust->until_us : 0);
    if (r >= 0)
        r = store_set_text(manager->store, "clock_boot", manager->boot);
    return r;
}

static int report(struct manager *manager)
{
    const struct clock_trust *trust = &manager->clock.trust;

    return audit_add(manager->store, "clock",
                     json_pack("{sb ss sI}", "trusted", (int)timekeeper_trusted(manager), "why",
                               clock_verdict_name(trust->verdict), "floor",
                               (json_int_t)trust->floor_ms));
}

static int save(struct manager *manager, bool changed)
{
    struct timekeeper *clock = &manager->clock;
    int r = store_begin(manager->store);

    if (r >= 0)
        r = write_trust(manager, &clock->trust);
    if (r >= 0 && changed)
        r = report(manager);
    r = store_finish(manager->store, r);
    if (r < 0)
        return manager_store_failed(manager, r, "noting the time");
    clock->saved_floor_ms = clock->trust.floor_ms;
    clock->reported = true;
    clock->reported_trusted = timekeeper_trusted(manager);
    return 0;
}

static int lower(struct manager *manager, struct clock_trust *trust, int64_t floor_ms,
                 const char *actor, const char *reason, const char *document)
{
    int64_t from_ms = trust->floor_ms;
    int r = clock_trust_lower(trust, floor_ms);

    if (r >= 0)
        r = write_trust(manager, trust);
    if (r >= 0 && document)
        r = store_set_text(manager->store, "clock_document", document);
    if (r >= 0)
        r = audit_add(manager->store, "clock_floor_lowered",
                      json_pack("{sI sI ss ss}", "from", (json_int_t)from_ms, "to",
                                (json_int_t)floor_ms, "actor", actor, "reason", reason));
    return r;
}

/* `document`: the id of HQ's document, or NULL. */
static int lower_now(struct manager *manager, int64_t floor_ms, const char *actor,
                     const char *reason, const char *document)
{
    struct clock_trust trust;
    int r;

    (void)timekeeper_now_ms(manager);
    trust = manager->clock.trust;
    store_set_clock_trusted(manager->store, false); /* nobody knows the time of this event */
    r = store_begin(manager->store);
    if (r >= 0)
        r = lower(manager, &trust, floor_ms, actor, reason, document);
    r = store_finish(manager->store, r);
    if (r < 0)
        return r;
    manager->clock.trust = trust;
    manager->clock.saved_floor_ms = trust.floor_ms;
    log_notice("%s has lowered the floor of the clock: %s", actor, reason);
    (void)timekeeper_now_ms(manager);
    return 0;
}

int timekeeper_lower(struct manager *manager, int64_t floor_ms, const char *actor,
                     const char *reason)
{
    return lower_now(manager, floor_ms, actor, reason, NULL);
}

/* HQ's word on the floor, each document once; looked at only while the floor is in the way. */
static void take_document(struct manager *manager)
{
    _cleanup_free_ char *seen = NULL;
    json_auto_t *document = NULL;
    int r = store_find_document(manager->store, "clock", manager->config.name, &document);
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *actor = json_string_value(json_object_get(document, "actor"));
    const char *reason = json_string_value(json_object_get(document, "reason"));
    const json_t *floor = json_object_get(document, "floor");
    char who[48];

    if (r > 0)
        r = store_get_text(manager->store, "clock_document", &seen);
    if (r < 0 || !id || !json_is_integer(floor) || (seen && strcmp(seen, id) == 0))
        return;
    snprintf(who, sizeof(who), "hq:%s", actor ? actor : "");
    r = lower_now(manager, json_integer_value(floor), who, reason ? reason : "", id);
    if (r < 0 && r != -EINVAL)
        manager_store_failed(manager, r, "lowering the floor of the clock");
}

void timekeeper_tick(struct manager *manager)
{
    struct timekeeper *clock = &manager->clock;
    bool changed, due;
    uint64_t now_us;

    (void)timekeeper_now_ms(manager);
    now_us = clock_boot_us();
    if (now_us < clock->retry_us || store_in_batch(manager->store))
        return;
    if (clock->trust.verdict == CLOCK_BELOW_FLOOR && now_us >= clock->look_us) {
        clock->look_us = now_us + LOOK_EVERY_US;
        take_document(manager);
    }
    changed = !clock->reported || clock->reported_trusted != timekeeper_trusted(manager);
    due = clock->trust.floor_ms - clock->saved_floor_ms >= SAVE_EVERY_MS;
    if (!changed && !due)
        return;
    clock->retry_us = now_us + RETRY_US;
    if (save(manager, changed) < 0)
        return;
    clock->retry_us = 0;
}

void timekeeper_save(struct manager *manager)
{
    (void)timekeeper_now_ms(manager);
    if (manager->clock.trust.floor_ms != manager->clock.saved_floor_ms)
        (void)save(manager, false);
}
