#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mqtt-thread.h"
#include "common/mqtt.h"
#include "tests/unit/common/broker.h"
#include "tests/unit/common/mqtt-client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

struct fixture {
    struct broker broker;
    struct client clients[2];
};

static void test_connect_and_echo(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    assert_int_equal(client_publish(c, "too early"), -ENOTCONN);
    client_run_until(c, c->n_connected == 1);
    client_assert_detail(c, "connected to 127.0.0.1:");
    assert_int_equal(c->n_waiting, 0);
    assert_int_equal(client_publish(c, "hello"), 0);
    client_run_until(c, c->n_messages == 1 && c->n_drained > 0 && mqtt_in_flight(c->mqtt) == 0);
    assert_string_equal(c->last_topic, "test/echo");
    assert_string_equal(c->last_payload, "hello");
    assert_false(c->last_retained);
    assert_int_equal(mqtt_publish(c->mqtt, "test/empty", NULL, 0, false), 0);
    client_run_until(c, c->n_messages == 2);
    assert_int_equal(c->last_bytes, 0);
    assert_int_equal(mqtt_publish(c->mqtt, "test/#", "x", 1, false), -EINVAL);
    assert_int_equal(mqtt_publish(c->mqtt, "", "x", 1, false), -EINVAL);
    client_run_for(c, 100);
    assert_int_equal(c->n_messages, 2); /* "too early" was not kept */
}

static void test_broker_restart(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    client_run_until(c, c->n_connected == 1);
    broker_kill(&f->broker);
    /* The loop has not heard yet: what is handed over now may be lost, but never sent later. */
    usleep(100000);
    assert_int_equal(client_publish(c, "lost"), -ENOTCONN);
    client_run_until(c, c->n_waiting > 1);
    client_assert_detail(c, "connection refused by 127.0.0.1:");
    assert_int_equal(client_publish(c, "lost"), -ENOTCONN);
    assert_int_equal(mqtt_in_flight(c->mqtt), 0);
    broker_restart(&f->broker);
    client_run_until(c, c->n_connected == 2);
    assert_int_equal(client_publish(c, "back"), 0); /* the subscription is back too */
    client_run_until(c, c->n_messages == 1);
    assert_string_equal(c->last_payload, "back");
}

static void test_refused_port(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    uint16_t port = broker_free_port();

    client_open(
        c, (struct mqtt_options){.port = port, .backoff_min_ms = 60000, .backoff_max_ms = 60000});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "connection refused by 127.0.0.1:");
    /* mqtt_reconnect() ends the long wait. */
    client_run_for(c, 50);
    assert_int_equal(c->n_waiting, 1);
    mqtt_reconnect(c->mqtt);
    client_run_until(c, c->n_waiting == 2);
}

/* Attempts grow rarer: 20, 40, 80, 100, 100 … ms, each at least half of that. */
static void test_back_off(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    int64_t begin_ms = client_now_ms();

    client_open(c, (struct mqtt_options){.port = broker_free_port()});
    client_run_until(c, c->n_waiting == 6);
    assert_true(client_now_ms() - begin_ms >= 10 + 20 + 40 + 50 + 50);
}

static void test_broker_that_never_answers(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    uint16_t port;
    int fd = broker_mute_socket(&port, 10);

    client_open(c, (struct mqtt_options){.port = port, .connect_timeout_ms = 200});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "no MQTT broker answered");
    close(fd);
}

/* A full backlog drops SYNs, as a firewall does. */
static void test_black_hole(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    uint16_t port;
    int fd = broker_mute_socket(&port, 0), fill[8];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int64_t begin_ms;

    for (size_t i = 0; i < ELEMENTSOF(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fill[i], (struct sockaddr *)&address, sizeof(address));
    }
    usleep(50000);
    client_open(c, (struct mqtt_options){.port = port, .connect_timeout_ms = 300});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "no answer from 127.0.0.1:");
    assert_int_equal(c->trouble, MQTT_NO_ANSWER);
    /* Leaving in the middle of an attempt does not wait for it. */
    mqtt_reconnect(c->mqtt);
    client_run_for(c, 20);
    begin_ms = client_now_ms();
    client_close(c);
    assert_true(client_now_ms() - begin_ms < 250);
    for (size_t i = 0; i < ELEMENTSOF(fill); i++)
        close(fill[i]);
    close(fd);
}

