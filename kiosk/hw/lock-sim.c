#include "kiosk/hw/lock.h"

#include "common/clock.h"
#include "kiosk/simbank/address.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define RETRY_NS        200000000L /* between attempts to connect */
#define OPEN_TIMEOUT_MS 1000 /* for the first attempt, so that the first reading is a real one */

enum {
    READY_SOCKET,
    READY_TIMER,
};

struct lock_sim {
    struct lock lock; /* lock.fd is an epoll of the two below */
    char *path;
    int socket;    /* -1 = not connected */
    int timer;     /* armed while not connected */
    bool attached; /* the simulator has told every sensor */
    size_t n_told; /* how many doors it has, at most ours */
    enum sensor *sensors;
    char in[4096];
    size_t n_in;
    /* During dispatch. */
    lock_edge_fn edge;
    void *userdata;
};

static void set_sensor(struct lock_sim *sim, size_t i, enum sensor sensor, uint64_t at_us)
{
    if (sim->sensors[i] == sensor)
        return;
    sim->sensors[i] = sensor;
    if (sim->edge)
        sim->edge(sim->userdata, (uint32_t)i + 1, sensor, at_us);
}

static void arm_timer(struct lock_sim *sim, long first_ns)
{
    struct itimerspec when = {.it_value.tv_nsec = first_ns,
                              .it_interval.tv_nsec = first_ns ? RETRY_NS : 0};

    timerfd_settime(sim->timer, 0, &when, NULL);
}

/* The simulator is gone; the sensors become faulty in the next dispatch, where that can be told. */
static void disconnect(struct lock_sim *sim)
{
    closep(&sim->socket);
    sim->socket = -1;
    sim->attached = false;
    sim->n_in = 0;
    arm_timer(sim, 1);
}

static int say(struct lock_sim *sim, const char *line)
{
    size_t n = strlen(line);
    ssize_t sent = send(sim->socket, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent == (ssize_t)n)
        return 0;
    /* A simulator that does not read its few commands hangs; one that is gone says EPIPE. */
    disconnect(sim);
    return -ENODEV;
}

static void connect_sim(struct lock_sim *sim)
{
    struct epoll_event ready = {.events = EPOLLIN, .data.u32 = READY_SOCKET};
    int fd = simbank_connect(sim->path);

    if (fd < 0)
        return; /* the timer comes again */
    if (epoll_ctl(sim->lock.fd, EPOLL_CTL_ADD, fd, &ready) < 0) {
        close(fd);
        return;
    }
    sim->socket = fd;
    arm_timer(sim, 0);
    /* Whatever a kiosk before us has left. */
    if (say(sim, "off all\n") == 0)
        (void)say(sim, "attach\n");
}

static void take_line(struct lock_sim *sim, const char *line)
{
    static const enum sensor sensors[] = {SENSOR_FAULTY, SENSOR_CLOSED, SENSOR_OPEN};
    char word[16];
    uint64_t at_us;
    uint32_t door;

    if (sscanf(line, "doors %" SCNu32, &door) == 1)
        sim->n_told = door < sim->lock.n_doors ? door : sim->lock.n_doors;
    if (sscanf(line, "sensor %" SCNu32 " %15s %" SCNu64, &door, word, &at_us) == 3) {
        if (door < 1 || door > sim->lock.n_doors)
            return;
        for (size_t i = 0; i < ELEMENTSOF(sensors); i++)
            if (strcmp(word, sensor_name(sensors[i])) == 0)
                set_sensor(sim, door - 1, sensors[i], at_us);
        /* The last of the readings that answer "attach". Doors that the simulator does not have
         * stay faulty. */
        if (door == sim->n_told)
            sim->attached = true;
    }
}

static void take_lines(struct lock_sim *sim)
{
    char *end;

    while ((end = memchr(sim->in, '\n', sim->n_in)) != NULL) {
        size_t n = (size_t)(end - sim->in) + 1;

        *end = '\0';
        take_line(sim, sim->in);
        sim->n_in -= n;
        memmove(sim->in, sim->in + n, sim->n_in);
    }
    if (sim->n_in == sizeof(sim->in))
        disconnect(sim); /* not our simulator */
}

static void receive(struct lock_sim *sim)
{
    ssize_t n = recv(sim->socket, sim->in + sim->n_in, sizeof(sim->in) - sim->n_in, MSG_DONTWAIT);

    if (n > 0) {
        sim->n_in += (size_t)n;
        take_lines(sim);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        disconnect(sim);
    }
}

