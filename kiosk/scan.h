/* What is held up to the cameras: cameras, decoder, filter and hints on the loop. Logs. */
#pragma once

#include "kiosk/camera-stats.h"
#include "kiosk/camera-watch.h"
#include "kiosk/decoder.h"
#include "kiosk/hint.h"

#include <systemd/sd-event.h>

struct scan;

struct scan_events {
    /* Called once for each text that counts (kiosk/scan-filter.h). */
    void (*text)(void *userdata, const struct decoder_text *text);
    /* What to tell the person at the camera has changed. */
    void (*hint)(void *userdata, enum hint hint);
};

/* `config` and `events` must outlive it. A camera that is not there is no failure: it is tried
 * again. */
int scan_new(sd_event *event, const struct kiosk_config *config, const struct scan_events *events,
             void *userdata, struct scan **ret_scan);
/* Accepts NULL; returns NULL. */
struct scan *scan_free(struct scan *scan);
DEFINE_CLEANUP(struct scan *, scan_free);

/* Whether parcel labels are looked for too: only while staff work, because it costs time and gives
 * phantom reads. */
void scan_set_wish(struct scan *scan, enum frame_wish wish);
/* The text could not be dealt with; should it still be held up after `wait_us`, it counts again. */
void scan_retry(struct scan *scan, const char *text, uint64_t wait_us);
/* There is a camera that gives pictures. */
bool scan_sees(const struct scan *scan);
/* Looks after what time changes: a hint that nobody needs any more. */
void scan_tick(struct scan *scan);

/* ---- for engineers ---- */

struct scan_camera {
    unsigned number; /* as in the configuration */
    const char *device;
    bool sees;
    const struct camera_about *about; /* NULL while it is not open */
    const char *error;                /* why, or NULL */
    struct camera_watch_counts counts;
    struct camera_summary summary;
    enum hint hint;
};

size_t scan_cameras(const struct scan *scan);
/* `i` from 0. What it points to is valid until the loop runs again. */
void scan_camera(const struct scan *scan, size_t i, struct scan_camera *ret_camera);
const struct decoder_counts *scan_decoder(const struct scan *scan);

/* The next picture of a camera (`number` as in the configuration) goes to `fn`, once, during a turn
 * of the loop: nobody's picture is kept. -ENOENT without such a camera, -ENODEV while it sees
 * nothing, -EBUSY while another one waits. */
typedef void (*scan_picture_fn)(void *userdata, const struct frame *frame);
int scan_take_picture(struct scan *scan, unsigned number, scan_picture_fn fn, void *userdata);
/* Nobody waits for it any more. */
void scan_drop_picture(struct scan *scan);