/* Stands in for a resolver that hangs: released by a byte in the pipe. */
static int resolver_pipe[2] = {-1, -1};

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    char byte;

    if (strcmp(name, "hangs.example") == 0) {
        (void)!read(resolver_pipe[0], &byte, 1);
        return EAI_AGAIN;
    }
    if (strcmp(name, "dead.example") == 0)
        return EAI_AGAIN;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, ret_list);
}

static void test_dead_name_server(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    client_open(c, (struct mqtt_options){.host = "dead.example", .port = 1883});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "cannot find dead.example: Temporary failure in name resolution");
    assert_int_equal(c->trouble, MQTT_NAME);
}

static void test_leaving_while_the_resolver_hangs(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    int64_t begin_ms = client_now_ms();

    assert_int_equal(pipe(resolver_pipe), 0);
    client_open(c, (struct mqtt_options){.host = "hangs.example", .port = 1883});
    client_run_for(c, 50);
    assert_int_equal(mqtt_state(c->mqtt), MQTT_CONNECTING);
    client_close(c);
    assert_true(client_now_ms() - begin_ms < 5000);
    assert_int_equal(write(resolver_pipe[1], "x", 1), 1); /* the thread frees what it held */
    usleep(100000);
}

static void test_refused_credentials(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    broker_start(&f->broker, "allow_anonymous false\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port, .user = "bank"});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "refuses the credentials");
    assert_int_equal(c->n_connected, 0);
}

static void test_unreadable_password_file(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    client_open(c, (struct mqtt_options){
                       .port = 1883, .user = "bank", .password_file = "/nonexistent/password"});
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "/nonexistent/password cannot be read");
}

/* A broker played by the test: takes the connection and the next packet. */
static int accept_and_read(int listener)
{
    char packet[512];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(read(fd, packet, sizeof(packet)) > 0);
    assert_int_equal(packet[0], 0x10); /* CONNECT */
    return fd;
}

static const char connack[] = {0x20, 2, 0, 0};

static void test_refused_subscription(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    char packet[512], suback[] = {(char)0x90, 3, 0, 0, (char)0x80};
    uint16_t port;
    int listener = broker_mute_socket(&port, 1), fd;

    client_open(c, (struct mqtt_options){.port = port});
    fd = accept_and_read(listener);
    assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
    assert_true(read(fd, packet, sizeof(packet)) > 4);
    assert_int_equal((unsigned char)packet[0], 0x82); /* SUBSCRIBE */
    suback[2] = packet[2];
    suback[3] = packet[3];
    assert_int_equal(write(fd, suback, sizeof(suback)), sizeof(suback));
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "refuses the subscription to test/#");
    assert_int_equal(c->n_connected, 0);
    close(fd);
    close(listener);
}

static void test_missing_suback(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    uint16_t port;
    int listener = broker_mute_socket(&port, 1), fd;

    client_open(c, (struct mqtt_options){.port = port, .connect_timeout_ms = 300});
    fd = accept_and_read(listener);
    assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "did not confirm the subscriptions");
    assert_int_equal(c->n_connected, 0);
    close(fd);
    close(listener);
}

static void test_closed_before_connack(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    uint16_t port;
    int listener = broker_mute_socket(&port, 1);

    client_open(c, (struct mqtt_options){.port = port});
    close(accept_and_read(listener));
    client_run_until(c, c->n_waiting == 1);
    client_assert_detail(c, "closed the connection before it was set up");
    close(listener);
}

