#include "common/mqtt-link.h"

#include <errno.h>
#include <fcntl.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PASSWORD_MAX_BYTES 1024

/* The first trouble is the cause; what follows from it is not told. */
static void fail(struct mqtt_link *link, enum mqtt_trouble kind, const char *format, ...)
    _printf_(3, 4);
static void fail(struct mqtt_link *link, enum mqtt_trouble kind, const char *format, ...)
{
    va_list ap;

    link->phase = LINK_FAILED;
    if (link->trouble[0])
        return;
    link->kind = kind;
    va_start(ap, format);
    vsnprintf(link->trouble, sizeof(link->trouble), format, ap);
    va_end(ap);
}

static const char *host(const struct mqtt_link *link)
{
    return link->options->host;
}

static int port(const struct mqtt_link *link)
{
    return link->options->port;
}

/* The broker's own words can be lost with its reset; the usual cause is said in either case. */
static void fail_tls_ended(struct mqtt_link *link)
{
    fail(link, MQTT_CREDENTIALS,
         "the broker at %s:%d ended TLS before the connection was set up; check the "
         "client certificate and its key",
         host(link), port(link));
}

static void fail_tcp(struct mqtt_link *link, int error)
{
    /* The library says EPROTO for what TLS met; on a fast network that is within connect(). */
    if ((error == EPROTO || error == EPIPE) && link->options->ca_file)
        fail_tls_ended(link);
    else if (error == ECONNREFUSED)
        fail(link, MQTT_REFUSED,
             "connection refused by %s:%d; check that the broker runs and listens there",
             host(link), port(link));
    else if (error == ECONNRESET)
        fail(link, MQTT_REFUSED,
             "connection refused or reset by %s:%d; check that the broker runs and speaks "
             "TLS there",
             host(link), port(link));
    else
        fail(link, MQTT_UNREACHABLE, "cannot reach %s:%d: %s; check network and address",
             host(link), port(link), strerror(error));
}

static void fail_certificate(struct mqtt_link *link, long verdict)
{
    const char *remedy = "check that ca_file holds the authority that signed it";

    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED)
        remedy = "renew it, or set the clock of this machine";
    else if (verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        remedy = "set the clock of this machine";
    fail(link, MQTT_CERTIFICATE, "the certificate of %s:%d is not good: %s; %s", host(link),
         port(link), X509_verify_cert_error_string(verdict), remedy);
}

