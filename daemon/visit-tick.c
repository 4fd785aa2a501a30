/* What is due by time: grants that nobody reported on, sessions that nobody ended. */
#include "daemon/visit-turn.h"

#include <string.h>

#define RESULT_SHOWN_US (UINT64_C(20) * 1000 * 1000) /* then a result ends by itself */

static uint64_t patience_us(const struct manager *manager)
{
    const struct bank_config *config = &manager->config;

    switch (manager->session.state) {
    case SESSION_COLLECTED:
    case SESSION_FAILED:
        return RESULT_SHOWN_US;
    case SESSION_WAITING:
    case SESSION_STOCK_CONFIRM:
        return (uint64_t)config->session_timeout_ms * 1000;
    case SESSION_OPENING:
    case SESSION_STOCK_OPENING:
    case SESSION_RETRIEVE_OPENING:
    case SESSION_INSPECT_OPENING:
        return UINT64_MAX; /* ends with its grant */
    default:
        /* The kiosk reports an open door after close_timeout; without one we stop waiting later. */
        return (uint64_t)(config->close_timeout_ms + config->report_timeout_ms) * 1000;
    }
}

void visit_tick(struct manager *manager)
{
    struct grant grants[ORDER_PARCELS_MAX];
    uint64_t now_us = clock_boot_us(),
             slack_us = (uint64_t)manager->config.report_timeout_ms * 1000;
    int n = store_grants_out(manager->store, grants, ELEMENTSOF(grants));

    for (int i = 0; i < n; i++) {
        bool other_boot = strcmp(grants[i].boot, manager->boot) != 0;
        uint64_t since_us = other_boot ? manager->started_us : grants[i].deadline_us;
        int r;

        if (now_us < since_us + slack_us)
            continue;
        r = visit_judge(manager, &grants[i],
                        manager->sensors[grants[i].door - 1] == SENSOR_OPEN ? GRANT_OPENED
                                                                            : GRANT_UNKNOWN);
        if (r < 0)
            manager_store_failed(manager, r, "judging a grant");
    }
    if (n < 0)
        manager_store_failed(manager, n, "reading grants");
    if (manager->session.id && patience_us(manager) != UINT64_MAX &&
        now_us - manager->session_moved_us > patience_us(manager)) {
        int r = visit_end(manager, manager->session.id, "timeout");

        if (r < 0)
            manager_store_failed(manager, r, "ending a session");
    }
}
