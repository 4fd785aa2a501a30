/* The hand-over between the loop and the lock thread: pulses one way, events the other. Inner part
 * of kiosk/lock-thread.h. Every function takes the lock itself and holds it only to copy. */
#pragma once

#include "kiosk/lock-thread.h"

#include <pthread.h>

/* Room for the loop's absence. Sensor changes leave the last part to the coil's events, of which
 * there are at most two for each pulse that can wait. */
#define LOCK_EVENTS_MAX  512
#define LOCK_EVENTS_COIL (2 * LOCK_THREAD_QUEUE_MAX + 16)

struct lock_pulse {
    uint64_t grant;
    uint32_t door;
    char boot[33];
    uint64_t deadline_us;
    unsigned attempt, pulses;
};

struct lock_mailbox {
    pthread_mutex_t mutex;
    int loop_fd;   /* eventfd, readable while there are events */
    int thread_fd; /* eventfd, readable when the thread has something to do */

    struct lock_pulse pulses[LOCK_THREAD_QUEUE_MAX];
    size_t first_pulse, n_pulses;

    struct lock_event events[LOCK_EVENTS_MAX];
    size_t first_event, n_events;
    struct lock_event *newest; /* [door - 1]: sensor changes that found no room; door 0 = none */
    size_t n_doors, n_newest;

    bool stop, ended;
};

int lock_mailbox_init(struct lock_mailbox *mailbox, size_t n_doors);
void lock_mailbox_done(struct lock_mailbox *mailbox);

/* The thread's side. */
void lock_mailbox_tell(struct lock_mailbox *mailbox, const struct lock_event *event);
bool lock_mailbox_take_pulse(struct lock_mailbox *mailbox, struct lock_pulse *ret_pulse);
bool lock_mailbox_has_pulse(struct lock_mailbox *mailbox);
/* Empties thread_fd; false when the thread shall end. */
bool lock_mailbox_go_on(struct lock_mailbox *mailbox);
void lock_mailbox_end(struct lock_mailbox *mailbox);

/* The loop's side. */
int lock_mailbox_ask(struct lock_mailbox *mailbox, const struct lock_pulse *pulse);
bool lock_mailbox_take(struct lock_mailbox *mailbox, struct lock_event *ret_event);
void lock_mailbox_ask_stop(struct lock_mailbox *mailbox);
