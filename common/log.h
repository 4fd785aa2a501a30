/* Logging for the programs. Libraries (everything else in common/) stay silent and return -errno;
 * the exceptions say so in their headers. Goes to the journal with fields when stderr is the
 * journal ($JOURNAL_STREAM), else as plain lines to stderr. */
#pragma once

#include "common/cleanup.h"
#include <syslog.h>

/* Highest priority number (LOG_ERR … LOG_DEBUG) that is still printed; LOG_INFO at start. */
void log_set_max_priority(int priority);
/* Name in front of plain lines, for example "pickupd"; not copied. */
void log_set_program(const char *name);

/* One line. `priority` is a syslog priority. */
void log_line(int priority, const char *format, ...) _printf_(2, 3);

/* One line with journal fields, each "NAME=value" with upper-case NAME (MESSAGE_ID, ORDER=, DOOR=,
 * GRANT=, SESSION=, OUTCOME=); `fields` is NULL-terminated, or NULL. */
void log_fields(int priority, const char *const *fields, const char *format, ...) _printf_(3, 4);

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/* Logs `...` followed by ": strerror" and returns the same negative errno. */
int log_errno(int error, const char *format, ...) _printf_(2, 3);
