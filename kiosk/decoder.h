/* The kiosk's side of the decoder: starts pickup-decode, hands it the newest picture, gives back
 * what it reads, and replaces it when it dies or takes too long for a picture. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/frame-box.h"

#include <systemd/sd-event.h>

struct decoder;

struct decoder_text {
    const char *text; /* NUL-terminated; valid during the call */
    uint64_t captured_us, start_us, decoded_us;
};

typedef void (*decoder_text_fn)(void *userdata, const struct decoder_text *text);

struct decoder_options {
    const char *program;     /* path of pickup-decode; copied */
    uint64_t frame_limit_us; /* for one picture; longer = it hangs */
    decoder_text_fn text;    /* called for each text in each picture, however often */
    void *userdata;
};

/* Starts the process. SIGCHLD must be blocked (sd_event_add_child). A program that cannot be
 * started is an error here; one that fails later is tried again for ever. Logs. */
int decoder_new(sd_event *event, const struct decoder_options *options, struct decoder **ret);
/* Kills the process and waits for it. Accepts NULL; returns NULL. */
struct decoder *decoder_free(struct decoder *decoder);
DEFINE_CLEANUP(struct decoder *, decoder_free);
/* Hands over a picture; an older one that still waits is replaced. Never blocks. */
int decoder_offer(struct decoder *decoder, const struct frame *frame, enum frame_wish wish);
/* How often the process was replaced. */
unsigned decoder_restarts(const struct decoder *decoder);
