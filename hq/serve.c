#include "hq/serve.h"
#include "hq/book-change.h"
#include "hq/hq.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define BATCH_ROWS      8192
#define BATCH_US        50000
#define LOOK_US         1000000
#define FAILURE_TOLD_US 10000000

/* --- batches ---------------------------------------------------------------------------------- */

int serve_batch(struct serve *serve)
{
    int r;

    if (serve->batch)
        return 0;
    r = store_begin(serve->store);
    if (r < 0)
        return r;
    serve->batch = true;
    serve->batch_rows = 0;
    serve->batch_began_us = clock_boot_us();
    return 0;
}

/* What was gathered is lost, but nothing of it was acknowledged, so it will come again. */
static void drop_batch(struct serve *serve, int error)
{
    store_rollback(serve->store);
    serve->batch = false;
    for (size_t i = 0; i < serve->n_banks; i++)
        serve->banks[i].ack_due = serve->banks[i].ack_repeat = false;
    /* A new feed may have been among it. */
    (void)store_feed(serve->store, serve->feed);
    /* The banks send again and again: once in a while is enough. */
    if (serve->failed_us && clock_boot_us() - serve->failed_us < FAILURE_TOLD_US)
        return;
    serve->failed_us = clock_boot_us();
    log_errno(
        error,
        "%s/hq.db cannot be written; what the banks sent waits there, and is not acknowledged. "
        "Look at its disk: free space, mount options, the kernel's log",
        serve->context->state);
}

/* What the banks of a branch have applied may settle what HQ did to its orders. */
static int settle(struct serve *serve)
{
    const struct hq_config *config = &serve->context->config;
    int r = 0;

    for (size_t i = 0; i < config->n_branches && r >= 0; i++)
        if (TAKE(serve->unsettled[i], false))
            r = book_settle(serve->store, config->branches[i].name, clock_now_ms());
    return r;
}

static void end_batch(struct serve *serve)
{
    int r;

    if (!serve->batch)
        return;
    r = settle(serve);
    if (r >= 0)
        r = store_commit(serve->store);
    if (r < 0)
        drop_batch(serve, r);
    serve->batch = false;
}

/* Everything that is owed, as far as the connection takes it; the rest when there is room again. */
static void pump(struct serve *serve)
{
    int r;

    if (serve->batch || mqtt_state(serve->mqtt) != MQTT_CONNECTED)
        return;
    r = serve_commands_pump(serve);
    if (r >= 0)
        r = serve_acks_pump(serve);
    if (r >= 0)
        r = serve_push(serve);
    if (r >= 0)
        r = serve_feed_pump(serve);
    if (r < 0 && r != -EAGAIN && r != -ENOTCONN)
        log_errno(r, "Something could not be sent; it is tried again in a second");
}

int serve_publish(struct serve *serve, const struct serve_bank *bank, enum wire_topic topic,
                  const char *json, size_t n_json)
{
    _cleanup_free_ char *payload = NULL;
    char name[WIRE_TOPIC_MAX];
    size_t n;
    int r;

    wire_topic(topic, bank->name, name);
    r = wire_sign(serve->feed_seed, name, json, n_json, &payload, &n);
    return r < 0 ? r : mqtt_publish(serve->mqtt, name, payload, n, false);
}

/* --- what comes in ---------------------------------------------------------------------------- */

static int compare_banks(const void *a, const void *b)
{
    return strcmp(((const struct serve_bank *)a)->name, ((const struct serve_bank *)b)->name);
}

struct serve_bank *serve_find_bank(struct serve *serve, const char *name)
{
    return bsearch(&(struct serve_bank){.name = name}, serve->banks, serve->n_banks,
                   sizeof(*serve->banks), compare_banks);
}

static int dispatch(struct serve *serve, struct serve_bank *bank, enum wire_topic topic,
                    const struct mqtt_message *message)
{
    switch (topic) {
    case WIRE_UP_FETCH:
        return serve_fetch(serve, bank, message->payload, message->payload_bytes);
    case WIRE_UP_APPLIED:
        return serve_applied(serve, bank, message->payload, message->payload_bytes);
    case WIRE_UP_EVENTS:
        return serve_events(serve, bank, message->payload, message->payload_bytes);
    case WIRE_UP_STATUS:
        return serve_status(serve, bank, message->payload, message->payload_bytes);
    case WIRE_UP_REPLY:
        return serve_reply(serve, bank, message->payload, message->payload_bytes);
    default:
        return 0;
    }
}

