#include "kiosk/trace.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_MAX 16 /* grants at a time; a session has one */

struct line {
    uint64_t grant; /* 0 = free */
    uint32_t door;
    uint64_t captured_us, start_us, decoded_us, presented_us;
    uint64_t granted_us, coil_on_us, coil_off_us;
};

struct trace {
    FILE *file;
    struct line next; /* what was presented and has led to no grant yet */
    struct line lines[LINES_MAX];
};

int trace_open(const char *path, struct trace **ret_trace)
{
    struct trace *trace;

    if (!path) {
        *ret_trace = NULL;
        return 0;
    }
    trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    trace->file = fopen(path, "ae");
    if (!trace->file) {
        int r = log_errno(-errno, "cannot write the trace %s", path);

        free(trace);
        return r;
    }
    *ret_trace = trace;
    return 0;
}

struct trace *trace_close(struct trace *trace)
{
    if (!trace)
        return NULL;
    fclose(trace->file);
    free(trace);
    return NULL;
}

void trace_present(struct trace *trace, const struct decoder_text *text)
{
    if (trace)
        trace->next = (struct line){.captured_us = text->captured_us,
                                    .start_us = text->start_us,
                                    .decoded_us = text->decoded_us,
                                    .presented_us = clock_boot_us()};
}

void trace_refused(struct trace *trace)
{
    if (trace)
        trace->next = (struct line){};
}

static struct line *find(struct trace *trace, uint64_t grant)
{
    for (size_t i = 0; i < LINES_MAX; i++)
        if (trace->lines[i].grant == grant)
            return &trace->lines[i];
    return NULL;
}

void trace_granted(struct trace *trace, const struct door_grant *grant)
{
    struct line *line;

    if (!trace)
        return;
    line = find(trace, 0);
    if (!line)
        line = &trace->lines[0];
    *line = TAKE(trace->next, (struct line){});
    line->grant = grant->grant;
    line->door = grant->door;
    line->granted_us = clock_boot_us();
}

void trace_coil(struct trace *trace, const struct lock_event *event)
{
    struct line *line = trace && event->grant ? find(trace, event->grant) : NULL;

    if (!line)
        return;
    if (event->type == LOCK_COIL_ON && line->coil_on_us == 0)
        line->coil_on_us = event->at_us;
    if (event->type == LOCK_COIL_OFF)
        line->coil_off_us = event->at_us;
}

void trace_report(struct trace *trace, enum door_report report, uint64_t grant, uint64_t at_us)
{
    struct line *line = trace && grant ? find(trace, grant) : NULL;

    if (!line || (report != DOOR_OPENED && report != DOOR_NOT_OPENED))
        return;
    fprintf(trace->file,
            "{\"grant\":%" PRIu64 ",\"door\":%" PRIu32 ",\"captured_us\":%" PRIu64
            ",\"decode_start_us\":%" PRIu64 ",\"decoded_us\":%" PRIu64 ",\"presented_us\":%" PRIu64
            ",\"granted_us\":%" PRIu64 ",\"coil_on_us\":%" PRIu64 ",\"coil_off_us\":%" PRIu64
            ",\"opened_us\":%" PRIu64 "}\n",
            line->grant, line->door, line->captured_us, line->start_us, line->decoded_us,
            line->presented_us, line->granted_us, line->coil_on_us, line->coil_off_us,
            report == DOOR_OPENED ? at_us : 0);
    fflush(trace->file);
    *line = (struct line){};
}
