/* The kiosk's side of the decoder: starts pickup-decode, hands it the newest picture, gives back
 * what it reads, and replaces it when it dies or takes too long for a picture. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/frame-box.h"

#include <systemd/sd-event.h>

struct decoder;

struct decode_report; /* kiosk/decode/report.h */

/* A text, for those who act on it. */
struct decoder_text {
    const char *text; /* NUL-terminated; valid during the call */
    uint64_t captured_us, start_us, decoded_us;
};

/* One picture was looked at. Every number in the report was checked, no text was believed. */
typedef void (*decoder_report_fn)(void *userdata, const struct decode_report *report);

struct decoder_options {
    const char *program;     /* path of pickup-decode; copied */
    unsigned n_lanes;        /* cameras: 1 to FRAME_LANES_MAX */
    uint64_t frame_limit_us; /* for one picture; longer = it hangs */
    decoder_report_fn report;
    void *userdata;
};

/* How often the process was replaced, and why. */
struct decoder_counts {
    unsigned died, hung, nonsense; /* a picture did that, or somebody who killed it */
    unsigned recycled;             /* it gave its memory back of its own accord */
};

/* Starts the process. SIGCHLD must be blocked (sd_event_add_child). A program that cannot be
 * started is an error here; one that fails later is tried again for ever. Logs. */
int decoder_new(sd_event *event, const struct decoder_options *options, struct decoder **ret);
/* Kills the process and waits for it. Accepts NULL; returns NULL. */
struct decoder *decoder_free(struct decoder *decoder);
DEFINE_CLEANUP(struct decoder *, decoder_free);
/* Hands over a picture of a camera; an older one of it that still waits is replaced. Never blocks.
 * A camera whose pictures have just killed the process rests for a moment, so that it does not
 * keep the others from being looked at. */
int decoder_offer(struct decoder *decoder, unsigned lane, const struct frame *frame,
                  enum frame_wish wish);
const struct decoder_counts *decoder_counts(const struct decoder *decoder);
/* Ends the process as somebody who looks after it would: for tests. 0 = there is none just now. */
pid_t decoder_pid(const struct decoder *decoder);
