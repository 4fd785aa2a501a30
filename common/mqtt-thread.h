/* The MQTT thread: connects, carries messages, waits, connects again. Inner part of common/mqtt.h.
 */
#pragma once

#include "common/mqtt-mailbox.h"

struct mqtt {
    struct mqtt_options options; /* with copies of all strings */
    struct mqtt_mailbox mailbox;
    pthread_t thread;

    /* The loop's. */
    sd_event_source *source;
    mqtt_message_fn on_message;
    mqtt_drained_fn on_drained;
    mqtt_state_fn on_state;
    void *userdata;
    enum mqtt_state state;
    unsigned connection;          /* that the loop has been told of; 0 = none */
    bool undrained;               /* messages were handed over since on_drained */
    sd_event_source *pause;       /* NULL until it is first wanted */
    bool again;                   /* on_message wants the message that it has once more … */
    unsigned again_ms;            /* … so much later … */
    struct mqtt_item *unfinished; /* … which is this one, owned */
};

/* The thread's function; `userdata` is the struct mqtt. Ends after mqtt_mailbox_ask_stop(). */
void *mqtt_thread_run(void *userdata);
/* Frees what is left when both sides are done. */
void mqtt_thread_release(struct mqtt *mqtt);
