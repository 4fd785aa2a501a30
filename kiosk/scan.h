/* What is held up to the camera: camera, decoder and filter on the loop. Opens the camera again
 * when it was unplugged. Logs. */
#pragma once

#include "kiosk/decoder.h"
#include "kiosk/hw/camera.h"

#include <systemd/sd-event.h>

struct scan;

/* Called once for each text that counts (kiosk/scan-filter.h). */
typedef void (*scan_text_fn)(void *userdata, const struct decoder_text *text);

/* `config` must outlive it. A camera that is not there is no failure: it is tried again. */
int scan_new(sd_event *event, const struct kiosk_config *config, scan_text_fn text, void *userdata,
             struct scan **ret_scan);
/* Accepts NULL; returns NULL. */
struct scan *scan_free(struct scan *scan);
DEFINE_CLEANUP(struct scan *, scan_free);

/* Whether parcel labels are looked for too: only while staff work, because it costs time and gives
 * phantom reads. */
void scan_set_wish(struct scan *scan, enum frame_wish wish);
/* The text could not be dealt with; should it still be held up after `wait_us`, it counts again. */
void scan_retry(struct scan *scan, const char *text, uint64_t wait_us);
/* There is a camera and it gives pictures. */
bool scan_sees(const struct scan *scan);
