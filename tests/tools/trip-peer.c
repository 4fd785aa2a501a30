/* The peer of `./dev bench propagate`: a message through the broker and back, QoS 1, and then one
 * durable write of a page, with nothing around it. Prints microseconds as JSON.
 *
 *     trip-peer PORT FOLDER ROUNDS BYTES */
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TOPIC "pickup/v1/trip/up/peer"

struct trip {
    bool subscribed, arrived;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void on_connect(struct mosquitto *mosquitto, void *userdata, int code)
{
    (void)mosquitto_subscribe(mosquitto, NULL, TOPIC, 1);
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int id, int n,
                         const int *granted)
{
    ((struct trip *)userdata)->subscribed = true;
}

static void on_message(struct mosquitto *mosquitto, void *userdata,
                       const struct mosquitto_message *message)
{
    ((struct trip *)userdata)->arrived = true;
}

static int wait_for(struct mosquitto *mosquitto, const bool *flag)
{
    int64_t end = now_us() + 10 * 1000000;

    while (!*flag)
        if (mosquitto_loop(mosquitto, 100, 1) != MOSQ_ERR_SUCCESS || now_us() > end)
            return -ETIMEDOUT;
    return 0;
}

static int write_durably(int fd, unsigned round)
{
    char page[4096];

    memset(page, (int)round, sizeof(page));
    if (pwrite(fd, page, sizeof(page), (off_t)round * (off_t)sizeof(page)) != sizeof(page))
        return -errno;
    return fdatasync(fd) < 0 ? -errno : 0;
}

/* One round: *ret_trip_us through the broker, *ret_all_us with the write. */
static int go(struct mosquitto *mosquitto, struct trip *trip, int fd, unsigned round,
              const char *payload, int bytes, int64_t *ret_trip_us, int64_t *ret_all_us)
{
    int64_t begin = now_us();
    int r;

    trip->arrived = false;
    if (mosquitto_publish(mosquitto, NULL, TOPIC, bytes, payload, 1, false) != MOSQ_ERR_SUCCESS)
        return -EIO;
    r = wait_for(mosquitto, &trip->arrived);
    *ret_trip_us = now_us() - begin;
    if (r == 0)
        r = write_durably(fd, round);
    *ret_all_us = now_us() - begin;
    return r;
}

static void print(const char *name, int64_t *us, unsigned n, const char *end)
{
    qsort(us, n, sizeof(*us), compare);
    printf("\"%s\":{\"p50_us\":%lld,\"p99_us\":%lld}%s", name, (long long)us[n / 2],
           (long long)us[n * 99 / 100], end);
}

static int run(struct mosquitto *mosquitto, struct trip *trip, int fd, unsigned rounds, int bytes)
{
    _cleanup_free_ int64_t *trips = calloc(rounds, sizeof(int64_t));
    _cleanup_free_ int64_t *all = calloc(rounds, sizeof(int64_t));
    _cleanup_free_ char *payload = calloc(1, (size_t)bytes);
    int r = trips && all && payload ? wait_for(mosquitto, &trip->subscribed) : -ENOMEM;

    for (unsigned i = 0; r == 0 && i < rounds; i++)
        r = go(mosquitto, trip, fd, i, payload, bytes, &trips[i], &all[i]);
    if (r < 0)
        return r;
    printf("{");
    print("trip", trips, rounds, ",");
    print("all", all, rounds, "}\n");
    return 0;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc == 5 ? (unsigned)atoi(argv[3]) : 0;
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    struct mosquitto *mosquitto;
    struct trip trip = {};
    int r;

    if (rounds == 0 || asprintf(&path, "%s/trip-peer.tmp", argv[2]) < 0) {
        fprintf(stderr, "usage: trip-peer PORT FOLDER ROUNDS BYTES\n");
        return 2;
    }
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    mosquitto_lib_init();
    mosquitto = mosquitto_new("trip-peer", true, &trip);
    mosquitto_int_option(mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(mosquitto, on_connect);
    mosquitto_subscribe_callback_set(mosquitto, on_subscribe);
    mosquitto_message_callback_set(mosquitto, on_message);
    r = fd < 0 ? -errno
        : mosquitto_connect(mosquitto, "127.0.0.1", atoi(argv[1]), 60) == MOSQ_ERR_SUCCESS
            ? run(mosquitto, &trip, fd, rounds, atoi(argv[4]))
            : -ECONNREFUSED;
    if (r < 0)
        fprintf(stderr, "trip-peer: %s\n", strerror(-r));
    (void)mosquitto_disconnect(mosquitto);
    mosquitto_destroy(mosquitto);
    mosquitto_lib_cleanup();
    unlink(path);
    return r < 0;
}