static void on_message(void *userdata, const struct mqtt_message *message)
{
    char name[WIRE_BANK_MAX + 1];
    struct serve *serve = userdata;
    struct serve_bank *bank;
    enum wire_topic topic;
    int r;

    if (wire_topic_parse(message->topic, &topic, name) < 0)
        return;
    bank = serve_find_bank(serve, name);
    if (!bank) {
        log_debug("A message of bank %s, which is not in the configuration, is ignored.", name);
        return;
    }
    r = dispatch(serve, bank, topic, message);
    if (r < 0)
        drop_batch(serve, r);
    else if (serve->batch && (serve->batch_rows >= BATCH_ROWS ||
                              clock_boot_us() - serve->batch_began_us >= BATCH_US))
        end_batch(serve);
}

static void on_drained(void *userdata)
{
    struct serve *serve = userdata;

    end_batch(serve);
    pump(serve);
}

/* Where `pickup-hq status` reads it. What the store does not take now, it takes with the next
 * change. */
static void tell_health(struct serve *serve)
{
    const struct link_health *health = &serve->health;
    int r = store_begin(serve->store);

    log_line(health->up ? LOG_INFO : LOG_WARNING, "Broker: %s.", health->detail);
    if (r >= 0)
        r = store_set_link(serve->store, link_health_word(health), health->detail,
                           health->since_ms);
    if (r >= 0)
        r = store_commit(serve->store);
    if (r < 0)
        store_rollback(serve->store);
}

static void on_state(void *userdata, enum mqtt_state state, enum mqtt_trouble trouble,
                     const char *detail)
{
    struct serve *serve = userdata;
    bool changed =
        link_health_note(&serve->health, state, trouble, detail, clock_now_ms(), clock_boot_us());

    end_batch(serve);
    if (changed)
        tell_health(serve);
    if (state == MQTT_CONNECTED) {
        serve_announce(serve);
        pump(serve);
    } else if (state == MQTT_WAITING) {
        /* The banks ask and send again once they hear of us. */
        serve->n_answers = 0;
    }
}

static int on_poke(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct serve *serve = userdata;
    char byte[8];

    while (recv(fd, byte, sizeof(byte), MSG_DONTWAIT) >= 0)
        ;
    pump(serve);
    return 0;
}

/* --- timers ----------------------------------------------------------------------------------- */

static int again(sd_event_source *source, uint64_t after_us)
{
    int r = sd_event_source_set_time_relative(source, after_us);

    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct serve *serve = userdata;

    pump(serve);
    return again(source, LOOK_US);
}

static int on_repeat(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct serve *serve = userdata;

    serve_acks_repeat(serve);
    serve_feed_repeat(serve);
    pump(serve);
    return again(source, (uint64_t)serve->context->config.ack_repeat_ms * 1000);
}

/* --- setting up ------------------------------------------------------------------------------- */

static int make_banks(struct serve *serve)
{
    const struct hq_config *config = &serve->context->config;

    for (size_t i = 0; i < config->n_branches; i++)
        serve->n_banks += config->branches[i].n_banks;
    serve->banks = calloc(serve->n_banks, sizeof(*serve->banks));
    serve->answers = calloc(2 * serve->n_banks, sizeof(*serve->answers));
    serve->pushed = calloc(config->n_branches, sizeof(*serve->pushed));
    serve->unsettled = calloc(config->n_branches, sizeof(*serve->unsettled));
    if (!serve->banks || !serve->answers || !serve->pushed || !serve->unsettled)
        return -ENOMEM;
    for (size_t i = 0, k = 0; i < config->n_branches; i++) {
        int r = store_seq(serve->store, config->branches[i].name, &serve->pushed[i]);

        if (r < 0)
            return r;
        for (size_t b = 0; b < config->branches[i].n_banks; b++)
            serve->banks[k++] = (struct serve_bank){
                .name = config->branches[i].banks[b], .branch = i, .reached = -1};
    }
    qsort(serve->banks, serve->n_banks, sizeof(*serve->banks), compare_banks);
    return 0;
}

