#include "common/mqtt.h"
#include "common/mqtt-thread.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* One turn of the loop: enough to amortise the wake-up, little enough to serve somebody else. */
#define TURN_MESSAGES 16
#define TURN_BYTES    (64 * 1024)
#define GOODBYE_MAX_S 3 /* longer than the goodbye of the thread */

const char *mqtt_trouble_name(enum mqtt_trouble trouble)
{
    static const char *const names[MQTT_TROUBLE_COUNT] = {
        [MQTT_FINE] = "none",
        [MQTT_NAME] = "name",
        [MQTT_UNREACHABLE] = "unreachable",
        [MQTT_NO_ANSWER] = "no_answer",
        [MQTT_REFUSED] = "refused",
        [MQTT_TLS] = "tls",
        [MQTT_CERTIFICATE] = "certificate",
        [MQTT_TLS_NO_ANSWER] = "tls_no_answer",
        [MQTT_CONNACK_MISSING] = "connack_missing",
        [MQTT_CREDENTIALS] = "credentials",
        [MQTT_BROKER_REFUSES] = "broker_refuses",
        [MQTT_SUBSCRIPTION] = "subscription",
        [MQTT_SUBACK_MISSING] = "suback_missing",
        [MQTT_CLOSED] = "closed",
        [MQTT_BROKEN] = "broken",
        [MQTT_SILENT] = "silent",
        [MQTT_LOCAL] = "local",
        [MQTT_HQ_SILENT] = "hq_silent",
        [MQTT_HQ_UNSIGNED] = "hq_unsigned",
        [MQTT_HQ_NO_ACK] = "hq_no_ack",
    };

    return names[trouble];
}

static int copy(const char **ret_copy, const char *text)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

static int copy_subscriptions(struct mqtt_options *to, const char *const *list)
{
    const char **copies;
    size_t n = 0;

    while (list && list[n])
        n++;
    copies = calloc(n + 1, sizeof(*copies));
    to->subscriptions = copies;
    if (!copies)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (copy(&copies[i], list[i]) < 0)
            return -ENOMEM;
    return 0;
}

static int copy_options(struct mqtt_options *to, const struct mqtt_options *from)
{
    *to = (struct mqtt_options){
        .port = from->port,
        .keepalive_s = from->keepalive_s ?: 30,
        .backoff_min_ms = from->backoff_min_ms ?: 1000,
        .backoff_max_ms = from->backoff_max_ms ?: 60000,
        .connect_timeout_ms = from->connect_timeout_ms ?: 15000,
        .mailbox_bytes = from->mailbox_bytes ?: 1024 * 1024,
    };
    if (copy(&to->host, from->host) < 0 || copy(&to->client_id, from->client_id) < 0 ||
        copy(&to->user, from->user) < 0 || copy(&to->password_file, from->password_file) < 0 ||
        copy(&to->ca_file, from->ca_file) < 0 ||
        copy(&to->certificate_file, from->certificate_file) < 0 ||
        copy(&to->key_file, from->key_file) < 0 || copy(&to->will_topic, from->will_topic) < 0 ||
        copy(&to->will_payload, from->will_payload) < 0)
        return -ENOMEM;
    return copy_subscriptions(to, from->subscriptions);
}

static bool options_valid(const struct mqtt_options *options)
{
    if (!options->host || !*options->host || options->port == 0 || !options->client_id)
        return false;
    if (options->keepalive_s != 0 && (options->keepalive_s < 5 || options->keepalive_s > 65535))
        return false;
    return !options->will_topic == !options->will_payload;
}

static void deliver(struct mqtt *mqtt, const struct mqtt_item *item)
{
    if (item->is_state) {
        mqtt->state = item->state;
        mqtt->connection = item->connection;
        mqtt->on_state(mqtt->userdata, item->state, item->trouble, item->topic);
        return;
    }
    mqtt->undrained = true;
    mqtt->on_message(mqtt->userdata, &(struct mqtt_message){
                                         .topic = item->topic,
                                         .payload = item->payload,
                                         .payload_bytes = item->payload_bytes,
                                         .retained = item->retain,
                                     });
}

void mqtt_again(struct mqtt *mqtt, unsigned after_ms)
{
    mqtt->again = true;
    mqtt->again_ms = after_ms;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct mqtt *mqtt = userdata;

    return sd_event_source_set_enabled(mqtt->source, SD_EVENT_ON);
}

/* Closes the mailbox for a while. */
static int pause_mail(struct mqtt *mqtt)
{
    uint64_t after_us = mqtt->again_ms * UINT64_C(1000);
    int r;

    if (mqtt->pause) {
        r = sd_event_source_set_time_relative(mqtt->pause, after_us);
        if (r >= 0)
            r = sd_event_source_set_enabled(mqtt->pause, SD_EVENT_ONESHOT);
    } else {
        r = sd_event_add_time_relative(sd_event_source_get_event(mqtt->source), &mqtt->pause,
                                       CLOCK_MONOTONIC, after_us, 1, on_pause_over, mqtt);
    }
    return r < 0 ? r : sd_event_source_set_enabled(mqtt->source, SD_EVENT_OFF);
}

