/* What the bank does by itself from time to time: erases persons (promise 9), drops old events. */
#pragma once

#include "daemon/manager.h"

/* A bounded amount of work; called every few seconds. */
void housekeeping_tick(struct manager *manager);
