#include "common/mqtt-thread.h"
#include "common/mqtt-link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>

#define GOODBYE_MS 1000 /* for acknowledgements, and again for DISCONNECT to be written */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the link, the loop or the time; returns what the link is ready for. */
static short wait_for(struct mqtt *mqtt, const struct mqtt_link *link, int64_t timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = mqtt->mailbox.thread_fd, .events = POLLIN},
        {.fd = -1},
    };
    eventfd_t count;

    if (link && link->handle) {
        fds[1].fd = mqtt_link_fd(link);
        fds[1].events = fds[1].fd < 0 ? 0 : mqtt_link_poll_events(link);
    }
    if (poll(fds, ELEMENTSOF(fds), timeout_ms < 0 ? 0 : (int)timeout_ms) < 0)
        return 0;
    if (fds[0].revents)
        (void)eventfd_read(mqtt->mailbox.thread_fd, &count);
    return fds[1].revents;
}

static void publish_outgoing(struct mqtt *mqtt, struct mqtt_link *link)
{
    struct mqtt_item *item;

    while (link->phase == LINK_UP && (item = mqtt_mailbox_take_outgoing(&mqtt->mailbox))) {
        mqtt_link_publish(link, item);
        free(item);
    }
}

/* Until the link is up or failed, or the loop wants to stop. */
static void set_up(struct mqtt *mqtt, struct mqtt_link *link)
{
    int64_t deadline_ms = now_ms() + mqtt->options.connect_timeout_ms;

    while (link->phase < LINK_UP && !mqtt_mailbox_stopping(&mqtt->mailbox)) {
        int64_t left_ms = deadline_ms - now_ms();

        if (left_ms <= 0)
            mqtt_link_time_out(link);
        else
            mqtt_link_step(link, wait_for(mqtt, link, left_ms < 1000 ? left_ms : 1000));
    }
}

/* Until the link fails or the loop wants to stop. The library needs a turn now and then to send
 * its pings. */
static void carry(struct mqtt *mqtt, struct mqtt_link *link)
{
    int64_t turn_ms = mqtt->options.keepalive_s * 1000 / 10;

    while (link->phase == LINK_UP && !mqtt_mailbox_stopping(&mqtt->mailbox)) {
        mqtt_link_step(link, wait_for(mqtt, link, turn_ms));
        publish_outgoing(mqtt, link);
    }
}

/* What was published should arrive, then DISCONNECT; both within their time. */
static void say_goodbye(struct mqtt *mqtt, struct mqtt_link *link)
{
    int64_t deadline_ms = now_ms() + GOODBYE_MS;

    publish_outgoing(mqtt, link);
    while (link->phase == LINK_UP && mqtt->mailbox.in_flight > 0 && now_ms() < deadline_ms)
        mqtt_link_step(link, wait_for(mqtt, link, deadline_ms - now_ms()));
    if (link->phase != LINK_UP)
        return;
    mqtt_link_disconnect(link);
    deadline_ms = now_ms() + GOODBYE_MS;
    while (link->phase == LINK_UP && now_ms() < deadline_ms)
        mqtt_link_step(link, wait_for(mqtt, link, deadline_ms - now_ms()));
}

/* One connection from begin to end. Returns how long it was up, in ms; 0 = never. */
static int64_t connect_once(struct mqtt *mqtt, unsigned failures)
{
    struct mqtt_link link;
    int64_t up_ms = 0;
    char text[384];

    (void)mqtt_mailbox_take_reconnect(&mqtt->mailbox); /* this is what it asked for */
    snprintf(text, sizeof(text), "connecting to %s:%d", mqtt->options.host, mqtt->options.port);
    mqtt_mailbox_put_state(&mqtt->mailbox, MQTT_CONNECTING, MQTT_FINE, text);
    mqtt_link_open(&link, &mqtt->options, &mqtt->mailbox, failures);
    set_up(mqtt, &link);
    if (link.phase == LINK_UP) {
        int64_t since_ms = now_ms();

        mqtt_link_describe(&link, text, sizeof(text));
        mqtt_mailbox_put_state(&mqtt->mailbox, MQTT_CONNECTED, MQTT_FINE, text);
        carry(mqtt, &link);
        up_ms = now_ms() - since_ms + 1;
    }
    if (mqtt_mailbox_stopping(&mqtt->mailbox))
        say_goodbye(mqtt, &link);
    else
        mqtt_mailbox_put_state(&mqtt->mailbox, MQTT_WAITING, link.kind, link.trouble);
    mqtt_link_close(&link);
    return up_ms;
}

/* Between half and all of `backoff_ms`, so that the banks of a chain do not come back at once. */
static int64_t jittered(int64_t backoff_ms)
{
    uint32_t random = 0;

    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return backoff_ms / 2 + (int64_t)(random % (uint32_t)(backoff_ms / 2 + 1));
}

static void wait_before_next(struct mqtt *mqtt, int64_t wait_ms)
{
    int64_t until_ms = now_ms() + wait_ms;

    while (now_ms() < until_ms && !mqtt_mailbox_stopping(&mqtt->mailbox) &&
           !mqtt_mailbox_take_reconnect(&mqtt->mailbox))
        wait_for(mqtt, NULL, until_ms - now_ms());
}

void mqtt_thread_release(struct mqtt *mqtt)
{
    const struct mqtt_options *o = &mqtt->options;
    const char *const strings[] = {
        o->host,          o->client_id,  o->user,
        o->password_file, o->ca_file,    o->certificate_file,
        o->key_file,      o->will_topic, o->will_payload,
    };

    for (size_t i = 0; i < ELEMENTSOF(strings); i++)
        free((char *)strings[i]);
    for (size_t i = 0; o->subscriptions && o->subscriptions[i]; i++)
        free((char *)o->subscriptions[i]);
    free((void *)o->subscriptions);
    mqtt_mailbox_done(&mqtt->mailbox);
    free(mqtt);
}

void *mqtt_thread_run(void *userdata)
{
    struct mqtt *mqtt = userdata;
    int64_t backoff_ms = mqtt->options.backoff_min_ms;
    unsigned failures = 0;

    while (!mqtt_mailbox_stopping(&mqtt->mailbox)) {
        int64_t up_ms = connect_once(mqtt, failures);

        /* A broker that throws everybody out at once is asked less and less often. */
        if (up_ms >= backoff_ms)
            backoff_ms = mqtt->options.backoff_min_ms;
        if (up_ms == 0)
            failures++; /* perhaps the other address family works */
        wait_before_next(mqtt, jittered(backoff_ms));
        backoff_ms *= 2;
        if (backoff_ms > mqtt->options.backoff_max_ms)
            backoff_ms = mqtt->options.backoff_max_ms;
    }
    if (mqtt_mailbox_finish(&mqtt->mailbox))
        mqtt_thread_release(mqtt);
    return NULL;
}
