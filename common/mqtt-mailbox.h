/* The hand-over between the MQTT thread and the loop: one mailbox with a queue each way. Inner part
 * of common/mqtt.h. Every function takes the lock itself. */
#pragma once

#include "common/cleanup.h"
#include "common/mqtt.h"

#include <pthread.h>
#include <stdatomic.h>

#define MQTT_IN_FLIGHT_MAX 64

/* A message (either way), or a change of state (to the loop). Freed with free(). */
struct mqtt_item {
    struct mqtt_item *next;
    bool is_state;
    bool retain;
    enum mqtt_state state;
    enum mqtt_trouble trouble; /* MQTT_WAITING: why */
    unsigned connection;       /* is_state and MQTT_CONNECTED: which one; never 0 */
    size_t payload_bytes;
    const char *topic;   /* into `data`; the sentence when is_state */
    const char *payload; /* into `data`, terminated */
    char data[];
};

struct mqtt_mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t room; /* for the thread: the loop has caught up, or stop */
    pthread_cond_t end;  /* for the loop: finished */
    int loop_fd;         /* eventfd, readable when the loop has something to do */
    int thread_fd;       /* eventfd, readable when the thread has */

    struct mqtt_item *first, **last;
    size_t bytes, limit_bytes;

    struct mqtt_item *outgoing_first, **outgoing_last;
    _Atomic unsigned in_flight; /* outgoing queue and unacknowledged; changed under the lock */
    bool refused;               /* the loop was told -EAGAIN */
    unsigned connection;        /* the one that is up; 0 = none */
    unsigned n_connections;

    bool stop, reconnect;
    bool abandoned; /* nobody will join the thread: it frees everything */
    bool finished;  /* the thread has nothing more to do here */
};

int mqtt_mailbox_init(struct mqtt_mailbox *mailbox, size_t limit_bytes);
void mqtt_mailbox_done(struct mqtt_mailbox *mailbox);

/* The thread's side. */

/* Waits until there is room. A message is dropped when the loop has gone or memory has run out:
 * the feeds notice a gap themselves. */
void mqtt_mailbox_put_message(struct mqtt_mailbox *mailbox, const char *topic, const void *payload,
                              size_t payload_bytes, bool retained);
/* MQTT_CONNECTED opens the way for outgoing messages; the others drop those that wait. */
void mqtt_mailbox_put_state(struct mqtt_mailbox *mailbox, enum mqtt_state state,
                            enum mqtt_trouble trouble, const char *detail);
/* The next message to publish, now owned by the caller, or NULL. It stays counted as in flight. */
struct mqtt_item *mqtt_mailbox_take_outgoing(struct mqtt_mailbox *mailbox);
/* The broker has acknowledged one. */
void mqtt_mailbox_acknowledged(struct mqtt_mailbox *mailbox);
bool mqtt_mailbox_stopping(struct mqtt_mailbox *mailbox);
/* True once after mqtt_mailbox_ask_reconnect(). */
bool mqtt_mailbox_take_reconnect(struct mqtt_mailbox *mailbox);

/* The last thing that the thread does here. True when nobody joins it: it frees everything. */
bool mqtt_mailbox_finish(struct mqtt_mailbox *mailbox);

/* The loop's side. */

/* The oldest item, now owned by the caller, or NULL. *ret_room is set to true when an earlier
 * -EAGAIN no longer holds, else left alone. */
struct mqtt_item *mqtt_mailbox_take(struct mqtt_mailbox *mailbox, bool *ret_room);
/* Queues a message for the connection numbered `connection`; see mqtt_publish(). */
int mqtt_mailbox_publish(struct mqtt_mailbox *mailbox, unsigned connection, const char *topic,
                         const void *payload, size_t payload_bytes, bool retain);
void mqtt_mailbox_ask_stop(struct mqtt_mailbox *mailbox);
/* Waits for mqtt_mailbox_finish(). When it does not come in time, returns false and leaves
 * everything to the thread: the caller touches nothing of it any more. */
bool mqtt_mailbox_wait_finished(struct mqtt_mailbox *mailbox, unsigned timeout_s);
void mqtt_mailbox_ask_reconnect(struct mqtt_mailbox *mailbox);
