/* Shared by bus.c and bus-read.c only. */
#pragma once

#include "daemon/bus.h"
#include "daemon/decide.h"

int bus_append_session(sd_bus_message *message, const struct session *session);

/* Passes `r` on; what the store failed with is acted upon. */
int bus_store_read(struct manager *manager, int r);

int bus_list_orders(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_get_order(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_doors(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_list_events(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_get_status(sd_bus_message *m, void *userdata, sd_bus_error *error);