/* Brings keys and policy up to the configuration. */
static int publish_policy(struct serve *serve, char **ret_error)
{
    int r = store_begin(serve->store);

    if (r >= 0)
        r = hq_publish(serve->store, &serve->context->config, serve->context->state, ret_error);
    if (r >= 0)
        r = store_commit(serve->store);
    if (r < 0)
        store_rollback(serve->store);
    return r;
}

static int listen_for_pokes(struct serve *serve, sd_event *event)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int folder = open(serve->context->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
    sd_event_source *source = NULL;

    if (folder < 0 || fd < 0)
        return -errno;
    (void)unlinkat(folder, HQ_SOCKET, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" HQ_SOCKET, folder);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    r = sd_event_add_io(event, &source, fd, EPOLLIN, on_poke, serve);
    if (r < 0) {
        close(fd);
        return r;
    }
    sd_event_source_set_io_fd_own(source, true);
    r = sd_event_source_set_floating(source, true); /* it now lives as long as the loop */
    sd_event_source_unref(source);
    return r;
}

static int add_sources(struct serve *serve, sd_event *event)
{
    uint64_t repeat_us = (uint64_t)serve->context->config.ack_repeat_ms * 1000;
    sigset_t signals;
    int r = 0;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, LOOK_US, 0, on_look, serve);
    if (r >= 0)
        r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, repeat_us, 0, on_repeat,
                                       serve);
    if (r >= 0)
        r = listen_for_pokes(serve, event);
    if (r >= 0)
        r = sd_event_set_watchdog(event, true);
    return r;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static int connect_broker(struct serve *serve, sd_event *event)
{
    static const char *const subscriptions[] = {WIRE_PREFIX "+/up/+", NULL};
    const struct hq_config *config = &serve->context->config;
    _cleanup_free_ char *client_id = NULL;
    struct mqtt_options options = {
        .host = config->host,
        .port = (uint16_t)config->port,
        .user = or_null(config->user),
        .password_file = or_null(config->password_file),
        .ca_file = or_null(config->ca_file),
        .certificate_file = or_null(config->certificate_file),
        .key_file = or_null(config->key_file),
        .subscriptions = subscriptions,
        .keepalive_s = (unsigned)(config->keepalive_ms / 1000),
        .backoff_min_ms = (unsigned)config->backoff_min_ms,
        .backoff_max_ms = (unsigned)config->backoff_max_ms,
        .connect_timeout_ms = (unsigned)config->connect_timeout_ms,
    };

    if (asprintf(&client_id, "hq-%.8s", serve->feed) < 0) {
        client_id = NULL;
        return -ENOMEM;
    }
    options.client_id = client_id;
    return mqtt_new(event, &options, on_message, on_drained, on_state, serve, &serve->mqtt);
}

static int run(struct serve *serve)
{
    _cleanup_free_ char *error = NULL;
    sd_event *event = NULL;
    int r = key_load(serve->context->state, KEY_FEED, serve->feed_seed, &error);

    if (r >= 0)
        r = publish_policy(serve, &error);
    if (r >= 0)
        r = store_feed(serve->store, serve->feed);
    if (r >= 0)
        r = make_banks(serve);
    if (r >= 0)
        r = sd_event_new(&event);
    if (r >= 0)
        r = add_sources(serve, event);
    if (r >= 0)
        r = connect_broker(serve, event);
    if (r < 0) {
        log_error("pickup-hq cannot serve: %s", error ?: strerror(-r));
    } else {
        log_info("Serving %zu banks.", serve->n_banks);
        sd_notify(0, "READY=1");
        r = sd_event_loop(event);
        sd_notify(0, "STOPPING=1");
        end_batch(serve);
    }
    mqtt_free(serve->mqtt);
    sd_event_unref(event);
    return r < 0 ? EXIT_FAILED : EXIT_GOOD;
}

int verb_serve(struct context *context, int argc, char **argv)
{
    struct serve serve = {.context = context, .store = context->store};
    _cleanup_close_ int lock_fd = -1;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    if (hq_lock(context->state, &lock_fd) < 0)
        return EXIT_FAILED;
    r = run(&serve);
    sodium_memzero(serve.feed_seed, sizeof(serve.feed_seed));
    free(serve.banks);
    free(serve.answers);
    free(serve.pushed);
    free(serve.unsettled);
    return r;
}
