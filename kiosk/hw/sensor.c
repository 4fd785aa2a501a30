#include "kiosk/hw/sensor.h"

const char *sensor_name(enum sensor sensor)
{
    static const char *const names[] = {"faulty", "closed", "open"};

    return names[sensor];
}
