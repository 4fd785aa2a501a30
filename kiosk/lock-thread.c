#include "kiosk/lock-mailbox.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define SLEEP_MAX_US (LOCK_THREAD_HEARTBEAT_US / 4)
/* Between tries to release a coil that would not go off. */
#define STUCK_RETRY_US UINT64_C(10000)
/* All sensors are read again so often: an edge that the kernel dropped is found, and a line that
 * died without one. */
#define READ_EVERY_US UINT64_C(1000000)

struct lock_thread {
    pthread_t id;
    struct lock_mailbox mailbox;
    _Atomic uint64_t heartbeat_us;
    enum sensor *first_sensors;
    uint64_t *pulse_us; /* of door i + 1, already capped */
    uint64_t rest_us;

    /* The thread's own. */
    struct lock *lock;
    enum sensor *sensors, *readings;
    uint64_t next_read_us;
    bool on, stuck;
    struct lock_pulse pulse; /* valid while `on` */
    uint64_t off_due_us;     /* while `on` */
    uint64_t rested_us;      /* no coil goes on before */
    uint64_t retry_us;       /* while `stuck` */
};

static void tell(struct lock_thread *thread, enum lock_event_type type,
                 const struct lock_pulse *pulse, uint64_t at_us, int error)
{
    struct lock_event event = {.type = type, .at_us = at_us, .error = error};

    if (pulse) {
        event.door = pulse->door;
        event.grant = pulse->grant;
        event.attempt = pulse->attempt;
    }
    lock_mailbox_tell(&thread->mailbox, &event);
}

static void sensor_changed(void *userdata, uint32_t door, enum sensor sensor, uint64_t at_us)
{
    struct lock_thread *thread = userdata;
    struct lock_event event = {.type = LOCK_SENSOR, .door = door, .sensor = sensor, .at_us = at_us};

    if (door < 1 || door > thread->lock->n_doors || thread->sensors[door - 1] == sensor)
        return;
    thread->sensors[door - 1] = sensor;
    lock_mailbox_tell(&thread->mailbox, &event);
}

static void read_sensors(struct lock_thread *thread, uint64_t now_us)
{
    thread->next_read_us = now_us + READ_EVERY_US;
    thread->lock->ops->read(thread->lock, thread->readings);
    for (size_t i = 0; i < thread->lock->n_doors; i++)
        sensor_changed(thread, (uint32_t)i + 1, thread->readings[i], now_us);
}

static void is_off(struct lock_thread *thread, uint64_t at_us)
{
    if (thread->on)
        tell(thread, LOCK_COIL_OFF, &thread->pulse, at_us, 0);
    thread->on = false;
    thread->rested_us = at_us + thread->rest_us;
}

/* Everything inactive; when that fails it is tried again until it succeeds, and no coil goes on
 * before. */
static void release_all(struct lock_thread *thread)
{
    int r = thread->lock->ops->release_all(thread->lock);
    uint64_t now_us = clock_boot_us();

    if (r < 0) {
        if (!thread->stuck)
            tell(thread, LOCK_STUCK, NULL, now_us, r);
        thread->stuck = true;
        thread->retry_us = now_us + STUCK_RETRY_US;
        return;
    }
    if (thread->stuck)
        tell(thread, LOCK_RELEASED, NULL, now_us, 0);
    thread->stuck = false;
    is_off(thread, now_us);
}

static void end_pulse(struct lock_thread *thread)
{
    if (thread->lock->ops->release(thread->lock, thread->pulse.door) < 0)
        release_all(thread);
    else
        is_off(thread, clock_boot_us());
}