/* A loop that is busy for a while: the mailbox stays within its bound, nothing gets lost. */
static void test_mailbox_bound(void **state)
{
    struct fixture *f = *state;
    struct client *reader = &f->clients[0], *writer = &f->clients[1];
    static const char *const nothing[] = {NULL};
    const unsigned n_messages = 60;
    char payload[10000];

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(reader, (struct mqtt_options){.port = f->broker.port, .mailbox_bytes = 32768});
    client_open(writer, (struct mqtt_options){.port = f->broker.port,
                                              .client_id = "writer",
                                              .subscriptions = nothing});
    client_run_until(reader, reader->n_connected == 1);
    client_run_until(writer, writer->n_connected == 1);
    memset(payload, ' ', sizeof(payload));
    for (unsigned i = 0; i < n_messages; i++) {
        snprintf(payload, sizeof(payload), "number %u", i);
        assert_int_equal(mqtt_publish(writer->mqtt, "test/x", payload, sizeof(payload), false), 0);
    }
    client_run_until(writer, mqtt_in_flight(writer->mqtt) == 0);
    usleep(200000);
    pthread_mutex_lock(&reader->mqtt->mailbox.mutex);
    assert_in_range(reader->mqtt->mailbox.bytes, 20000, 32768);
    pthread_mutex_unlock(&reader->mqtt->mailbox.mutex);
    assert_int_equal(reader->n_messages, 0);
    client_run_until(reader, reader->n_messages == n_messages && reader->n_drained > 0);
    assert_true(reader->in_order);
    /* A message that is larger than the mailbox comes alone. */
    {
        _cleanup_free_ char *big = calloc(1, 100000);

        assert_non_null(big);
        assert_int_equal(mqtt_publish(writer->mqtt, "test/big", big, 100000, false), 0);
        client_run_until(reader, reader->n_messages == n_messages + 1);
        assert_int_equal(reader->last_bytes, 100000);
    }
}

static int count_turn(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (*(unsigned *)userdata)++;
    return 0;
}

/* A receiver that does a message bit by bit gets it again before any other, and others get their
 * turns in between. */
static void test_the_same_message_again(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    _cleanup_close_ int busy_fd = -1;
    sd_event_source *other = NULL;
    unsigned turns = 0;
    int64_t begin_ms;
    char text[32];

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    client_run_until(c, c->n_connected == 1);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(text, sizeof(text), "number %u", i);
        assert_int_equal(client_publish(c, text), 0);
    }
    c->again = 10;
    busy_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* always readable */
    assert_true(sd_event_add_io(c->event, &other, busy_fd, EPOLLIN, count_turn, &turns) >= 0);
    assert_true(sd_event_source_set_priority(other, SD_EVENT_PRIORITY_NORMAL + 10) >= 0);
    client_run_until(c, c->n_messages == 5);
    assert_true(c->in_order);
    assert_true(turns >= 50);
    sd_event_source_disable_unref(other);

    c->again = 3;
    c->again_ms = 40;
    begin_ms = client_now_ms();
    assert_int_equal(client_publish(c, "number 5"), 0);
    assert_int_equal(client_publish(c, "number 6"), 0);
    client_run_until(c, c->n_messages == 7);
    assert_true(c->in_order);
    assert_true(client_now_ms() - begin_ms >= 6 * 40);
    /* Leaving in the middle of one loses nothing but that. */
    c->again = 1000000;
    assert_int_equal(client_publish(c, "number 7"), 0);
    client_run_until(c, c->n_again > 0);
}

/* Stopping while the thread waits for room must not hang. */
static void test_leaving_with_a_full_mailbox(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];
    char payload[10000] = "";
    int64_t begin_ms;

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port, .mailbox_bytes = 20000});
    client_run_until(c, c->n_connected == 1);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(mqtt_publish(c->mqtt, "test/x", payload, sizeof(payload), false), 0);
    usleep(200000);
    begin_ms = client_now_ms();
    client_close(c);
    assert_true(client_now_ms() - begin_ms < 1500);
}

static void test_in_flight_bound(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    broker_start(&f->broker, "allow_anonymous true\n");
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    client_run_until(c, c->n_connected == 1);
    client_run_for(c, 50);
    kill(f->broker.pid, SIGSTOP); /* no acknowledgement comes */
    for (unsigned i = 0; i < 64; i++) {
        char text[32];

        snprintf(text, sizeof(text), "number %u", i);
        assert_int_equal(client_publish(c, text), 0);
    }
    assert_int_equal(client_publish(c, "one too many"), -EAGAIN);
    assert_int_equal(mqtt_in_flight(c->mqtt), 64);
    c->n_drained = 0;
    client_run_for(c, 50);
    assert_int_equal(c->n_drained, 0);
    kill(f->broker.pid, SIGCONT);
    client_run_until(c, c->n_drained > 0 && client_publish(c, "now") == 0);
    client_run_until(c, c->n_messages == 65 && mqtt_in_flight(c->mqtt) == 0);
    assert_true(c->in_order);
    assert_string_equal(c->last_payload, "now");
}