static void retry(struct lock_sim *sim)
{
    uint64_t times;

    (void)!read(sim->timer, &times, sizeof(times));
    if (sim->socket >= 0)
        return;
    for (size_t i = 0; i < sim->lock.n_doors; i++)
        set_sensor(sim, i, SENSOR_FAULTY, clock_boot_us());
    connect_sim(sim);
}

static void sim_dispatch(struct lock *lock, lock_edge_fn edge, void *userdata)
{
    struct lock_sim *sim = (struct lock_sim *)lock;
    struct epoll_event ready[2];
    int n;

    sim->edge = edge;
    sim->userdata = userdata;
    n = epoll_wait(lock->fd, ready, ELEMENTSOF(ready), 0);
    for (int i = 0; i < n; i++)
        if (ready[i].data.u32 == READY_TIMER)
            retry(sim);
        else if (sim->socket >= 0)
            receive(sim);
    sim->edge = NULL;
}

static int sim_energise(struct lock *lock, uint32_t door)
{
    struct lock_sim *sim = (struct lock_sim *)lock;
    char line[32];

    if (!sim->attached)
        return -ENODEV;
    snprintf(line, sizeof(line), "on %" PRIu32 "\n", door);
    return say(sim, line);
}

/* A simulator that we are not connected to has no coil on: it releases those of a client that goes.
 */
static int sim_release(struct lock *lock, uint32_t door)
{
    struct lock_sim *sim = (struct lock_sim *)lock;
    char line[32];

    snprintf(line, sizeof(line), "off %" PRIu32 "\n", door);
    if (sim->socket >= 0)
        (void)say(sim, line);
    return 0;
}

static int sim_release_all(struct lock *lock)
{
    struct lock_sim *sim = (struct lock_sim *)lock;

    if (sim->socket >= 0)
        (void)say(sim, "off all\n");
    return 0;
}

static void sim_read(struct lock *lock, enum sensor *ret_sensors)
{
    struct lock_sim *sim = (struct lock_sim *)lock;

    memcpy(ret_sensors, sim->sensors, lock->n_doors * sizeof(enum sensor));
}

static void sim_close(struct lock *lock)
{
    struct lock_sim *sim = (struct lock_sim *)lock;

    (void)sim_release_all(lock);
    closep(&sim->socket);
    closep(&sim->timer);
    closep(&lock->fd);
    free(sim->sensors);
    free(sim->path);
    free(sim);
}

static const struct lock_ops sim_ops = {
    .energise = sim_energise,
    .release = sim_release,
    .release_all = sim_release_all,
    .read = sim_read,
    .dispatch = sim_dispatch,
    .close = sim_close,
};

/* Waits for the first readings when somebody listens. */
static void attach(struct lock_sim *sim)
{
    uint64_t end_us = clock_boot_us() + OPEN_TIMEOUT_MS * UINT64_C(1000);

    connect_sim(sim);
    while (sim->socket >= 0 && !sim->attached && clock_boot_us() < end_us) {
        struct pollfd wait = {.fd = sim->socket, .events = POLLIN};

        if (poll(&wait, 1, OPEN_TIMEOUT_MS) > 0)
            receive(sim);
    }
    if (sim->socket < 0)
        arm_timer(sim, RETRY_NS);
}

static int prepare(struct lock_sim *sim, const char *socket)
{
    struct epoll_event ready = {.events = EPOLLIN, .data.u32 = READY_TIMER};

    sim->path = strdup(socket);
    sim->sensors = calloc(sim->lock.n_doors, sizeof(enum sensor)); /* all FAULTY */
    if (!sim->path || !sim->sensors)
        return -ENOMEM;
    sim->lock.fd = epoll_create1(EPOLL_CLOEXEC);
    sim->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (sim->lock.fd < 0 || sim->timer < 0 ||
        epoll_ctl(sim->lock.fd, EPOLL_CTL_ADD, sim->timer, &ready) < 0)
        return -errno;
    return 0;
}

int lock_sim_open(const char *socket, size_t n_doors, struct lock **ret_lock, char **ret_error)
{
    struct lock_sim *sim = calloc(1, sizeof(*sim));
    int r;

    if (!sim) {
        *ret_error = NULL;
        return -ENOMEM;
    }
    *sim = (struct lock_sim){
        .lock = {.ops = &sim_ops, .n_doors = n_doors, .fd = -1}, .socket = -1, .timer = -1};
    r = prepare(sim, socket);
    if (r < 0) {
        sim_close(&sim->lock);
        if (asprintf(ret_error, "Cannot prepare the simulated bank: %s.", strerror(-r)) < 0)
            *ret_error = NULL;
        return r;
    }
    attach(sim);
    *ret_lock = &sim->lock;
    return 0;
}