/* The last look before the coil: nothing may come between this and energise(). */
static bool permitted(struct lock_thread *thread, const struct lock_pulse *pulse, uint64_t *ret_us)
{
    char boot[33];
    uint64_t now_us;

    if (pulse->door < 1 || pulse->door > thread->lock->n_doors || pulse->attempt < 1 ||
        pulse->attempt > pulse->pulses) {
        tell(thread, LOCK_REFUSED_COUNT, pulse, clock_boot_us(), 0);
        return false;
    }
    if (clock_boot_id(boot) < 0 || strcmp(boot, pulse->boot) != 0) {
        tell(thread, LOCK_REFUSED_BOOT, pulse, clock_boot_us(), 0);
        return false;
    }
    now_us = clock_boot_us();
    if (now_us >= pulse->deadline_us) {
        tell(thread, LOCK_REFUSED_DEADLINE, pulse, now_us, 0);
        return false;
    }
    *ret_us = now_us;
    return true;
}

static void begin_pulse(struct lock_thread *thread, const struct lock_pulse *pulse)
{
    uint64_t on_us;
    int r;

    if (!permitted(thread, pulse, &on_us))
        return;
    r = thread->lock->ops->energise(thread->lock, pulse->door);
    if (r < 0) {
        tell(thread, LOCK_FAILED, pulse, on_us, r);
        release_all(thread);
        return;
    }
    thread->on = true;
    thread->pulse = *pulse;
    /* Counted from before the line went active, so that a slow backend shortens the pulse. */
    thread->off_due_us = on_us + thread->pulse_us[pulse->door - 1];
    tell(thread, LOCK_COIL_ON, pulse, on_us, 0);
}

static void take_turn(struct lock_thread *thread, uint64_t now_us)
{
    struct lock_pulse pulse;

    if (thread->stuck && now_us >= thread->retry_us)
        release_all(thread);
    else if (thread->on && !thread->stuck && now_us >= thread->off_due_us)
        end_pulse(thread);
    if (thread->on || thread->stuck)
        return;
    if (now_us >= thread->next_read_us)
        read_sensors(thread, now_us);
    if (now_us >= thread->rested_us && lock_mailbox_take_pulse(&thread->mailbox, &pulse))
        begin_pulse(thread, &pulse);
}

/* When the next turn is due, if nothing happens before. */
static uint64_t next_turn_us(struct lock_thread *thread, uint64_t now_us)
{
    uint64_t next_us = now_us + SLEEP_MAX_US, due_us = thread->next_read_us;

    if (thread->stuck)
        due_us = thread->retry_us;
    else if (thread->on)
        due_us = thread->off_due_us;
    else if (thread->rested_us < due_us && lock_mailbox_has_pulse(&thread->mailbox))
        due_us = thread->rested_us;
    return due_us < next_us ? due_us : next_us;
}

static void sleep_until_turn(struct lock_thread *thread)
{
    struct pollfd fds[] = {
        {.fd = thread->mailbox.thread_fd, .events = POLLIN},
        {.fd = thread->lock->fd, .events = POLLIN},
    };
    uint64_t now_us = clock_boot_us(), next_us = next_turn_us(thread, now_us);
    uint64_t wait_us = next_us > now_us ? next_us - now_us : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                            .tv_nsec = (long)(wait_us % 1000000) * 1000};

    if (ppoll(fds, ELEMENTSOF(fds), &wait, NULL) > 0 && fds[1].revents)
        thread->lock->ops->dispatch(thread->lock, sensor_changed, thread);
}

static void *run(void *userdata)
{
    struct lock_thread *thread = userdata;

    pthread_setname_np(pthread_self(), "lock");
    while (lock_mailbox_go_on(&thread->mailbox)) {
        uint64_t now_us = clock_boot_us();

        atomic_store(&thread->heartbeat_us, now_us);
        take_turn(thread, now_us);
        sleep_until_turn(thread);
    }
    release_all(thread);
    lock_mailbox_end(&thread->mailbox);
    return NULL;
}

