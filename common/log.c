#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define LOG_LINE_MAX   2048
#define LOG_FIELDS_MAX 16

/* The two settings of the process; set once in main() before any thread starts. */
static int max_priority = LOG_INFO;
static const char *program = "pickup";

void log_set_max_priority(int priority)
{
    max_priority = priority;
}

void log_set_program(const char *name)
{
    program = name;
}

/* systemd.exec(5): $JOURNAL_STREAM is device:inode of the stream that stderr was connected to; a
 * redirected stderr does not match and gets plain lines. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void to_journal(int priority, const char *const *fields, const char *message)
{
    char message_field[LOG_LINE_MAX + 16], priority_field[16], identifier_field[64];
    struct iovec iov[LOG_FIELDS_MAX + 3];
    int n = 0;

    snprintf(message_field, sizeof(message_field), "MESSAGE=%s", message);
    snprintf(priority_field, sizeof(priority_field), "PRIORITY=%d", priority);
    snprintf(identifier_field, sizeof(identifier_field), "SYSLOG_IDENTIFIER=%s", program);
    iov[n++] = (struct iovec){message_field, strlen(message_field)};
    iov[n++] = (struct iovec){priority_field, strlen(priority_field)};
    iov[n++] = (struct iovec){identifier_field, strlen(identifier_field)};
    for (; fields && *fields && n < (int)ELEMENTSOF(iov); fields++)
        iov[n++] = (struct iovec){(char *)*fields, strlen(*fields)};
    (void)sd_journal_sendv(iov, n);
}

/* One write per line, so that lines of several programs on one terminal stay whole. */
static void to_stderr(const char *const *fields, const char *message)
{
    char line[2 * LOG_LINE_MAX];
    bool any = false;
    size_t n;

    n = (size_t)snprintf(line, sizeof(line), "%s: %s", program, message);
    for (; fields && *fields && n < sizeof(line); fields++) {
        if (strncmp(*fields, "MESSAGE_ID=", 11) == 0)
            continue;
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", any ? " " : " [", *fields);
        any = true;
    }
    if (any && n < sizeof(line))
        n += (size_t)snprintf(line + n, sizeof(line) - n, "]");
    if (n > sizeof(line) - 1)
        n = sizeof(line) - 1;
    /* Texts from outside (a scanned code, a topic) must not forge lines or drive the terminal. */
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7F)
            line[i] = '?';
    line[n++] = '\n';
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
        ;
}

static void log_va(int priority, const char *const *fields, const char *format, va_list ap)
    _printf_(3, 0);
static void log_va(int priority, const char *const *fields, const char *format, va_list ap)
{
    char message[LOG_LINE_MAX];
    int saved = errno;

    if (priority <= max_priority) {
        vsnprintf(message, sizeof(message), format, ap);
        if (stderr_is_journal())
            to_journal(priority, fields, message);
        else
            to_stderr(fields, message);
    }
    errno = saved;
}

void log_line(int priority, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    log_va(priority, NULL, format, ap);
    va_end(ap);
}

void log_fields(int priority, const char *const *fields, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    log_va(priority, fields, format, ap);
    va_end(ap);
}

int log_errno(int error, const char *format, ...)
{
    char message[LOG_LINE_MAX];
    int number = error < 0 ? -error : error;
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    log_line(LOG_ERR, "%s: %s", message, strerrordesc_np(number) ?: "unknown error");
    return -number;
}