/* The process that leave() starts: connects with a will and leaves, in good order or not. */
static int leaver(const char *port, bool politely)
{
    struct client c = {0};

    client_open(&c, (struct mqtt_options){.port = (uint16_t)atoi(port),
                                          .client_id = "leaver",
                                          .will_topic = "test/will",
                                          .will_payload = "died"});
    client_run_until(&c, c.n_connected == 1);
    (void)mqtt_publish(c.mqtt, "test/last", "bye", 3, false);
    if (politely)
        mqtt_free(c.mqtt);
    else
        client_run_for(&c, 100);
    _exit(0);
}

static void leave(struct fixture *f, bool politely)
{
    char port[8],
        *arguments[] = {(char *)"leaver", port, politely ? (char *)"politely" : NULL, NULL};
    pid_t pid;

    snprintf(port, sizeof(port), "%u", f->broker.port);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_will(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->clients[0];

    broker_start(&f->broker, "allow_anonymous true\n");
    leave(f, true);
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    client_run_until(c, c->n_connected == 1);
    leave(f, true); /* what it published last arrives; its will does not */
    client_run_until(c, c->n_messages == 1);
    client_run_for(c, 100);
    assert_int_equal(c->n_messages, 1);
    assert_string_equal(c->last_payload, "bye");
    leave(f, false);
    client_run_until(c, c->n_messages == 3);
    assert_string_equal(c->last_topic, "test/will");
    assert_string_equal(c->last_payload, "died");
    client_close(c);
    client_open(c, (struct mqtt_options){.port = f->broker.port});
    client_run_until(c, c->n_messages == 4);
    assert_true(c->last_retained);
}

static void test_bad_options(void **state)
{
    static const struct mqtt_options bad[] = {
        {.port = 1, .client_id = "x"},
        {.host = "", .port = 1, .client_id = "x"},
        {.host = "h", .client_id = "x"},
        {.host = "h", .port = 1},
        {.host = "h", .port = 1, .client_id = "x", .keepalive_s = 4},
        {.host = "h", .port = 1, .client_id = "x", .will_topic = "t"},
    };
    struct mqtt *mqtt = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(mqtt_new(NULL, &bad[i], NULL, NULL, NULL, NULL, &mqtt), -EINVAL);
    assert_null(mqtt);
    assert_null(mqtt_free(NULL));
}

static int set_up(void **state)
{
    return (*state = calloc(1, sizeof(struct fixture))) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    client_close(&f->clients[0]);
    client_close(&f->clients[1]);
    broker_done(&f->broker);
    free(f);
    return 0;
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_connect_and_echo),
        fixture_test(test_broker_restart),
        fixture_test(test_refused_port),
        fixture_test(test_back_off),
        fixture_test(test_broker_that_never_answers),
        fixture_test(test_black_hole),
        fixture_test(test_dead_name_server),
        fixture_test(test_leaving_while_the_resolver_hangs),
        fixture_test(test_refused_credentials),
        fixture_test(test_unreadable_password_file),
        fixture_test(test_refused_subscription),
        fixture_test(test_missing_suback),
        fixture_test(test_closed_before_connack),
        fixture_test(test_mailbox_bound),
        fixture_test(test_the_same_message_again),
        fixture_test(test_leaving_with_a_full_mailbox),
        fixture_test(test_in_flight_bound),
        fixture_test(test_will),
        cmocka_unit_test(test_bad_options),
    };

    if (argc > 1)
        return leaver(argv[1], argc > 2);
    if (!broker_available()) {
        puts("1..0 # SKIP there is no mosquitto on this machine");
        return 0;
    }
    return cmocka_run_group_tests_name("mqtt", tests, NULL, NULL);
}
