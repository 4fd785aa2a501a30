/* The dictionaries of docs/dbus.md into a plain struct. Inner part of bank-client. */
#pragma once

#include "kiosk/bank-client.h"

/* Reads an a{sv}; members that it does not know are left out. -errno of the message. */
int bank_info_read(sd_bus_message *message, struct bank_info *ret_info);
