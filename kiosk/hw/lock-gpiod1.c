/* GPIO lines through libgpiod 1.x. */
#include "kiosk/hw/lock.h"

#include "common/clock.h"

#include <errno.h>
#include <gpiod.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#define CONSUMER "pickup-kiosk"
/* Expanders without an interrupt line report no edges; their sensors are read so often. */
#define POLL_NS     10000000L
#define READY_TIMER UINT32_MAX

struct gpio_chip {
    char *name; /* as in doors.conf; NULL for a chip that came with a line found by name */
    struct gpiod_chip *handle;
};

struct gpio_door {
    struct gpiod_line *lock, *sensor; /* requested */
    bool open_is_active;
    bool polled; /* its sensor gives no edges */
    enum sensor told;
};

struct lock_gpiod {
    struct lock lock; /* lock.fd is an epoll of the sensors' lines and the timer */
    struct gpio_chip *chips;
    size_t n_chips;
    struct gpio_door *doors;
    int timer; /* -1 = no sensor is polled */
};

_printf_(2, 3) static void explain(char **ret_error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_error, format, ap) < 0)
        *ret_error = NULL;
    va_end(ap);
}

/* ---- finding lines ---- */

static int keep_chip(struct lock_gpiod *gpiod, const char *name, struct gpiod_chip *handle)
{
    struct gpio_chip *chips = reallocarray(gpiod->chips, gpiod->n_chips + 1, sizeof(*gpiod->chips));
    char *copy = name ? strdup(name) : NULL;

    if (chips)
        gpiod->chips = chips;
    if (!chips || (name && !copy)) {
        free(copy);
        gpiod_chip_close(handle);
        return -ENOMEM;
    }
    chips[gpiod->n_chips++] = (struct gpio_chip){.name = copy, .handle = handle};
    return 0;
}

static int find_chip(struct lock_gpiod *gpiod, const char *name, struct gpiod_chip **ret_chip)
{
    struct gpiod_chip *handle;
    int r;

    for (size_t i = 0; i < gpiod->n_chips; i++)
        if (gpiod->chips[i].name && strcmp(gpiod->chips[i].name, name) == 0) {
            *ret_chip = gpiod->chips[i].handle;
            return 0;
        }
    handle = gpiod_chip_open_lookup(name); /* path, device name or label */
    if (!handle)
        return errno ? -errno : -ENODEV;
    r = keep_chip(gpiod, name, handle);
    if (r == 0)
        *ret_chip = handle;
    return r;
}

static int find_line(struct lock_gpiod *gpiod, const struct door_line *wanted,
                     struct gpiod_line **ret_line)
{
    struct gpiod_chip *chip = NULL;
    struct gpiod_line *line;
    int r;

    errno = 0;
    if (!*wanted->chip) {
        line = gpiod_line_find(wanted->name);
        if (!line)
            return errno ? -errno : -ENOENT;
        r = keep_chip(gpiod, NULL, gpiod_line_get_chip(line));
    } else {
        r = find_chip(gpiod, wanted->chip, &chip);
        if (r < 0)
            return r;
        line = wanted->name ? gpiod_chip_find_line(chip, wanted->name)
                            : gpiod_chip_get_line(chip, wanted->offset);
        if (!line)
            return errno ? -errno : -ENOENT;
    }
    if (r == 0)
        *ret_line = line;
    return r;
}

static const char *remedy(int error)
{
    switch (-error) {
    case EBUSY:
        return "Another program uses it: end that program (gpioinfo shows which).";
    case EACCES:
    case EPERM:
        return "Add the kiosk's user to group gpio.";
    default:
        return "Compare doors.conf with what gpioinfo shows.";
    }
}

static void explain_line(char **ret_error, uint32_t door, const char *what,
                         const struct door_line *line, int error)
{
    char offset[16];

    snprintf(offset, sizeof(offset), "%u", line->offset);
    explain(ret_error, "Door %" PRIu32 ": the %s line %s:%s cannot be used: %s. %s", door, what,
            line->chip, line->name ? line->name : offset, strerror(-error), remedy(error));
}

/* ---- requesting lines ---- */

static int flags(const struct door_line *line)
{
    return line->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
}

static int request_lock(struct lock_gpiod *gpiod, const struct door *door, struct gpio_door *mine)
{
    struct gpiod_line *line = NULL;
    int r = find_line(gpiod, &door->lock, &line);

    if (r < 0)
        return r;
    errno = 0;
    if (gpiod_line_request_output_flags(line, CONSUMER, flags(&door->lock), 0) < 0)
        return errno ? -errno : -EIO;
    mine->lock = line;
    return 0;
}

