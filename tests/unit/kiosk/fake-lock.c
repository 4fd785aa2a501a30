#include "fake-lock.h"

#include "common/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

#define RECORDS_MAX 256
#define EDGES_MAX   8192
#define DOORS       16

struct edge {
    uint32_t door;
    enum sensor sensor;
};

struct handle {
    struct lock lock;
    struct fake_lock *fake;
};

struct fake_lock {
    pthread_mutex_t mutex;
    size_t n_doors;
    int fd;
    unsigned failures[4];
    bool coils[DOORS];
    unsigned n_coils, most_coils;
    enum sensor sensors[DOORS];
    struct fake_record records[RECORDS_MAX];
    size_t n_records;
    struct edge edges[EDGES_MAX];
    size_t n_edges;
};

struct fake_lock *fake_lock_new(size_t n_doors)
{
    struct fake_lock *fake = calloc(1, sizeof(*fake));

    if (!fake || n_doors > DOORS)
        abort();
    pthread_mutex_init(&fake->mutex, NULL);
    fake->n_doors = n_doors;
    fake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (size_t i = 0; i < n_doors; i++)
        fake->sensors[i] = SENSOR_CLOSED;
    return fake;
}

void fake_lock_free(struct fake_lock *fake)
{
    pthread_mutex_destroy(&fake->mutex);
    close(fake->fd);
    free(fake);
}

static struct fake_lock *fake_of(struct lock *lock)
{
    return ((struct handle *)lock)->fake;
}

/* Records the act and says whether it shall fail. Takes the lock; the caller gives it back. */
static int begin(struct fake_lock *fake, enum fake_act act, uint32_t door)
{
    pthread_mutex_lock(&fake->mutex);
    if (fake->n_records < RECORDS_MAX)
        fake->records[fake->n_records++] =
            (struct fake_record){.act = act, .door = door, .at_us = clock_boot_us()};
    if (fake->failures[act] == 0)
        return 0;
    fake->failures[act]--;
    return -EIO;
}

static void set_coil(struct fake_lock *fake, uint32_t door, bool on)
{
    fake->n_coils += (unsigned)on - (unsigned)fake->coils[door - 1];
    fake->coils[door - 1] = on;
    if (fake->n_coils > fake->most_coils)
        fake->most_coils = fake->n_coils;
}

static int fake_energise(struct lock *lock, uint32_t door)
{
    struct fake_lock *fake = fake_of(lock);
    int r = begin(fake, FAKE_ENERGISE, door);

    set_coil(fake, door, true); /* also when it says that it failed: the worst case */
    pthread_mutex_unlock(&fake->mutex);
    return r;
}

static int fake_release(struct lock *lock, uint32_t door)
{
    struct fake_lock *fake = fake_of(lock);
    int r = begin(fake, FAKE_RELEASE, door);

    if (r == 0)
        set_coil(fake, door, false);
    pthread_mutex_unlock(&fake->mutex);
    return r;
}

static int fake_release_all(struct lock *lock)
{
    struct fake_lock *fake = fake_of(lock);
    int r = begin(fake, FAKE_RELEASE_ALL, 0);

    for (uint32_t i = 1; r == 0 && i <= fake->n_doors; i++)
        set_coil(fake, i, false);
    pthread_mutex_unlock(&fake->mutex);
    return r;
}

static void fake_read(struct lock *lock, enum sensor *ret_sensors)
{
    struct fake_lock *fake = fake_of(lock);

    pthread_mutex_lock(&fake->mutex);
    for (size_t i = 0; i < fake->n_doors; i++)
        ret_sensors[i] = fake->sensors[i];
    pthread_mutex_unlock(&fake->mutex);
}

static void fake_dispatch(struct lock *lock, lock_edge_fn edge, void *userdata)
{
    struct fake_lock *fake = fake_of(lock);
    uint64_t count;

    pthread_mutex_lock(&fake->mutex);
    (void)!read(fake->fd, &count, sizeof(count));
    for (size_t i = 0; i < fake->n_edges; i++)
        edge(userdata, fake->edges[i].door, fake->edges[i].sensor, clock_boot_us());
    fake->n_edges = 0;
    pthread_mutex_unlock(&fake->mutex);
}

static void fake_close(struct lock *lock)
{
    (void)begin(fake_of(lock), FAKE_CLOSE, 0);
    pthread_mutex_unlock(&fake_of(lock)->mutex);
    free(lock);
}

struct lock *fake_lock_lock(struct fake_lock *fake)
{
    static const struct lock_ops ops = {
        .energise = fake_energise,
        .release = fake_release,
        .release_all = fake_release_all,
        .read = fake_read,
        .dispatch = fake_dispatch,
        .close = fake_close,
    };
    struct handle *handle = calloc(1, sizeof(*handle));

    if (!handle)
        abort();
    handle->lock = (struct lock){.ops = &ops, .n_doors = fake->n_doors, .fd = fake->fd};
    handle->fake = fake;
    return &handle->lock;
}

void fake_lock_fail(struct fake_lock *fake, enum fake_act act, unsigned n)
{
    pthread_mutex_lock(&fake->mutex);
    fake->failures[act] = n;
    pthread_mutex_unlock(&fake->mutex);
}

void fake_lock_sensor(struct fake_lock *fake, uint32_t door, enum sensor sensor, bool told)
{
    pthread_mutex_lock(&fake->mutex);
    fake->sensors[door - 1] = sensor;
    if (told && fake->n_edges < EDGES_MAX) {
        fake->edges[fake->n_edges++] = (struct edge){.door = door, .sensor = sensor};
        (void)!write(fake->fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    pthread_mutex_unlock(&fake->mutex);
}

size_t fake_lock_records(struct fake_lock *fake, struct fake_record *ret_records, size_t size)
{
    size_t n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->n_records;
    for (size_t i = 0; ret_records && i < n && i < size; i++)
        ret_records[i] = fake->records[i];
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

unsigned fake_lock_coils(struct fake_lock *fake)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->n_coils;
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

unsigned fake_lock_most_coils(struct fake_lock *fake)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->most_coils;
    pthread_mutex_unlock(&fake->mutex);
    return n;
}
