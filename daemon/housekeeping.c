#include "daemon/housekeeping.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/timekeeper.h"

#define ERASE_AT_ONCE 50

void housekeeping_tick(struct manager *manager)
{
    int64_t now_ms = timekeeper_now_ms(manager);
    int r, erased;

    if (!timekeeper_trusted(manager) || store_in_batch(manager->store))
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
    r = store_finish(manager->store, r);
    if (r < 0) {
        manager_store_failed(manager, r, "housekeeping");
        return;
    }
    if (erased > 0)
        log_info("erased the persons of %d orders that have ended", erased);
}
