#include "common/link-health.h"

#include <stdio.h>
#include <string.h>

static bool change(struct link_health *health, bool up, enum mqtt_trouble trouble,
                   const char *detail, int64_t now_ms, uint64_t boot_us)
{
    bool changed = health->up != up || health->trouble != trouble || !health->since_us;

    snprintf(health->detail, sizeof(health->detail), "%s", detail);
    if (!changed)
        return false;
    health->up = up;
    health->trouble = trouble;
    health->since_ms = now_ms;
    health->since_us = boot_us;
    return true;
}

bool link_health_note(struct link_health *health, enum mqtt_state state, enum mqtt_trouble trouble,
                      const char *detail, int64_t now_ms, uint64_t boot_us)
{
    if (state == MQTT_CONNECTED) {
        health->attempts = 0;
        return change(health, true, MQTT_FINE, detail, now_ms, boot_us);
    }
    if (state == MQTT_CONNECTING)
        return !health->since_us && change(health, false, MQTT_FINE, detail, now_ms, boot_us);
    health->attempts++;
    return change(health, false, trouble, detail, now_ms, boot_us);
}

bool link_health_doubt(struct link_health *health, enum mqtt_trouble trouble, const char *detail,
                       int64_t now_ms, uint64_t boot_us)
{
    if (!health->up || health->trouble == trouble)
        return false;
    return change(health, true, trouble, detail, now_ms, boot_us);
}

const char *link_health_word(const struct link_health *health)
{
    if (health->trouble != MQTT_FINE)
        return mqtt_trouble_name(health->trouble);
    return health->up ? "connected" : "connecting";
}
