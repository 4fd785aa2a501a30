#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/common/mqtt-client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void on_message(void *userdata, const struct mqtt_message *message)
{
    struct client *client = userdata;
    unsigned number;

    assert_int_equal(message->payload[message->payload_bytes], '\0');
    if (client->n_again > 0)
        assert_string_equal(client->last_payload, message->payload);
    snprintf(client->last_payload, sizeof(client->last_payload), "%s", message->payload);
    if (client->n_again < client->again) {
        client->n_again++;
        mqtt_again(client->mqtt, client->again_ms);
        return;
    }
    client->n_again = 0;
    if (sscanf(message->payload, "number %u", &number) == 1 && number != client->n_messages)
        client->in_order = false;
    client->n_messages++;
    client->last_bytes = message->payload_bytes;
    client->last_retained = message->retained;
    snprintf(client->last_topic, sizeof(client->last_topic), "%s", message->topic);
}

static void on_drained(void *userdata)
{
    struct client *client = userdata;

    client->n_drained++;
}

static void on_state(void *userdata, enum mqtt_state state, enum mqtt_trouble trouble,
                     const char *detail)
{
    struct client *client = userdata;

    assert_int_equal(state == MQTT_WAITING, trouble != MQTT_FINE);
    client->trouble = trouble;

    client->n_connected += state == MQTT_CONNECTED;
    client->n_waiting += state == MQTT_WAITING;
    snprintf(client->detail, sizeof(client->detail), "%s", detail);
    assert_int_equal(mqtt_state(client->mqtt), state);
}

void client_open(struct client *client, struct mqtt_options options)
{
    static const char *const subscriptions[] = {"test/#", NULL};

    options.host = options.host ?: "127.0.0.1";
    options.client_id = options.client_id ?: "test-client";
    options.subscriptions = options.subscriptions ?: subscriptions;
    options.backoff_min_ms = options.backoff_min_ms ?: 20;
    options.backoff_max_ms = options.backoff_max_ms ?: 100;
    client->in_order = true;
    assert_true(sd_event_new(&client->event) >= 0);
    assert_int_equal(
        mqtt_new(client->event, &options, on_message, on_drained, on_state, client, &client->mqtt),
        0);
}

void client_close(struct client *client)
{
    client->mqtt = mqtt_free(client->mqtt);
    client->event = sd_event_unref(client->event);
}

int64_t client_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void client_run_for(struct client *client, int64_t ms)
{
    int64_t end_ms = client_now_ms() + ms;

    while (client_now_ms() < end_ms)
        assert_true(sd_event_run(client->event, 10000) >= 0);
}

int client_publish(struct client *client, const char *text)
{
    return mqtt_publish(client->mqtt, "test/echo", text, strlen(text), false);
}

void client_assert_detail(const struct client *client, const char *words)
{
    if (!strstr(client->detail, words))
        fail_msg("'%s' does not say '%s'", client->detail, words);
}
