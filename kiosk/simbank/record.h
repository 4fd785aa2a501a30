/* What a simulated lock bank has seen: a log for people, and violations for tests. */
#pragma once

#include "common/cleanup.h"

#include <stdio.h>

enum violation {
    VIOLATION_COIL_TOO_LONG, /* on for longer than its cap */
    VIOLATION_TWO_COILS,     /* switched on while another was on */
    VIOLATION_UNKNOWN_DOOR,  /* a coil that does not exist */
    VIOLATION_COIL_LEFT_ON,  /* the client that switched it on has vanished */
};

struct record_entry {
    uint64_t at_us;
    uint32_t door;
    const char *what;   /* static */
    uint64_t length_us; /* of a pulse; 0 = not told */
};

struct record_violation {
    uint64_t at_us;
    uint32_t door;
    enum violation kind;
};

#define RECORD_LOG_MAX        4096 /* the newest are kept */
#define RECORD_VIOLATIONS_MAX 4096 /* the first are kept */

struct record {
    uint64_t start_us;
    struct record_entry log[RECORD_LOG_MAX];
    uint64_t n_log; /* ever */
    struct record_violation violations[RECORD_VIOLATIONS_MAX];
    size_t n_violations;
};

void record_log(struct record *record, uint64_t at_us, uint32_t door, const char *what,
                uint64_t length_us);
void record_violation(struct record *record, uint64_t at_us, uint32_t door, enum violation kind);
/* "coil_too_long" … */
const char *violation_name(enum violation kind);
/* One line an entry, oldest first, in seconds since the start. */
void record_print_log(const struct record *record, FILE *stream);
/* One line: a JSON array of {"at_us","door","violation"}. */
void record_print_violations(const struct record *record, FILE *stream);