static int on_mail(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct mqtt *mqtt = userdata;
    size_t bytes = 0;
    eventfd_t count;

    (void)eventfd_read(fd, &count);
    for (int n = 0; n < TURN_MESSAGES && bytes < TURN_BYTES; n++) {
        struct mqtt_item *item = TAKE_PTR(mqtt->unfinished);

        if (!item)
            item = mqtt_mailbox_take(&mqtt->mailbox, &mqtt->undrained);
        if (!item) {
            if (TAKE(mqtt->undrained, false))
                mqtt->on_drained(mqtt->userdata);
            return 0;
        }
        bytes += item->payload_bytes;
        deliver(mqtt, item);
        if (TAKE(mqtt->again, false)) {
            mqtt->unfinished = item;
            if (mqtt->again_ms > 0)
                (void)pause_mail(mqtt); /* else it comes in the next turn */
            break;
        }
        free(item);
    }
    (void)eventfd_write(fd, 1); /* the rest in the next turn */
    return 0;
}

/* No signal of the process is ever handled in the thread; SIGPIPE becomes an error of write(). */
static int start_thread(struct mqtt *mqtt)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0) {
        r = pthread_create(&mqtt->thread, NULL, mqtt_thread_run, mqtt);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (r == 0)
        pthread_setname_np(mqtt->thread, "mqtt");
    return -r;
}

int mqtt_new(sd_event *event, const struct mqtt_options *options, mqtt_message_fn on_message,
             mqtt_drained_fn on_drained, mqtt_state_fn on_state, void *userdata,
             struct mqtt **ret_mqtt)
{
    struct mqtt *mqtt;
    int r;

    if (!options_valid(options))
        return -EINVAL;
    mqtt = calloc(1, sizeof(*mqtt));
    if (!mqtt)
        return -ENOMEM;
    mqtt->on_message = on_message;
    mqtt->on_drained = on_drained;
    mqtt->on_state = on_state;
    mqtt->userdata = userdata;
    r = mqtt_mailbox_init(&mqtt->mailbox, options->mailbox_bytes ?: 1024 * 1024);
    if (r >= 0)
        r = copy_options(&mqtt->options, options);
    if (r >= 0)
        r = sd_event_add_io(event, &mqtt->source, mqtt->mailbox.loop_fd, EPOLLIN, on_mail, mqtt);
    if (r >= 0)
        r = sd_event_source_set_priority(mqtt->source, SD_EVENT_PRIORITY_NORMAL + 10);
    if (r >= 0) {
        mosquitto_lib_init();
        r = start_thread(mqtt);
        if (r < 0)
            mosquitto_lib_cleanup();
    }
    if (r < 0) {
        sd_event_source_disable_unref(mqtt->source);
        mqtt_thread_release(mqtt);
        return r;
    }
    *ret_mqtt = mqtt;
    return 0;
}

struct mqtt *mqtt_free(struct mqtt *mqtt)
{
    pthread_t thread;

    if (!mqtt)
        return NULL;
    thread = mqtt->thread;
    sd_event_source_disable_unref(mqtt->source);
    sd_event_source_disable_unref(mqtt->pause);
    free(TAKE_PTR(mqtt->unfinished));
    mqtt_mailbox_ask_stop(&mqtt->mailbox);
    if (!mqtt_mailbox_wait_finished(&mqtt->mailbox, GOODBYE_MAX_S)) {
        pthread_detach(thread);
        return NULL;
    }
    pthread_join(thread, NULL);
    mosquitto_lib_cleanup();
    mqtt_thread_release(mqtt);
    return NULL;
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload, size_t payload_bytes,
                 bool retain)
{
    size_t n_topic = strlen(topic);

    if (n_topic == 0 || mosquitto_pub_topic_check(topic) != MOSQ_ERR_SUCCESS ||
        mosquitto_validate_utf8(topic, (int)n_topic) != MOSQ_ERR_SUCCESS ||
        payload_bytes > MQTT_MAX_PAYLOAD)
        return -EINVAL;
    return mqtt_mailbox_publish(&mqtt->mailbox, mqtt->connection, topic, payload, payload_bytes,
                                retain);
}

unsigned mqtt_in_flight(const struct mqtt *mqtt)
{
    return mqtt->mailbox.in_flight;
}

enum mqtt_state mqtt_state(const struct mqtt *mqtt)
{
    return mqtt->state;
}

void mqtt_reconnect(struct mqtt *mqtt)
{
    mqtt_mailbox_ask_reconnect(&mqtt->mailbox);
}
