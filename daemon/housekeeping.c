#include "daemon/housekeeping.h"

#include "common/log.h"
#include "daemon/audit.h"

#define ERASE_AT_ONCE 50

void housekeeping_tick(struct manager *manager)
{
    int64_t now_ms = manager_now_ms(manager);
    int r, erased;

    if (!manager->clock_trusted || store_in_batch(manager->store))
        return; /* a wrong clock must not erase */
    r = store_begin(manager->store);
    if (r < 0)
        return;
    erased =
        store_erase_ended(manager->store, now_ms - manager->config.retention_ms, ERASE_AT_ONCE);
    r = erased;
    if (r >= 0)
        r = audit_prune(manager->store, manager->uplink.acked,
                        now_ms - manager->config.event_keep_ms);
    if (r >= 0)
        r = store_set_integer(manager->store, "clock_floor", manager->trust.floor_ms);
    if (r >= 0)
        r = store_set_integer(manager->store, "trusted_until", manager->trust.trusted_until_ms);
    r = store_finish(manager->store, r);
    if (r < 0) {
        manager_store_failed(manager, r, "housekeeping");
        return;
    }
    if (erased > 0)
        log_info("erased the persons of %d orders that have ended", erased);
}