static int request_sensor(struct lock_gpiod *gpiod, const struct door *door, struct gpio_door *mine)
{
    struct epoll_event ready = {.events = EPOLLIN, .data.u32 = door->number - 1};
    struct gpiod_line *line = NULL;
    int r = find_line(gpiod, &door->sensor, &line);

    if (r < 0)
        return r;
    errno = 0;
    if (gpiod_line_request_both_edges_events_flags(line, CONSUMER, flags(&door->sensor)) == 0) {
        mine->sensor = line;
        return epoll_ctl(gpiod->lock.fd, EPOLL_CTL_ADD, gpiod_line_event_get_fd(line), &ready) < 0
                   ? -errno
                   : 0;
    }
    if (errno == EBUSY || errno == EACCES || errno == EPERM)
        return -errno;
    if (gpiod_line_request_input_flags(line, CONSUMER, flags(&door->sensor)) < 0)
        return errno ? -errno : -EIO;
    mine->sensor = line;
    mine->polled = true;
    return 0;
}

static int request_door(struct lock_gpiod *gpiod, const struct door *door, char **ret_error)
{
    struct gpio_door *mine = &gpiod->doors[door->number - 1];
    int r;

    if (!door->lock.chip || !door->sensor.chip) {
        explain(ret_error,
                "Door %" PRIu32 " has no %s line. Write %s=CHIP:LINE in [door %" PRIu32
                "] of doors.conf.",
                door->number, door->lock.chip ? "sensor" : "lock",
                door->lock.chip ? "sensor" : "lock", door->number);
        return -EINVAL;
    }
    mine->open_is_active = door->sensor_open_is_active;
    r = request_lock(gpiod, door, mine);
    if (r < 0) {
        explain_line(ret_error, door->number, "lock", &door->lock, r);
        return r;
    }
    r = request_sensor(gpiod, door, mine);
    if (r < 0)
        explain_line(ret_error, door->number, "sensor", &door->sensor, r);
    return r;
}

/* ---- operations ---- */

static enum sensor meaning(const struct gpio_door *door, bool active)
{
    return active == door->open_is_active ? SENSOR_OPEN : SENSOR_CLOSED;
}

static enum sensor read_sensor(const struct gpio_door *door)
{
    int value = gpiod_line_get_value(door->sensor);

    return value < 0 ? SENSOR_FAULTY : meaning(door, value > 0);
}

static int set_line(struct lock_gpiod *gpiod, uint32_t door, int value)
{
    if (door < 1 || door > gpiod->lock.n_doors)
        return -ENXIO;
    errno = 0;
    if (gpiod_line_set_value(gpiod->doors[door - 1].lock, value) < 0)
        return errno ? -errno : -EIO;
    return 0;
}

static int gpiod_energise(struct lock *lock, uint32_t door)
{
    return set_line((struct lock_gpiod *)lock, door, 1);
}

static int gpiod_release(struct lock *lock, uint32_t door)
{
    return set_line((struct lock_gpiod *)lock, door, 0);
}

/* Every line is tried, also after one has failed. */
static int gpiod_release_all(struct lock *lock)
{
    int r = 0;

    for (size_t i = 0; i < lock->n_doors; i++) {
        int one = set_line((struct lock_gpiod *)lock, (uint32_t)i + 1, 0);

        if (r == 0)
            r = one;
    }
    return r;
}

static void gpiod_read(struct lock *lock, enum sensor *ret_sensors)
{
    struct lock_gpiod *gpiod = (struct lock_gpiod *)lock;

    for (size_t i = 0; i < lock->n_doors; i++)
        ret_sensors[i] = gpiod->doors[i].told = read_sensor(&gpiod->doors[i]);
}

/* The kernel stamps edges with CLOCK_MONOTONIC (since 5.7; before, with the wall clock, and then
 * the time of reading must do). */
static uint64_t edge_time_us(const struct timespec *stamp)
{
    struct timespec now;
    int64_t age_us;

    clock_gettime(CLOCK_MONOTONIC, &now);
    age_us =
        (int64_t)(now.tv_sec - stamp->tv_sec) * 1000000 + (now.tv_nsec - stamp->tv_nsec) / 1000;
    return clock_boot_us() - (age_us > 0 && age_us < 10000000 ? (uint64_t)age_us : 0);
}

static void tell(struct gpio_door *door, uint32_t number, enum sensor sensor, uint64_t at_us,
                 lock_edge_fn edge, void *userdata)
{
    if (door->told == sensor)
        return;
    door->told = sensor;
    edge(userdata, number, sensor, at_us);
}

