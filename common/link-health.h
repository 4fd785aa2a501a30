/* How a program's connection to the broker is, which trouble it has and since when. Pure: states
 * come in as common/mqtt.h reports them, with the time. What is on its way again ("connecting")
 * keeps the trouble that it had, so that an engineer sees the cause and not the attempt. */
#pragma once

#include "common/mqtt.h"

struct link_health {
    bool up;
    enum mqtt_trouble trouble; /* MQTT_FINE while up, and before the first attempt has ended */
    char detail[384];          /* a sentence for an engineer */
    int64_t since_ms;          /* wall clock: since when up, or since when it is this trouble */
    uint64_t since_us;         /* the same moment in CLOCK_BOOTTIME; 0 = nothing was heard yet */
    unsigned attempts;         /* that came to nothing since it was up */
};

/* Folds in a change of state. Returns true when somebody should be told: it came up, it went, or
 * the trouble is another one. */
bool link_health_note(struct link_health *health, enum mqtt_state state, enum mqtt_trouble trouble,
                      const char *detail, int64_t now_ms, uint64_t boot_us);
/* A trouble that only the user of a connection can see, while it is up: MQTT_HQ_SILENT and those
 * after it; MQTT_FINE = that is over. Returns as link_health_note(). */
bool link_health_doubt(struct link_health *health, enum mqtt_trouble trouble, const char *detail,
                       int64_t now_ms, uint64_t boot_us);
/* One word: "connected", "connecting", or that of the trouble. */
const char *link_health_word(const struct link_health *health);
