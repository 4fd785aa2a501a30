/* How long everything took, from the picture to the open door: one JSON line for each grant, for
 * `./dev bench latency` and the demo. Times are µs of CLOCK_BOOTTIME; 0 = did not happen, and a
 * grant that no picture led to has no times before granted_us. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/decoder.h"
#include "kiosk/door.h"
#include "kiosk/lock-thread.h"

struct trace;

/* Appends to `path`; NULL = no trace, and every call does nothing. Logs. */
int trace_open(const char *path, struct trace **ret_trace);
/* Accepts NULL; returns NULL. */
struct trace *trace_close(struct trace *trace);
DEFINE_CLEANUP(struct trace *, trace_close);

/* A text was presented just now; the next grant is taken to come from it. */
void trace_present(struct trace *trace, const struct decoder_text *text);
/* It led to no grant. */
void trace_refused(struct trace *trace);
void trace_granted(struct trace *trace, const struct door_grant *grant);
void trace_coil(struct trace *trace, const struct lock_event *event);
/* Ends and writes the line when the grant has ended with `report`. */
void trace_report(struct trace *trace, enum door_report report, uint64_t grant, uint64_t at_us);