/* libmosquitto tells the reason of a TLS failure only here, while the SSL object still lives. */
static void on_log(struct mosquitto *handle, void *userdata, int level, const char *text)
{
    struct mqtt_link *link = userdata;
    const char *reason = strrchr(text, ':');
    SSL *ssl = mosquitto_ssl_get(handle);
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

    if (level != MOSQ_LOG_ERR)
        return;
    if (strstr(text, "host name verification failed"))
        fail(link, MQTT_CERTIFICATE,
             "the certificate of %s:%d is for another name; connect to the name in it, or "
             "make one for %s",
             host(link), port(link), host(link));
    else if (strncmp(text, "OpenSSL Error", 13) != 0)
        return;
    else if (verdict != X509_V_OK)
        fail_certificate(link, verdict);
    else if (strstr(text, "unexpected eof"))
        fail_tls_ended(link);
    else if (strstr(text, "certificate required"))
        fail(link, MQTT_CREDENTIALS,
             "the broker at %s:%d asks for a client certificate; set certificate and key",
             host(link), port(link));
    else if (strstr(text, "alert") && (strstr(text, "certificate") || strstr(text, "unknown ca")))
        fail(link, MQTT_CREDENTIALS,
             "the broker at %s:%d refuses the client certificate: %s; check certificate and key, "
             "and that the broker knows their authority",
             host(link), port(link), reason ? reason + 1 : text);
    else
        fail(link, MQTT_TLS,
             "TLS with %s:%d failed: %s; check that this port speaks TLS, certificate and key",
             host(link), port(link), reason ? reason + 1 : text);
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static void on_connack(struct mosquitto *handle, void *userdata, int code)
{
    struct mqtt_link *link = userdata;
    const char *const *topics = link->options->subscriptions;
    size_t n = count(topics);
    int rc;

    if (code == CONNACK_REFUSED_BAD_USERNAME_PASSWORD || code == CONNACK_REFUSED_NOT_AUTHORIZED) {
        fail(link, MQTT_CREDENTIALS,
             "the broker at %s:%d refuses the credentials (%s); check user, password and "
             "certificate",
             host(link), port(link), mosquitto_connack_string(code));
        return;
    }
    if (code != 0) {
        fail(link, MQTT_BROKER_REFUSES, "the broker at %s:%d refuses the connection: %s",
             host(link), port(link), mosquitto_connack_string(code));
        return;
    }
    link->phase = n > 0 ? LINK_SUBACK : LINK_UP;
    if (n == 0)
        return;
    rc = mosquitto_subscribe_multiple(handle, NULL, (int)n, (char *const *)(void *)topics, 1, 0,
                                      NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        fail(link, MQTT_SUBSCRIPTION, "cannot subscribe at %s:%d: %s", host(link), port(link),
             mosquitto_strerror(rc));
}

static void on_suback(struct mosquitto *handle, void *userdata, int id, int n, const int *granted)
{
    struct mqtt_link *link = userdata;

    for (int i = 0; i < n; i++) {
        if (granted[i] <= 2)
            continue;
        fail(link, MQTT_SUBSCRIPTION,
             "the broker at %s:%d refuses the subscription to %s; check its access list",
             host(link), port(link), link->options->subscriptions[i]);
        return;
    }
    link->phase = LINK_UP;
}

static void on_message(struct mosquitto *handle, void *userdata,
                       const struct mosquitto_message *message)
{
    struct mqtt_link *link = userdata;

    mqtt_mailbox_put_message(link->mailbox, message->topic, message->payload,
                             (size_t)message->payloadlen, message->retain);
    /* The library takes a stale EAGAIN for an empty socket and leaves TLS records unread. */
    errno = 0;
}

static void on_puback(struct mosquitto *handle, void *userdata, int id)
{
    struct mqtt_link *link = userdata;

    mqtt_mailbox_acknowledged(link->mailbox);
    errno = 0;
}

/* Checks that the library's complaint would be about the file, and names it. */
static bool readable(struct mqtt_link *link, const char *what, const char *path)
{
    _cleanup_close_ int fd = -1;

    if (!path)
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(link, MQTT_LOCAL, "%s %s cannot be read: %s; check path and owner", what, path,
             strerror(errno));
    return fd >= 0;
}

static bool set_credentials(struct mqtt_link *link)
{
    const struct mqtt_options *options = link->options;
    char password[PASSWORD_MAX_BYTES] = "";
    int rc;

    if (options->password_file) {
        _cleanup_close_ int fd = open(options->password_file, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, password, sizeof(password) - 1);

        if (n < 0) {
            fail(link, MQTT_LOCAL, "password file %s cannot be read: %s; check path and owner",
                 options->password_file, strerror(errno));
            return false;
        }
        password[n] = '\0';
        password[strcspn(password, "\r\n")] = '\0';
    }
    rc = mosquitto_username_pw_set(link->handle, options->user,
                                   options->password_file ? password : NULL);
    explicit_bzero(password, sizeof(password));
    if (rc != MOSQ_ERR_SUCCESS)
        fail(link, MQTT_LOCAL, "user name cannot be used: %s", mosquitto_strerror(rc));
    return rc == MOSQ_ERR_SUCCESS;
}

/* Peer verification and the check of the host name are on unless switched off, which nobody does
 * here. PSK is not offered: 2.0.11 then accepts a broker with an unverified certificate. */
static bool set_tls(struct mqtt_link *link)
{
    const struct mqtt_options *options = link->options;
    int rc;

    if (!options->ca_file)
        return true;
    if (!readable(link, "certificate of the authority", options->ca_file) ||
        !readable(link, "client certificate", options->certificate_file) ||
        !readable(link, "client key", options->key_file))
        return false;
    rc = mosquitto_tls_set(link->handle, options->ca_file, NULL, options->certificate_file,
                           options->key_file, NULL);
    if (rc == MOSQ_ERR_SUCCESS) /* "tlsv1.2" means that or newer */
        rc = mosquitto_tls_opts_set(link->handle, SSL_VERIFY_PEER, "tlsv1.2", NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        fail(link, MQTT_LOCAL, "TLS cannot be set up: %s; give both certificate and key, or none",
             mosquitto_strerror(rc));
    return rc == MOSQ_ERR_SUCCESS;
}

static bool make_handle(struct mqtt_link *link)
{
    const struct mqtt_options *options = link->options;
    int rc = MOSQ_ERR_SUCCESS;

    link->handle = mosquitto_new(options->client_id, true, link);
    if (!link->handle) {
        fail(link, MQTT_LOCAL, "cannot prepare the connection: %s", strerror(errno));
        return false;
    }
    mosquitto_log_callback_set(link->handle, on_log);
    mosquitto_connect_callback_set(link->handle, on_connack);
    mosquitto_subscribe_callback_set(link->handle, on_suback);
    mosquitto_message_callback_set(link->handle, on_message);
    mosquitto_publish_callback_set(link->handle, on_puback);
    mosquitto_int_option(link->handle, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(link->handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
    mosquitto_int_option(link->handle, MOSQ_OPT_SEND_MAXIMUM, MQTT_IN_FLIGHT_MAX);
    if (options->will_topic)
        rc = mosquitto_will_set(link->handle, options->will_topic,
                                (int)strlen(options->will_payload), options->will_payload, 1, true);
    if (rc != MOSQ_ERR_SUCCESS) {
        fail(link, MQTT_LOCAL, "the will cannot be set: %s", mosquitto_strerror(rc));
        return false;
    }
    return set_credentials(link) && set_tls(link);
}

/* Looks the host up, for a reason that names it, and picks the family of this attempt. */
static bool resolve(struct mqtt_link *link, unsigned failures, int *ret_family)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    bool inet = false, inet6 = false;
    int r = getaddrinfo(host(link), NULL, &hints, &list);

    if (r != 0) {
        fail(link, MQTT_NAME, "cannot find %s: %s; check the name and the network's name server",
             host(link), r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        return false;
    }
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        inet = inet || a->ai_family == AF_INET;
        inet6 = inet6 || a->ai_family == AF_INET6;
    }
    *ret_family = AF_UNSPEC;
    if (inet && inet6) {
        int first = list->ai_family, second = first == AF_INET ? AF_INET6 : AF_INET;

        *ret_family = failures % 2 == 0 ? first : second;
    }
    freeaddrinfo(list);
    return true;
}

void mqtt_link_open(struct mqtt_link *link, const struct mqtt_options *options,
                    struct mqtt_mailbox *mailbox, unsigned failures)
{
    const char *bind_to = NULL;
    int family, rc;

    *link = (struct mqtt_link){.options = options, .mailbox = mailbox};
    if (!resolve(link, failures, &family) || !make_handle(link))
        return;
    /* The library tries only the first address that does not fail at once; binding to the "any"
     * address of a family makes it skip the others. */
    if (family != AF_UNSPEC)
        bind_to = family == AF_INET ? "0.0.0.0" : "::";
    errno = 0;
    rc = mosquitto_connect_bind_async(link->handle, options->host, options->port,
                                      (int)options->keepalive_s, bind_to);
    if (rc == MOSQ_ERR_ERRNO)
        fail_tcp(link, errno ? errno : EHOSTUNREACH);
    else if (rc != MOSQ_ERR_SUCCESS)
        fail(link, MQTT_UNREACHABLE, "cannot connect to %s:%d: %s", host(link), port(link),
             mosquitto_strerror(rc));
}

int mqtt_link_fd(const struct mqtt_link *link)
{
    return link->handle ? mosquitto_socket(link->handle) : -1;
}

short mqtt_link_poll_events(const struct mqtt_link *link)
{
    /* POLLIN would report the missing connection as an error before it can be told which. */
    if (link->phase == LINK_TCP)
        return POLLOUT;
    return mosquitto_want_write(link->handle) ? POLLIN | POLLOUT : POLLIN;
}

/* TCP has succeeded or failed. */
static void finish_tcp(struct mqtt_link *link)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(int), peer_size = sizeof(peer);
    int error = 0, fd = mqtt_link_fd(link);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    /* With TLS the library has already read and written, which takes the error away. */
    if (error == 0 && getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
        error = ECONNRESET;
    if (error != 0)
        fail_tcp(link, error);
    else
        link->phase = link->options->ca_file ? LINK_TLS : LINK_CONNACK;
}

/* A call into the library ended with `rc`; the socket may be gone whatever it says. */
static void check(struct mqtt_link *link, int rc, int error)
{
    if (rc == MOSQ_ERR_SUCCESS && mqtt_link_fd(link) >= 0)
        return;
    if (rc == MOSQ_ERR_ERRNO && link->options->ca_file && link->phase < LINK_UP)
        fail_tls_ended(link);
    else if (rc == MOSQ_ERR_ERRNO)
        fail(link, MQTT_BROKEN, "connection to %s:%d broke: %s", host(link), port(link),
             strerror(error));
    else if (rc == MOSQ_ERR_KEEPALIVE)
        fail(link, MQTT_SILENT, "the broker at %s:%d no longer answers", host(link), port(link));
    else if (link->phase < LINK_UP)
        fail(link, MQTT_CLOSED, "the broker at %s:%d closed the connection before it was set up%s",
             host(link), port(link),
             link->options->ca_file ? "" : "; if it speaks TLS on this port, set ca_file");
    else
        fail(link, MQTT_CLOSED,
             "the broker at %s:%d closed the connection; if it does so again and again, another "
             "machine may use the same name",
             host(link), port(link));
}

void mqtt_link_step(struct mqtt_link *link, short revents)
{
    bool first_write = false;
    SSL *ssl;
    int rc = MOSQ_ERR_SUCCESS;

    if (link->phase == LINK_TCP && revents) {
        finish_tcp(link);
        first_write = true;
    }
    if (link->phase == LINK_TCP || link->phase == LINK_FAILED)
        return;
    /* With TLS the library starts the handshake only when it reads; nothing arrives before that. */
    errno = 0;
    if (first_write || revents & (POLLIN | POLLERR | POLLHUP))
        rc = mosquitto_loop_read(link->handle, 1);
    if (rc == MOSQ_ERR_SUCCESS && revents & POLLOUT && mqtt_link_fd(link) >= 0)
        rc = mosquitto_loop_write(link->handle, 1);
    if (rc == MOSQ_ERR_SUCCESS && mqtt_link_fd(link) >= 0)
        rc = mosquitto_loop_misc(link->handle);
    check(link, rc, errno);
    /* The library takes a reset in the handshake for "not yet". */
    if (link->phase == LINK_TLS && revents & (POLLERR | POLLHUP))
        fail(link, MQTT_TLS,
             "%s:%d closed the connection in the TLS handshake; check that this port speaks "
             "TLS",
             host(link), port(link));
    ssl = link->phase == LINK_TLS ? mosquitto_ssl_get(link->handle) : NULL;
    if (ssl && SSL_is_init_finished(ssl))
        link->phase = LINK_CONNACK;
}

void mqtt_link_publish(struct mqtt_link *link, const struct mqtt_item *item)
{
    int rc;

    errno = 0;
    rc = mosquitto_publish(link->handle, NULL, item->topic, (int)item->payload_bytes, item->payload,
                           1, item->retain);
    check(link, rc, errno);
}

void mqtt_link_time_out(struct mqtt_link *link)
{
    unsigned timeout_s = link->options->connect_timeout_ms / 1000;

    if (link->phase == LINK_TCP)
        fail(link, MQTT_NO_ANSWER,
             "no answer from %s:%d in %u s; check address, network and firewall", host(link),
             port(link), timeout_s);
    else if (link->phase == LINK_TLS)
        fail(link, MQTT_TLS_NO_ANSWER,
             "%s:%d does not answer the TLS handshake in %u s; check that this port speaks "
             "TLS",
             host(link), port(link), timeout_s);
    else if (link->phase == LINK_CONNACK)
        fail(link, MQTT_CONNACK_MISSING,
             "%s:%d accepts connections, but no MQTT broker answered in %u s; check the port",
             host(link), port(link), timeout_s);
    else
        fail(link, MQTT_SUBACK_MISSING,
             "the broker at %s:%d did not confirm the subscriptions in %u s", host(link),
             port(link), timeout_s);
}

void mqtt_link_disconnect(struct mqtt_link *link)
{
    check(link, mosquitto_disconnect(link->handle), errno);
}

void mqtt_link_describe(const struct mqtt_link *link, char *ret_text, size_t size)
{
    SSL *ssl = mosquitto_ssl_get(link->handle);

    snprintf(ret_text, size, "connected to %s:%d%s%s%s", host(link), port(link), ssl ? " (" : "",
             ssl ? SSL_get_version(ssl) : "", ssl ? ")" : "");
}

void mqtt_link_close(struct mqtt_link *link)
{
    mosquitto_destroy(link->handle);
    link->handle = NULL;
}
