/* The bank's D-Bus interface (docs/dbus.md). */
#pragma once

#include "daemon/manager.h"

/* Connects to `address` ("system" = the system bus), offers the object and takes the name. */
int bus_start(struct manager *manager, const char *address);

/* Signals. Before bus_start() they do nothing. */
void bus_tell_grant(struct manager *manager, const struct grant *grant);
void bus_tell_session(struct manager *manager, const struct session *session);
void bus_tell_door(struct manager *manager, uint32_t door);
void bus_tell_properties(struct manager *manager);
