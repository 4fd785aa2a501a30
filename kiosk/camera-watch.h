/* One camera of the configuration on the loop: opened, opened again after it was unplugged, and
 * noticed when it stalls. Logs. */
#pragma once

#include "kiosk/hw/camera.h"

#include <systemd/sd-event.h>

struct camera_watch;

/* A picture came. It stays as it is during the call. */
typedef void (*camera_watch_fn)(void *userdata, unsigned lane, const struct frame *frame);

struct camera_watch_options {
    const struct kiosk_camera_config *config; /* must outlive it */
    unsigned lane;                            /* given back with each picture */
    camera_watch_fn picture;
    void *userdata;
};

struct camera_watch_counts {
    uint64_t frames, damaged; /* since the start of the kiosk, over all openings */
    unsigned opened;          /* times; 1 = never lost */
    unsigned stalled;         /* times that it gave no picture for too long */
};

/* A camera that is not there is no failure: it is tried again every second. */
int camera_watch_new(sd_event *event, const struct camera_watch_options *options,
                     struct camera_watch **ret_watch);
/* Accepts NULL; returns NULL. */
struct camera_watch *camera_watch_free(struct camera_watch *watch);
DEFINE_CLEANUP(struct camera_watch *, camera_watch_free);

/* It is open and gives pictures, or was opened just now and has not yet had the time to. */
bool camera_watch_sees(const struct camera_watch *watch);
/* NULL while it is not open. */
const struct camera_about *camera_watch_about(const struct camera_watch *watch);
void camera_watch_counts(const struct camera_watch *watch, struct camera_watch_counts *ret_counts);
/* Why it is not open; NULL when it is, or when nothing is known. */
const char *camera_watch_error(const struct camera_watch *watch);
