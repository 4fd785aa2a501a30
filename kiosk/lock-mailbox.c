#include "kiosk/lock-mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>

/* Neither can fail in a way that matters: an eventfd is full only when it is readable anyway. */
static void ring(int fd)
{
    (void)!write(fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void quieten(int fd)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

int lock_mailbox_init(struct lock_mailbox *mailbox, size_t n_doors)
{
    int r;

    *mailbox = (struct lock_mailbox){.loop_fd = -1, .thread_fd = -1, .n_doors = n_doors};
    r = pthread_mutex_init(&mailbox->mutex, NULL);
    if (r != 0)
        return -r;
    mailbox->newest = calloc(n_doors ? n_doors : 1, sizeof(*mailbox->newest));
    mailbox->loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mailbox->thread_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->newest && mailbox->loop_fd >= 0 && mailbox->thread_fd >= 0)
        return 0;
    r = mailbox->newest ? -errno : -ENOMEM;
    lock_mailbox_done(mailbox);
    return r;
}

void lock_mailbox_done(struct lock_mailbox *mailbox)
{
    closep(&mailbox->loop_fd);
    closep(&mailbox->thread_fd);
    free(mailbox->newest);
    pthread_mutex_destroy(&mailbox->mutex);
}

void lock_mailbox_tell(struct lock_mailbox *mailbox, const struct lock_event *event)
{
    bool is_sensor = event->type == LOCK_SENSOR;
    size_t room = LOCK_EVENTS_MAX - (is_sensor ? LOCK_EVENTS_COIL : 0);

    pthread_mutex_lock(&mailbox->mutex);
    if (is_sensor && (mailbox->n_newest > 0 || mailbox->n_events >= room)) {
        struct lock_event *newest = &mailbox->newest[event->door - 1];

        mailbox->n_newest += newest->door == 0;
        *newest = *event;
    } else if (mailbox->n_events < room) {
        size_t last = (mailbox->first_event + mailbox->n_events++) % LOCK_EVENTS_MAX;

        mailbox->events[last] = *event;
    }
    ring(mailbox->loop_fd);
    pthread_mutex_unlock(&mailbox->mutex);
}

bool lock_mailbox_take_pulse(struct lock_mailbox *mailbox, struct lock_pulse *ret_pulse)
{
    bool taken;

    pthread_mutex_lock(&mailbox->mutex);
    taken = mailbox->n_pulses > 0;
    if (taken) {
        *ret_pulse = mailbox->pulses[mailbox->first_pulse];
        mailbox->first_pulse = (mailbox->first_pulse + 1) % LOCK_THREAD_QUEUE_MAX;
        mailbox->n_pulses--;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return taken;
}

bool lock_mailbox_has_pulse(struct lock_mailbox *mailbox)
{
    bool has;

    pthread_mutex_lock(&mailbox->mutex);
    has = mailbox->n_pulses > 0;
    pthread_mutex_unlock(&mailbox->mutex);
    return has;
}

bool lock_mailbox_go_on(struct lock_mailbox *mailbox)
{
    bool stop;

    pthread_mutex_lock(&mailbox->mutex);
    quieten(mailbox->thread_fd);
    stop = mailbox->stop;
    pthread_mutex_unlock(&mailbox->mutex);
    return !stop;
}

void lock_mailbox_end(struct lock_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->ended = true;
    pthread_mutex_unlock(&mailbox->mutex);
}

int lock_mailbox_ask(struct lock_mailbox *mailbox, const struct lock_pulse *pulse)
{
    int r = 0;

    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->stop || mailbox->ended) {
        r = -ESHUTDOWN;
    } else if (mailbox->n_pulses == LOCK_THREAD_QUEUE_MAX) {
        r = -EBUSY;
    } else {
        size_t last = (mailbox->first_pulse + mailbox->n_pulses++) % LOCK_THREAD_QUEUE_MAX;

        mailbox->pulses[last] = *pulse;
        ring(mailbox->thread_fd);
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return r;
}

/* A door's newest sensor change, once the queue is empty. */
static bool take_newest(struct lock_mailbox *mailbox, struct lock_event *ret_event)
{
    for (size_t i = 0; mailbox->n_newest > 0 && i < mailbox->n_doors; i++) {
        if (mailbox->newest[i].door == 0)
            continue;
        *ret_event = mailbox->newest[i];
        mailbox->newest[i].door = 0;
        mailbox->n_newest--;
        return true;
    }
    return false;
}

bool lock_mailbox_take(struct lock_mailbox *mailbox, struct lock_event *ret_event)
{
    bool taken = true;

    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->n_events > 0) {
        *ret_event = mailbox->events[mailbox->first_event];
        mailbox->first_event = (mailbox->first_event + 1) % LOCK_EVENTS_MAX;
        mailbox->n_events--;
    } else {
        taken = take_newest(mailbox, ret_event);
    }
    if (mailbox->n_events == 0 && mailbox->n_newest == 0)
        quieten(mailbox->loop_fd);
    pthread_mutex_unlock(&mailbox->mutex);
    return taken;
}

void lock_mailbox_ask_stop(struct lock_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->stop = true;
    ring(mailbox->thread_fd);
    pthread_mutex_unlock(&mailbox->mutex);
}
