/* An MQTT connection with a loop of its own and a record of what came out of it. */
#pragma once

#include "common/mqtt.h"

#include <systemd/sd-event.h>

#define CLIENT_WAIT_MS 10000

struct client {
    sd_event *event;
    struct mqtt *mqtt;
    unsigned n_messages, n_drained, n_connected, n_waiting;
    unsigned again, again_ms; /* how often it wants each message once more, and how much later */
    unsigned n_again;         /* how often it had the present one so far */
    size_t last_bytes;
    bool last_retained;
    bool in_order; /* of messages "number 0", "number 1" … */
    enum mqtt_trouble trouble;
    char last_topic[128], last_payload[256], detail[384];
};

/* Fills in what is not given: 127.0.0.1, a client id, a subscription to test/#, a short back-off.
 */
void client_open(struct client *client, struct mqtt_options options);
/* Harmless when it is not open. */
void client_close(struct client *client);
int64_t client_now_ms(void);
/* Runs the loop for a time in which nothing may happen. */
void client_run_for(struct client *client, int64_t ms);
/* Publishes to test/echo. */
int client_publish(struct client *client, const char *text);
/* Fails unless the last change of state was explained with these words. */
void client_assert_detail(const struct client *client, const char *words);

/* Runs the client's loop until `condition` holds. */
#define client_run_until(client, condition)                                                        \
    do {                                                                                           \
        int64_t _end_ms = client_now_ms() + CLIENT_WAIT_MS;                                        \
        while (!(condition)) {                                                                     \
            if (client_now_ms() > _end_ms)                                                         \
                fail_msg("never: %s; last state: %s", #condition, (client)->detail);               \
            assert_true(sd_event_run((client)->event, 50000) >= 0);                                \
        }                                                                                          \
    } while (0)