static int start(struct lock_thread *thread)
{
    sigset_t all, before;
    int r;

    /* Signals belong to the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

/* What is left of a thread that is not running. */
static void destroy(struct lock_thread *thread)
{
    lock_close(thread->lock);
    lock_mailbox_done(&thread->mailbox);
    free(thread->first_sensors);
    free(thread->sensors);
    free(thread->readings);
    free(thread->pulse_us);
    free(thread);
}

static int prepare(struct lock_thread *thread, const struct lock_thread_options *options)
{
    size_t n = thread->lock->n_doors;

    thread->rest_us = options->rest_us;
    thread->first_sensors = calloc(n, sizeof(enum sensor));
    thread->sensors = calloc(n, sizeof(enum sensor));
    thread->readings = calloc(n, sizeof(enum sensor));
    thread->pulse_us = calloc(n, sizeof(uint64_t));
    if (!thread->first_sensors || !thread->sensors || !thread->readings || !thread->pulse_us)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        bool listed = i < options->doors->n;
        uint64_t pulse_us = listed ? options->doors->items[i].pulse_ms * UINT64_C(1000) : 0;

        thread->pulse_us[i] = pulse_us < options->pulse_max_us ? pulse_us : options->pulse_max_us;
    }
    return 0;
}

int lock_thread_new(const struct lock_thread_options *options, struct lock *lock,
                    struct lock_thread **ret_thread)
{
    struct lock_thread *thread = calloc(1, sizeof(*thread));
    int r = thread ? lock_mailbox_init(&thread->mailbox, lock->n_doors) : -ENOMEM;

    if (r < 0) {
        lock_close(lock);
        free(thread);
        return r;
    }
    thread->lock = lock;
    r = prepare(thread, options);
    if (r == 0)
        r = lock->ops->release_all(lock);
    if (r == 0) {
        uint64_t now_us = clock_boot_us();

        lock->ops->read(lock, thread->sensors);
        memcpy(thread->first_sensors, thread->sensors, lock->n_doors * sizeof(enum sensor));
        thread->next_read_us = now_us + READ_EVERY_US;
        atomic_store(&thread->heartbeat_us, now_us);
        r = start(thread);
    }
    if (r < 0) {
        destroy(thread);
        return r;
    }
    *ret_thread = thread;
    return 0;
}

struct lock_thread *lock_thread_free(struct lock_thread *thread)
{
    if (!thread)
        return NULL;
    lock_mailbox_ask_stop(&thread->mailbox);
    pthread_join(thread->id, NULL);
    destroy(thread);
    return NULL;
}

void lock_thread_first_sensors(const struct lock_thread *thread, enum sensor *ret_sensors)
{
    memcpy(ret_sensors, thread->first_sensors, thread->mailbox.n_doors * sizeof(enum sensor));
}

int lock_thread_pulse(struct lock_thread *thread, const struct door_grant *grant, unsigned attempt)
{
    struct lock_pulse pulse = {
        .grant = grant->grant,
        .door = grant->door,
        .deadline_us = grant->deadline_us,
        .attempt = attempt,
        .pulses = grant->pulses,
    };

    memcpy(pulse.boot, grant->boot, sizeof(pulse.boot));
    pulse.boot[sizeof(pulse.boot) - 1] = '\0';
    return lock_mailbox_ask(&thread->mailbox, &pulse);
}

int lock_thread_fd(const struct lock_thread *thread)
{
    return thread->mailbox.loop_fd;
}

bool lock_thread_take(struct lock_thread *thread, struct lock_event *ret_event)
{
    return lock_mailbox_take(&thread->mailbox, ret_event);
}

uint64_t lock_thread_heartbeat_us(const struct lock_thread *thread)
{
    return atomic_load(&thread->heartbeat_us);
}

const char *lock_event_name(enum lock_event_type type)
{
    static const char *const names[] = {
        "coil on",
        "coil off",
        "refused: past its deadline",
        "refused: given in another boot",
        "refused: no such door or pulse",
        "could not energise",
        "sensor",
        "coil does not release",
        "released",
    };

    return names[type];
}
