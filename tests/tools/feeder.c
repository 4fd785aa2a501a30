/* HQ's side of the orders feed, from a file of signed pages: answers fetches by the protocol and
 * times the bank that asks.
 *
 *     feeder make FILE ORDERS PER_PAGE   writes the file; prints the public key
 *     feeder serve FILE PORT             until the bank has said that it applied everything; prints
 *                                        {"orders":…,"seconds":…,"commits":…,"fetches":…}
 *
 * The time runs from the first fetch to the last up/applied. */
#include "tests/tools/feed-file.h"

#include "common/clock.h"
#include "common/mqtt.h"
#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TIME_LIMIT_US (1800 * UINT64_C(1000000))

struct answer {
    size_t at;   /* next page */
    int64_t end; /* through which it is sent */
};

struct feeder {
    struct feed_file file;
    sd_event *event;
    struct mqtt *mqtt;
    struct answer answers[2]; /* the running one and the one asked for ahead */
    size_t n_answers;
    char topic[WIRE_TOPIC_MAX];
    uint64_t begun_us, ended_us;
    unsigned commits, fetches;
    int64_t through;
};

/* Nothing comes after the last page. */
static void say_end(struct feeder *feeder)
{
    _cleanup_free_ char *payload = NULL;
    long long end = feeder->file.n_orders;
    char json[256];
    size_t n;

    snprintf(json, sizeof(json),
             "{\"feed\":\"" FEED_FILE_ID "\",\"prev\":%lld,\"seq\":%lld,\"end\":%lld,"
             "\"more\":false,\"orders\":[]}",
             end, end, end);
    if (wire_sign(feed_file_seed, feeder->topic, json, strlen(json), &payload, &n) == 0)
        (void)mqtt_publish(feeder->mqtt, feeder->topic, payload, n, false);
}

static void pump(struct feeder *feeder)
{
    while (feeder->n_answers > 0) {
        struct answer *answer = &feeder->answers[0];
        const struct feed_file_page *page = &feeder->file.pages[answer->at];

        if (mqtt_publish(feeder->mqtt, feeder->topic, page->payload, page->n, false) < 0)
            return; /* when there is room again */
        answer->at++;
        if (page->seq < answer->end)
            continue;
        feeder->n_answers--;
        feeder->answers[0] = feeder->answers[1];
    }
}

static void take_fetch(struct feeder *feeder, const struct mqtt_message *message)
{
    _cleanup_free_ char *reason = NULL;
    struct wire_fetch fetch;
    size_t at;

    if (wire_fetch_read(message->payload, message->payload_bytes, &fetch, &reason) < 0)
        return;
    if (feeder->fetches++ == 0)
        feeder->begun_us = clock_boot_us();
    at = feed_file_find(&feeder->file, strcmp(fetch.feed, FEED_FILE_ID) == 0 ? fetch.after : 0);
    if (at == feeder->file.n_pages) {
        say_end(feeder);
        return;
    }
    if (feeder->n_answers == ELEMENTSOF(feeder->answers))
        feeder->n_answers--;
    feeder->answers[feeder->n_answers++] = (struct answer){at, feeder->file.pages[at].end};
}

static void take_applied(struct feeder *feeder, const struct mqtt_message *message)
{
    _cleanup_free_ char *reason = NULL;
    struct wire_applied applied;

    if (wire_applied_read(message->payload, message->payload_bytes, &applied, &reason) < 0 ||
        applied.through <= feeder->through)
        return;
    feeder->through = applied.through;
    feeder->commits++;
    if (applied.through < feeder->file.n_orders)
        return;
    feeder->ended_us = clock_boot_us();
    sd_event_exit(feeder->event, 0);
}

static void on_message(void *userdata, const struct mqtt_message *message)
{
    char bank[WIRE_BANK_MAX + 1];
    struct feeder *feeder = userdata;
    enum wire_topic topic;

    if (wire_topic_parse(message->topic, &topic, bank) < 0)
        return;
    if (topic == WIRE_UP_FETCH)
        take_fetch(feeder, message);
    else if (topic == WIRE_UP_APPLIED)
        take_applied(feeder, message);
    pump(feeder);
}

static void on_drained(void *userdata)
{
    pump(userdata);
}

/* An empty page ahead of a bank's cursor makes it fetch, as HQ's announcement does. */
static void on_state(void *userdata, enum mqtt_state state, enum mqtt_trouble trouble,
                     const char *detail)
{
    struct feeder *feeder = userdata;

    feeder->n_answers = 0;
    if (state == MQTT_CONNECTED)
        say_end(feeder);
    if (state == MQTT_WAITING)
        fprintf(stderr, "feeder: %s\n", detail);
}

static int serve(const char *path, uint16_t port)
{
    struct feeder feeder = {};
    char up[WIRE_TOPIC_MAX];
    const char *subscriptions[] = {up, NULL};
    const struct mqtt_options options = {
        .host = "127.0.0.1",
        .port = port,
        .client_id = "feeder",
        .subscriptions = subscriptions,
        .backoff_min_ms = 50,
        .backoff_max_ms = 500,
    };
    int r = feed_file_open(path, &feeder.file);

    snprintf(up, sizeof(up), WIRE_PREFIX FEED_FILE_BANK "/up/+");
    wire_topic(WIRE_DOWN_ORDERS, FEED_FILE_BANK, feeder.topic);
    if (r >= 0)
        r = sd_event_new(&feeder.event);
    if (r >= 0)
        r = sd_event_add_time_relative(feeder.event, NULL, CLOCK_MONOTONIC, TIME_LIMIT_US, 0, NULL,
                                       (void *)(intptr_t)-ETIMEDOUT);
    if (r >= 0)
        r = mqtt_new(feeder.event, &options, on_message, on_drained, on_state, &feeder,
                     &feeder.mqtt);
    if (r >= 0)
        r = sd_event_loop(feeder.event);
    mqtt_free(feeder.mqtt);
    sd_event_unref(feeder.event);
    if (r < 0) {
        fprintf(stderr, "feeder: %s\n", strerror(-r));
        return 1;
    }
    printf("{\"orders\":%lld,\"seconds\":%.6f,\"commits\":%u,\"fetches\":%u}\n",
           (long long)feeder.file.n_orders, (double)(feeder.ended_us - feeder.begun_us) / 1e6,
           feeder.commits, feeder.fetches);
    feed_file_close(&feeder.file);
    return 0;
}

static int make(const char *path, int64_t n_orders, size_t per_page)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    char text[64];
    int r = feed_file_make(path, n_orders, per_page);

    if (r < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(-r));
        return 1;
    }
    crypto_sign_seed_keypair(public_key, secret_key, feed_file_seed);
    sodium_bin2base64(text, sizeof(text), public_key, sizeof(public_key),
                      sodium_base64_VARIANT_ORIGINAL);
    puts(text);
    return 0;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return make(argv[2], atoll(argv[3]), (size_t)atoll(argv[4]));
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], (uint16_t)atoi(argv[3]));
    fprintf(stderr, "usage: feeder make FILE ORDERS PER_PAGE | feeder serve FILE PORT\n");
    return 2;
}
