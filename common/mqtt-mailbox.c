#include "common/mqtt-mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

int mqtt_mailbox_init(struct mqtt_mailbox *mailbox, size_t limit_bytes)
{
    *mailbox = (struct mqtt_mailbox){
        .limit_bytes = limit_bytes,
        .loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .thread_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    mailbox->last = &mailbox->first;
    mailbox->outgoing_last = &mailbox->outgoing_first;
    pthread_mutex_init(&mailbox->mutex, NULL);
    pthread_cond_init(&mailbox->room, NULL);
    pthread_cond_init(&mailbox->end, NULL);
    return mailbox->loop_fd < 0 || mailbox->thread_fd < 0 ? -errno : 0;
}

static void drop(struct mqtt_item *item)
{
    while (item) {
        struct mqtt_item *next = item->next;

        free(item);
        item = next;
    }
}

void mqtt_mailbox_done(struct mqtt_mailbox *mailbox)
{
    drop(mailbox->first);
    drop(mailbox->outgoing_first);
    closep(&mailbox->loop_fd);
    closep(&mailbox->thread_fd);
    pthread_cond_destroy(&mailbox->room);
    pthread_cond_destroy(&mailbox->end);
    pthread_mutex_destroy(&mailbox->mutex);
}

static struct mqtt_item *item_new(const char *topic, const void *payload, size_t payload_bytes)
{
    size_t topic_bytes = strlen(topic) + 1;
    struct mqtt_item *item = malloc(sizeof(*item) + topic_bytes + payload_bytes + 1);

    if (!item)
        return NULL;
    *item = (struct mqtt_item){
        .payload_bytes = payload_bytes,
        .topic = item->data,
        .payload = item->data + topic_bytes,
    };
    memcpy(item->data, topic, topic_bytes);
    if (payload_bytes > 0)
        memcpy(item->data + topic_bytes, payload, payload_bytes);
    item->data[topic_bytes + payload_bytes] = '\0';
    return item;
}

/* Cannot fail in a way that matters: a full counter is readable all the same. */
static void wake(int fd)
{
    (void)eventfd_write(fd, 1);
}

static void append(struct mqtt_mailbox *mailbox, struct mqtt_item *item)
{
    bool was_empty = !mailbox->first;

    *mailbox->last = item;
    mailbox->last = &item->next;
    mailbox->bytes += item->payload_bytes;
    if (was_empty)
        wake(mailbox->loop_fd);
}

/* Once full, waits until half is free, so that the two threads do not hand over single messages. */
static void wait_for_room(struct mqtt_mailbox *mailbox, size_t payload_bytes)
{
    if (mailbox->bytes + payload_bytes <= mailbox->limit_bytes)
        return;
    while (mailbox->bytes > 0 && !mailbox->stop &&
           (mailbox->bytes > mailbox->limit_bytes / 2 ||
            mailbox->bytes + payload_bytes > mailbox->limit_bytes))
        pthread_cond_wait(&mailbox->room, &mailbox->mutex);
}

void mqtt_mailbox_put_message(struct mqtt_mailbox *mailbox, const char *topic, const void *payload,
                              size_t payload_bytes, bool retained)
{
    struct mqtt_item *item = item_new(topic, payload, payload_bytes);

    if (!item)
        return;
    item->retain = retained;
    pthread_mutex_lock(&mailbox->mutex);
    wait_for_room(mailbox, payload_bytes);
    if (mailbox->stop)
        free(item);
    else
        append(mailbox, item);
    pthread_mutex_unlock(&mailbox->mutex);
}

static void drop_outgoing(struct mqtt_mailbox *mailbox)
{
    drop(mailbox->outgoing_first);
    mailbox->outgoing_first = NULL;
    mailbox->outgoing_last = &mailbox->outgoing_first;
    mailbox->in_flight = 0;
    mailbox->connection = 0;
    mailbox->refused = false;
}

void mqtt_mailbox_put_state(struct mqtt_mailbox *mailbox, enum mqtt_state state,
                            enum mqtt_trouble trouble, const char *detail)
{
    struct mqtt_item *item = item_new(detail, NULL, 0);

    pthread_mutex_lock(&mailbox->mutex);
    if (state != MQTT_CONNECTED)
        drop_outgoing(mailbox);
    else if (item)
        mailbox->connection = ++mailbox->n_connections;
    if (item) {
        item->is_state = true;
        item->state = state;
        item->trouble = trouble;
        item->connection = mailbox->connection;
        append(mailbox, item);
    }
    pthread_mutex_unlock(&mailbox->mutex);
}

struct mqtt_item *mqtt_mailbox_take_outgoing(struct mqtt_mailbox *mailbox)
{
    struct mqtt_item *item;

    pthread_mutex_lock(&mailbox->mutex);
    item = mailbox->outgoing_first;
    if (item) {
        mailbox->outgoing_first = item->next;
        if (!item->next)
            mailbox->outgoing_last = &mailbox->outgoing_first;
        item->next = NULL;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return item;
}

void mqtt_mailbox_acknowledged(struct mqtt_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->in_flight > 0)
        mailbox->in_flight--;
    if (mailbox->refused && mailbox->in_flight == MQTT_IN_FLIGHT_MAX / 2)
        wake(mailbox->loop_fd);
    pthread_mutex_unlock(&mailbox->mutex);
}

bool mqtt_mailbox_stopping(struct mqtt_mailbox *mailbox)
{
    bool stop;

    pthread_mutex_lock(&mailbox->mutex);
    stop = mailbox->stop;
    pthread_mutex_unlock(&mailbox->mutex);
    return stop;
}

bool mqtt_mailbox_take_reconnect(struct mqtt_mailbox *mailbox)
{
    bool reconnect;

    pthread_mutex_lock(&mailbox->mutex);
    reconnect = TAKE(mailbox->reconnect, false);
    pthread_mutex_unlock(&mailbox->mutex);
    return reconnect;
}

struct mqtt_item *mqtt_mailbox_take(struct mqtt_mailbox *mailbox, bool *ret_room)
{
    struct mqtt_item *item;

    pthread_mutex_lock(&mailbox->mutex);
    item = mailbox->first;
    if (item) {
        mailbox->first = item->next;
        if (!item->next)
            mailbox->last = &mailbox->first;
        item->next = NULL;
        mailbox->bytes -= item->payload_bytes;
        pthread_cond_signal(&mailbox->room);
    }
    if (mailbox->refused && mailbox->in_flight <= MQTT_IN_FLIGHT_MAX / 2) {
        mailbox->refused = false;
        *ret_room = true;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return item;
}

int mqtt_mailbox_publish(struct mqtt_mailbox *mailbox, unsigned connection, const char *topic,
                         const void *payload, size_t payload_bytes, bool retain)
{
    struct mqtt_item *item = item_new(topic, payload, payload_bytes);
    int r = 0;

    if (!item)
        return -ENOMEM;
    item->retain = retain;
    pthread_mutex_lock(&mailbox->mutex);
    if (connection == 0 || connection != mailbox->connection) {
        r = -ENOTCONN;
    } else if (mailbox->in_flight >= MQTT_IN_FLIGHT_MAX) {
        mailbox->refused = true;
        r = -EAGAIN;
    } else {
        bool was_empty = !mailbox->outgoing_first;

        mailbox->in_flight++;
        *mailbox->outgoing_last = item;
        mailbox->outgoing_last = &item->next;
        item = NULL;
        if (was_empty)
            wake(mailbox->thread_fd);
    }
    pthread_mutex_unlock(&mailbox->mutex);
    free(item);
    return r;
}

void mqtt_mailbox_ask_stop(struct mqtt_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->stop = true;
    pthread_cond_signal(&mailbox->room);
    pthread_mutex_unlock(&mailbox->mutex);
    wake(mailbox->thread_fd);
}

void mqtt_mailbox_ask_reconnect(struct mqtt_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->reconnect = true;
    pthread_mutex_unlock(&mailbox->mutex);
    wake(mailbox->thread_fd);
}

bool mqtt_mailbox_finish(struct mqtt_mailbox *mailbox)
{
    bool abandoned;

    pthread_mutex_lock(&mailbox->mutex);
    mailbox->finished = true;
    abandoned = mailbox->abandoned;
    pthread_cond_signal(&mailbox->end);
    pthread_mutex_unlock(&mailbox->mutex);
    return abandoned;
}

bool mqtt_mailbox_wait_finished(struct mqtt_mailbox *mailbox, unsigned timeout_s)
{
    struct timespec until;
    bool finished;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_s;
    pthread_mutex_lock(&mailbox->mutex);
    while (!mailbox->finished && r == 0)
        r = pthread_cond_clockwait(&mailbox->end, &mailbox->mutex, CLOCK_MONOTONIC, &until);
    finished = mailbox->finished;
    mailbox->abandoned = !finished;
    pthread_mutex_unlock(&mailbox->mutex);
    return finished;
}
