/* What the kiosk itself offers on the bus: io.pickupd.Kiosk1 (docs/dbus.md), for engineers who set
 * up its cameras. It answers and changes nothing. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/scan.h"

#include <systemd/sd-bus.h>

struct kiosk_bus;

/* `scan` must outlive it. Logs. */
int kiosk_bus_new(sd_bus *bus, struct scan *scan, struct kiosk_bus **ret_kiosk_bus);
/* Accepts NULL; returns NULL. */
struct kiosk_bus *kiosk_bus_free(struct kiosk_bus *kiosk_bus);
DEFINE_CLEANUP(struct kiosk_bus *, kiosk_bus_free);
