/* What a door's sensor says. The names are those of Attach() in docs/dbus.md. */
#pragma once

enum sensor {
    SENSOR_FAULTY, /* does not answer, or does not come to rest */
    SENSOR_CLOSED,
    SENSOR_OPEN,
};

/* "faulty", "closed" or "open". */
const char *sensor_name(enum sensor sensor);
