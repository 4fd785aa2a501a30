#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/common/broker.h"
#include "tests/unit/common/mqtt-client.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define KEY "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "

/* Two authorities; certificates of the broker that are good, expired or for another name; one of a
 * bank. */
static const char make_certificates[] =
    "cd %s && exec 2>/dev/null >/dev/null && set -e;"
    "for ca in ca other; do openssl req -x509 " KEY
    "-keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca; done;"
    "make() { openssl req " KEY "-keyout $1.key -out $1.csr -subj /CN=$1 -addext $3;"
    "openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $2 "
    "-copy_extensions copy -out $1.pem; };"
    "make good 2 subjectAltName=IP:127.0.0.1;"
    "make expired -1 subjectAltName=IP:127.0.0.1;"
    "make elsewhere 2 subjectAltName=DNS:elsewhere.example;"
    "make bank 2 subjectAltName=DNS:bank";

struct fixture {
    struct broker broker;
    struct client client;
    char files[4][96];
};

static char folder[64]; /* of the certificates, for all tests */

static const char *file(struct fixture *f, size_t slot, const char *name)
{
    snprintf(f->files[slot], sizeof(f->files[slot]), "%s/%s", folder, name);
    return f->files[slot];
}

static void start(struct fixture *f, const char *certificate, bool client_certificates)
{
    char settings[512];

    snprintf(settings, sizeof(settings),
             "cafile %s/ca.pem\ncertfile %s/%s.pem\nkeyfile %s/%s.key\n%s", folder, folder,
             certificate, folder, certificate,
             client_certificates ? "require_certificate true\nuse_identity_as_username true\n"
                                 : "allow_anonymous true\n");
    broker_start(&f->broker, settings);
}

static struct mqtt_options with_tls(struct fixture *f, const char *authority)
{
    return (struct mqtt_options){.port = f->broker.port, .ca_file = file(f, 0, authority)};
}

static void expect_trouble(struct fixture *f, struct mqtt_options options, const char *words)
{
    client_open(&f->client, options);
    client_run_until(&f->client, f->client.n_waiting == 1);
    client_assert_detail(&f->client, words);
    assert_int_equal(f->client.n_connected, 0);
}

/* Messages of several TLS records, more than the mailbox holds: no record is left unread. */
static void test_large_messages(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->client;
    struct mqtt_options options;
    static char payload[120000];

    start(f, "good", true);
    options = with_tls(f, "ca.pem");
    options.certificate_file = file(f, 1, "bank.pem");
    options.key_file = file(f, 2, "bank.key");
    options.mailbox_bytes = 150000;
    client_open(c, options);
    client_run_until(c, c->n_connected == 1);
    client_assert_detail(c, "(TLSv1.");
    for (unsigned i = 0; i < 20; i++) {
        snprintf(payload, sizeof(payload), "number %u", i);
        assert_int_equal(mqtt_publish(c->mqtt, "test/x", payload, sizeof(payload), false), 0);
    }
    client_run_until(c, c->n_messages == 20 && mqtt_in_flight(c->mqtt) == 0);
    assert_true(c->in_order);
    assert_int_equal(c->last_bytes, sizeof(payload));
}

static void test_reconnect(void **state)
{
    struct fixture *f = *state;
    struct client *c = &f->client;

    start(f, "good", false);
    client_open(c, with_tls(f, "ca.pem"));
    client_run_until(c, c->n_connected == 1);
    broker_kill(&f->broker);
    client_run_until(c, c->n_waiting == 2);
    client_assert_detail(c, "connection refused");
    broker_restart(&f->broker);
    client_run_until(c, c->n_connected == 2);
    assert_int_equal(client_publish(c, "back"), 0);
    client_run_until(c, c->n_messages == 1);
}

static void test_missing_client_certificate(void **state)
{
    struct fixture *f = *state;

    start(f, "good", true);
    /* The broker's words may be lost with its reset; the hint is there in either case. */
    expect_trouble(f, with_tls(f, "ca.pem"), "client certificate");
}

static void test_expired_certificate(void **state)
{
    struct fixture *f = *state;

    start(f, "expired", false);
    expect_trouble(f, with_tls(f, "ca.pem"), "is not good: certificate has expired; renew it");
}

static void test_unknown_authority(void **state)
{
    struct fixture *f = *state;

    start(f, "good", false);
    expect_trouble(f, with_tls(f, "other.pem"), "check that ca_file holds the authority");
}

static void test_certificate_for_another_name(void **state)
{
    struct fixture *f = *state;

    start(f, "elsewhere", false);
    expect_trouble(f, with_tls(f, "ca.pem"), "is for another name");
}

static void test_missing_files(void **state)
{
    struct fixture *f = *state;
    struct mqtt_options options;

    start(f, "good", false);
    options = with_tls(f, "missing.pem");
    expect_trouble(f, options, "missing.pem cannot be read: No such file");
    client_close(&f->client);
    f->client.n_waiting = 0;
    options = with_tls(f, "ca.pem");
    options.certificate_file = file(f, 1, "bank.pem");
    expect_trouble(f, options, "give both certificate and key");
}

static void test_plain_client_at_a_tls_port(void **state)
{
    struct fixture *f = *state;

    start(f, "good", false);
    expect_trouble(f, (struct mqtt_options){.port = f->broker.port}, "set ca_file");
}

static void test_tls_client_at_a_plain_port(void **state)
{
    struct fixture *f = *state;

    broker_start(&f->broker, "allow_anonymous true\n");
    expect_trouble(f, with_tls(f, "ca.pem"), "speaks TLS");
}

static void test_handshake_that_never_ends(void **state)
{
    struct fixture *f = *state;
    struct mqtt_options options = {.connect_timeout_ms = 300, .ca_file = file(f, 0, "ca.pem")};
    int fd = broker_mute_socket(&options.port, 1);

    expect_trouble(f, options, "does not answer the TLS handshake");
    close(fd);
}

static void test_reset_in_the_handshake(void **state)
{
    struct fixture *f = *state;
    struct mqtt_options options = {.ca_file = file(f, 0, "ca.pem")};
    int listener = broker_mute_socket(&options.port, 1), fd;
    char hello[16];

    client_open(&f->client, options);
    fd = accept(listener, NULL, NULL);
    assert_true(read(fd, hello, 1) == 1);
    close(fd); /* with data unread: a reset */
    client_run_until(&f->client, f->client.n_waiting == 1);
    client_assert_detail(&f->client, "TLS");
    close(listener);
}

static int make_folder(void **state)
{
    char command[1536];

    strcpy(folder, "/tmp/test-mqtt-tls-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(command, sizeof(command), make_certificates, folder);
    return system(command) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[96];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

static int set_up(void **state)
{
    return (*state = calloc(1, sizeof(struct fixture))) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    client_close(&f->client);
    broker_done(&f->broker);
    free(f);
    return 0;
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_large_messages),
        fixture_test(test_reconnect),
        fixture_test(test_missing_client_certificate),
        fixture_test(test_expired_certificate),
        fixture_test(test_unknown_authority),
        fixture_test(test_certificate_for_another_name),
        fixture_test(test_missing_files),
        fixture_test(test_plain_client_at_a_tls_port),
        fixture_test(test_tls_client_at_a_plain_port),
        fixture_test(test_handshake_that_never_ends),
        fixture_test(test_reset_in_the_handshake),
    };

    if (!broker_available() || access("/usr/bin/openssl", X_OK) != 0) {
        puts("1..0 # SKIP there is no mosquitto or no openssl on this machine");
        return 0;
    }
    return cmocka_run_group_tests_name("mqtt-tls", tests, make_folder, remove_folder);
}
