/* The connection to HQ: routes what comes down, sends events and status up (docs/protocol.md). */
#pragma once

#include "daemon/manager.h"

int uplink_start(struct manager *manager);
/* Says goodbye, because the last will is not published when we leave in order. */
void uplink_stop(struct manager *manager);
/* What HQ has acknowledged, from the store. */
int uplink_restore(struct manager *manager);
/* Sends a status now, because something in it has changed. */
void uplink_tell(struct manager *manager);
/* The store works again: takes up feed and events where they stand. */
void uplink_resume(struct manager *manager);
/* Sends events that HQ has not acknowledged, a few messages in flight. */
void uplink_send(struct manager *manager);
/* What is due by time: resending, status, polling. */
void uplink_tick(struct manager *manager);
