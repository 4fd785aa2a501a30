#include "daemon/housekeeping.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/timekeeper.h"

/* What is due in one transaction. *ret_sweep is how far it came, to be kept after the commit. */
static int keep(struct manager *manager, int64_t now_ms, struct store_sweep *ret_sweep)
{
    const struct bank_config *config = &manager->config;
    int64_t event_ms = now_ms - config->event_keep_ms, drop_ms = now_ms - config->order_keep_ms;
    int64_t waiting_ms = INT64_MAX;
    int r = store_waiting_since(manager->store, manager->uplink.acked, &waiting_ms);

    /* An order stays as long as HQ may not know all that happened to it. */
    if (r == 0)
        r = store_sweep_ended(manager->store, now_ms - config->retention_ms,
                              waiting_ms < drop_ms ? waiting_ms : drop_ms, ret_sweep);
    if (r == 0)
        r = audit_prune(manager->store, manager->uplink.acked, event_ms);
    return r < 0 ? r : store_prune(manager->store, event_ms);
}

void housekeeping_tick(struct manager *manager)
{
    struct store_sweep sweep = manager->sweep;
    int64_t now_ms = timekeeper_now_ms(manager);
    int r;

    if (!timekeeper_trusted(manager) || store_in_batch(manager->store))
        return; /* a wrong clock must not erase */
    r = store_begin(manager->store);
    if (r == 0)
        r = store_finish(manager->store, keep(manager, now_ms, &sweep));
    if (r == 0) {
        manager->sweep = sweep;
        r = store_tidy(manager->store, sweep.erased > 0);
    }
    if (r < 0) {
        manager_store_failed(manager, r, "housekeeping");
        return;
    }
    if (sweep.erased > 0)
        log_info("erased the persons of %d orders that have ended, %d of them wholly", sweep.erased,
                 sweep.dropped);
}