static void take_edges(struct gpio_door *door, uint32_t number, lock_edge_fn edge, void *userdata)
{
    struct gpiod_line_event events[16];
    int n = gpiod_line_event_read_multiple(door->sensor, events, ELEMENTSOF(events));

    for (int i = 0; i < n; i++)
        tell(door, number, meaning(door, events[i].event_type == GPIOD_LINE_EVENT_RISING_EDGE),
             edge_time_us(&events[i].ts), edge, userdata);
    /* The kernel keeps 16 edges and drops the rest: what the line says now is the truth. */
    if (n < 0 || n == (int)ELEMENTSOF(events))
        tell(door, number, read_sensor(door), clock_boot_us(), edge, userdata);
}

static void poll_sensors(struct lock_gpiod *gpiod, lock_edge_fn edge, void *userdata)
{
    uint64_t times;

    (void)!read(gpiod->timer, &times, sizeof(times));
    for (size_t i = 0; i < gpiod->lock.n_doors; i++)
        if (gpiod->doors[i].polled)
            tell(&gpiod->doors[i], (uint32_t)i + 1, read_sensor(&gpiod->doors[i]), clock_boot_us(),
                 edge, userdata);
}

static void gpiod_dispatch(struct lock *lock, lock_edge_fn edge, void *userdata)
{
    struct lock_gpiod *gpiod = (struct lock_gpiod *)lock;
    struct epoll_event ready[32];
    int n = epoll_wait(lock->fd, ready, ELEMENTSOF(ready), 0);

    for (int i = 0; i < n; i++)
        if (ready[i].data.u32 == READY_TIMER)
            poll_sensors(gpiod, edge, userdata);
        else
            take_edges(&gpiod->doors[ready[i].data.u32], ready[i].data.u32 + 1, edge, userdata);
}

static void gpiod_close(struct lock *lock)
{
    struct lock_gpiod *gpiod = (struct lock_gpiod *)lock;

    for (size_t i = 0; gpiod->doors && i < lock->n_doors; i++) {
        struct gpio_door *door = &gpiod->doors[i];

        if (door->lock) {
            gpiod_line_set_value(door->lock, 0);
            gpiod_line_release(door->lock);
        }
        if (door->sensor)
            gpiod_line_release(door->sensor);
    }
    for (size_t i = 0; i < gpiod->n_chips; i++) {
        gpiod_chip_close(gpiod->chips[i].handle);
        free(gpiod->chips[i].name);
    }
    closep(&gpiod->timer);
    closep(&lock->fd);
    free(gpiod->chips);
    free(gpiod->doors);
    free(gpiod);
}

static const struct lock_ops gpiod_ops = {
    .energise = gpiod_energise,
    .release = gpiod_release,
    .release_all = gpiod_release_all,
    .read = gpiod_read,
    .dispatch = gpiod_dispatch,
    .close = gpiod_close,
};

static int start_polling(struct lock_gpiod *gpiod)
{
    struct epoll_event ready = {.events = EPOLLIN, .data.u32 = READY_TIMER};
    struct itimerspec when = {.it_value.tv_nsec = POLL_NS, .it_interval.tv_nsec = POLL_NS};
    bool polled = false;

    for (size_t i = 0; i < gpiod->lock.n_doors; i++)
        polled |= gpiod->doors[i].polled;
    if (!polled)
        return 0;
    gpiod->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (gpiod->timer < 0 || timerfd_settime(gpiod->timer, 0, &when, NULL) < 0 ||
        epoll_ctl(gpiod->lock.fd, EPOLL_CTL_ADD, gpiod->timer, &ready) < 0)
        return -errno;
    return 0;
}

static int prepare(struct lock_gpiod *gpiod, const struct doors *doors, char **ret_error)
{
    int r = 0;

    gpiod->doors = calloc(doors->n, sizeof(*gpiod->doors));
    if (!gpiod->doors)
        return -ENOMEM;
    gpiod->lock.fd = epoll_create1(EPOLL_CLOEXEC);
    if (gpiod->lock.fd < 0)
        return -errno;
    for (size_t i = 0; r == 0 && i < doors->n; i++)
        r = request_door(gpiod, &doors->items[i], ret_error);
    return r < 0 ? r : start_polling(gpiod);
}

int lock_gpiod_open(const struct doors *doors, struct lock **ret_lock, char **ret_error)
{
    struct lock_gpiod *gpiod = calloc(1, sizeof(*gpiod));
    char *error = NULL;
    int r;

    if (!gpiod) {
        *ret_error = NULL;
        return -ENOMEM;
    }
    *gpiod = (struct lock_gpiod){.lock = {.ops = &gpiod_ops, .n_doors = doors->n, .fd = -1},
                                 .timer = -1};
    r = prepare(gpiod, doors, &error);
    if (r < 0) {
        gpiod_close(&gpiod->lock);
        if (!error)
            explain(&error, "Cannot prepare the GPIO lines: %s.", strerror(-r));
        *ret_error = error;
        return r;
    }
    *ret_lock = &gpiod->lock;
    return 0;
}
