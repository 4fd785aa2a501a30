/* The table of doors of a bank (/etc/pickup/doors.conf), read by the daemon (which door fits) and
 * by the kiosk (how it is wired and where it is drawn): one section [door N] per door, N from 1
 * without gaps. */
#pragma once

#include "common/config.h"
#include "common/order.h"

#define DOORS_MAX 512

/* One GPIO line: chip by its label or device name, line by offset or by its kernel name. */
struct door_line {
    char *chip; /* "" = find the line by name over all chips; NULL = not wired */
    char *name; /* line name, or NULL when `offset` counts */
    unsigned offset;
    bool active_low;
};

struct door {
    uint32_t number;
    enum parcel_size size;
    bool low;             /* can be reached from a wheelchair */
    unsigned column, row; /* place in the bank as seen from the front, from 1, row 1 on top */
    unsigned rows;        /* height in rows, 1 to 8 */
    struct door_line lock, sensor;
    bool sensor_open_is_active; /* the sensor line is active while the door is open */
    unsigned pulse_ms;          /* length of the coil's pulse, 10 to 2,000 */
};

struct doors {
    struct door *items; /* items[i].number == i + 1 */
    size_t n;
};

/* Reads the table. Keys of [door N]: size (S, M, L, XL), low (yes/no, standard no), column, row,
 * rows (1), lock and sensor ("chip:offset", "chip:name" or ":name", with a leading "!" for active
 * low; may be left out for a simulated bank), sensor_active (open or closed, standard open), pulse
 * (200ms). [doors] may set `pulse`, `size` and `sensor_active` for all, and `columns` (doors are
 * then laid out column by column where no place is given). Returns 0, -EINVAL with mistakes,
 * -ENOMEM. */
int doors_load(const char *path, struct doors *ret_doors, struct config_mistakes *ret_mistakes);
void doors_done(struct doors *doors);
/* The door `number`, or NULL. */
const struct door *doors_find(const struct doors *doors, uint32_t number);
/* The table of [doors] in doors.conf; the keys of a door are none of it, for whoever describes it.
 */
const struct config_item *doors_items(size_t *ret_n);
