#include "kiosk/simbank/record.h"

#include <inttypes.h>

void record_log(struct record *record, uint64_t at_us, uint32_t door, const char *what,
                uint64_t length_us)
{
    record->log[record->n_log++ % RECORD_LOG_MAX] = (struct record_entry){
        .at_us = at_us,
        .door = door,
        .what = what,
        .length_us = length_us,
    };
}

void record_violation(struct record *record, uint64_t at_us, uint32_t door, enum violation kind)
{
    record_log(record, at_us, door, violation_name(kind), 0);
    if (record->n_violations < RECORD_VIOLATIONS_MAX)
        record->violations[record->n_violations++] = (struct record_violation){
            .at_us = at_us,
            .door = door,
            .kind = kind,
        };
}

const char *violation_name(enum violation kind)
{
    static const char *const names[] = {"coil_too_long", "two_coils", "unknown_door",
                                        "coil_left_on"};

    return names[kind];
}

void record_print_log(const struct record *record, FILE *stream)
{
    uint64_t first = record->n_log > RECORD_LOG_MAX ? record->n_log - RECORD_LOG_MAX : 0;

    for (uint64_t i = first; i < record->n_log; i++) {
        const struct record_entry *entry = &record->log[i % RECORD_LOG_MAX];

        fprintf(stream, "%10.3f s  door %-3" PRIu32 " %s",
                (double)(entry->at_us - record->start_us) / 1e6, entry->door, entry->what);
        if (entry->length_us)
            fprintf(stream, " after %.1f ms", (double)entry->length_us / 1e3);
        fputc('\n', stream);
    }
}

void record_print_violations(const struct record *record, FILE *stream)
{
    fputc('[', stream);
    for (size_t i = 0; i < record->n_violations; i++)
        fprintf(stream, "%s{\"at_us\":%" PRIu64 ",\"door\":%" PRIu32 ",\"violation\":\"%s\"}",
                i ? "," : "", record->violations[i].at_us, record->violations[i].door,
                violation_name(record->violations[i].kind));
    fputs("]\n", stream);
}
