#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/common/broker.h"
#include "common/cleanup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MOSQUITTO "/usr/sbin/mosquitto"

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

int broker_mute_socket(uint16_t *ret_port, int n_backlog)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, n_backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

uint16_t broker_free_port(void)
{
    uint16_t port;

    close(broker_mute_socket(&port, 1));
    return port;
}

bool broker_available(void)
{
    return access(MOSQUITTO, X_OK) == 0;
}

static bool answers(uint16_t port)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);

    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

void broker_restart(struct broker *broker)
{
    char file[96];
    char *arguments[] = {(char *)MOSQUITTO, (char *)"-c", file, NULL};

    assert_int_equal(broker->pid, 0);
    snprintf(file, sizeof(file), "%s/mosquitto.conf", broker->folder);
    assert_int_equal(posix_spawn(&broker->pid, MOSQUITTO, NULL, NULL, arguments, environ), 0);
    for (int i = 0; i < 500; i++) {
        if (answers(broker->port))
            return;
        usleep(10000);
    }
    fail_msg("mosquitto does not start");
}

static void write_settings(FILE *file, const char *settings, const char *folder)
{
    for (const char *next; (next = strstr(settings, "%FOLDER%")); settings = next + 8)
        fprintf(file, "%.*s%s", (int)(next - settings), settings, folder);
    fputs(settings, file);
}

void broker_start(struct broker *broker, const char *settings)
{
    char path[96];
    FILE *file;

    if (!broker->folder[0]) {
        strcpy(broker->folder, "/tmp/test-broker-XXXXXX");
        assert_non_null(mkdtemp(broker->folder));
    }
    broker->port = broker_free_port();
    snprintf(path, sizeof(path), "%s/mosquitto.conf", broker->folder);
    file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "user %s\nlog_type none\nlistener %u 127.0.0.1\n", getpwuid(geteuid())->pw_name,
            broker->port);
    write_settings(file, settings, broker->folder);
    fclose(file);
    broker_restart(broker);
}

void broker_kill(struct broker *broker)
{
    if (broker->pid == 0)
        return;
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
    broker->pid = 0;
}

void broker_done(struct broker *broker)
{
    char command[96];

    broker_kill(broker);
    if (!broker->folder[0])
        return;
    snprintf(command, sizeof(command), "rm -r '%s'", broker->folder);
    assert_int_equal(system(command), 0);
    broker->folder[0] = '\0';
}
