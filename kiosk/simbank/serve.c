#include "kiosk/simbank/serve.h"

#include "common/clock.h"
#include "kiosk/simbank/command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define LINE_MAX_BYTES 512
#define OUT_MAX_BYTES  (4 << 20) /* a client that does not read is dropped */

struct server;

struct client {
    struct server *server;
    struct client *next;
    unsigned id;
    int fd;
    sd_event_source *source;
    char in[LINE_MAX_BYTES];
    size_t n_in;
    char *out;
    size_t n_out;
    bool attached, gone;
    struct simbank_wish wait; /* wait.wait: its answer is still owed */
    uint64_t wait_until_us;
};

struct server {
    struct simbank *bank;
    sd_event *event;
    sd_event_source *timer;
    struct client *clients;
    unsigned n_clients; /* ever */
};

/* Appends to what the client shall get; it is sent when the turn ends. */
static void say(struct client *client, const char *text, size_t n)
{
    char *out;

    if (client->gone || n == 0)
        return;
    out = client->n_out + n <= OUT_MAX_BYTES ? realloc(client->out, client->n_out + n) : NULL;
    if (!out) {
        client->gone = true;
        return;
    }
    memcpy(out + client->n_out, text, n);
    client->out = out;
    client->n_out += n;
}

static void flush(struct client *client)
{
    while (!client->gone && client->n_out > 0) {
        ssize_t n = send(client->fd, client->out, client->n_out, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            client->gone = true;
            return;
        }
        client->n_out -= (size_t)n;
        memmove(client->out, client->out + n, client->n_out);
    }
    if (!client->gone)
        sd_event_source_set_io_events(client->source, EPOLLIN | (client->n_out ? EPOLLOUT : 0u));
}

static void run_line(struct client *client, char *line, uint64_t now_us)
{
    _cleanup_free_ char *text = NULL, *error = NULL;
    struct simbank_wish wish;
    size_t n = 0;
    FILE *answer = open_memstream(&text, &n);
    int r;

    if (!answer) {
        client->gone = true;
        return;
    }
    r = simbank_command(client->server->bank, line, client->id, now_us, answer, &wish, &error);
    if (r < 0)
        fprintf(answer, "error %s\n", error ?: "out of memory");
    else if (!wish.wait)
        fputs("ok\n", answer);
    fclose(answer);
    say(client, text, n);
    client->attached |= wish.attach;
    if (wish.wait) {
        client->wait = wish;
        client->wait_until_us = now_us + wish.wait_us;
    }
}

/* Lines wait behind a command whose answer is owed. */
static void run_lines(struct client *client, uint64_t now_us)
{
    char *end;

    while (!client->gone && !client->wait.wait &&
           (end = memchr(client->in, '\n', client->n_in)) != NULL) {
        char line[LINE_MAX_BYTES];
        size_t n = (size_t)(end - client->in);

        memcpy(line, client->in, n);
        line[n] = '\0';
        client->n_in -= n + 1;
        memmove(client->in, end + 1, client->n_in);
        run_line(client, line, now_us);
    }
    if (client->n_in == sizeof(client->in) && !client->wait.wait)
        client->gone = true; /* no command is that long */
}

static void answer_wait(struct client *client, uint64_t now_us)
{
    const struct simbank_wish *wait = &client->wait;
    const struct simbank_door *door = &client->server->bank->doors[wait->door - 1];
    char text[128];

    if (door->open == wait->wait_open && simbank_at_rest(door))
        snprintf(text, sizeof(text), "ok\n");
    else if (now_us >= client->wait_until_us)
        snprintf(text, sizeof(text), "error door %" PRIu32 " was not %s within %" PRIu64 " ms\n",
                 wait->door, wait->wait_open ? "open" : "closed", wait->wait_us / 1000);
    else
        return;
    client->wait.wait = false;
    say(client, text, strlen(text));
    run_lines(client, now_us);
}

static void tell_changes(struct server *server)
{
    const struct simbank_change *changes;
    size_t n = simbank_take_changes(server->bank, &changes);

    for (size_t i = 0; i < n; i++) {
        char line[64];
        int length = snprintf(line, sizeof(line), "sensor %" PRIu32 " %s %" PRIu64 "\n",
                              changes[i].door, sensor_name(changes[i].sensor), changes[i].at_us);

        for (struct client *client = server->clients; client; client = client->next)
            if (client->attached)
                say(client, line, (size_t)length);
    }
}

static void drop_gone(struct server *server, uint64_t now_us)
{
    struct client **link = &server->clients;

    while (*link) {
        struct client *client = *link;

        if (!client->gone) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        simbank_client_gone(server->bank, client->id, now_us);
        sd_event_source_disable_unref(client->source);
        close(client->fd);
        free(client->out);
        free(client);
    }
}

/* The end of every turn: answers, changes, and the time when the bank moves by itself again. */
static int end_turn(struct server *server, uint64_t now_us)
{
    uint64_t next_us;

    simbank_advance(server->bank, now_us);
    for (struct client *client = server->clients; client; client = client->next)
        if (client->wait.wait)
            answer_wait(client, now_us);
    tell_changes(server);
    for (struct client *client = server->clients; client; client = client->next)
        flush(client);
    drop_gone(server, now_us);
    if (server->bank->out_of_memory)
        return sd_event_exit(server->event, -ENOMEM);
    next_us = simbank_next_us(server->bank);
    for (struct client *client = server->clients; client; client = client->next)
        if (client->wait.wait && client->wait_until_us < next_us)
            next_us = client->wait_until_us;
    sd_event_source_set_time(server->timer, next_us);
    return sd_event_source_set_enabled(server->timer,
                                       next_us == SIMBANK_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    return end_turn(userdata, clock_boot_us());
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct client *client = userdata;
    struct server *server = client->server;
    uint64_t now_us = clock_boot_us();

    simbank_advance(server->bank, now_us);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t n =
            recv(fd, client->in + client->n_in, sizeof(client->in) - client->n_in, MSG_DONTWAIT);

        if (n > 0)
            client->n_in += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            client->gone = true;
        run_lines(client, now_us);
    }
    return end_turn(server, now_us);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct server *server = userdata;
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return -ENOMEM;
    client->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client->fd < 0 || sd_event_add_io(server->event, &client->source, client->fd, EPOLLIN,
                                          on_client, client) < 0) {
        closep(&client->fd);
        free(client);
        return 0;
    }
    client->server = server;
    client->id = ++server->n_clients;
    client->next = server->clients;
    server->clients = client;
    return 0;
}

static int run(struct server *server, int listen_fd)
{
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    r = sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(server->event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_io(server->event, NULL, listen_fd, EPOLLIN, on_connection, server);
    if (r >= 0)
        r = sd_event_add_time(server->event, &server->timer, CLOCK_BOOTTIME, SIMBANK_NEVER, 1,
                              on_timer, server);
    if (r < 0)
        return r;
    sd_notify(false, "READY=1");
    return sd_event_loop(server->event);
}

int simbank_serve(struct simbank *bank, int listen_fd)
{
    struct server server = {.bank = bank};
    int r = sd_event_new(&server.event);

    if (r >= 0)
        r = run(&server, listen_fd);
    for (struct client *client = server.clients; client; client = client->next)
        client->gone = true;
    drop_gone(&server, clock_boot_us());
    sd_event_source_disable_unref(server.timer);
    sd_event_unref(server.event);
    close(listen_fd);
    return r < 0 ? r : 0;
}
