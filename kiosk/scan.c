#include "kiosk/scan.h"

#include "common/clock.h"
#include "common/log.h"
#include "kiosk/scan-filter.h"

#include <errno.h>
#include <string.h>

#define CAMERA_RETRY_US UINT64_C(1000000)

struct scan {
    const struct kiosk_config *config;
    sd_event *event;
    struct camera *camera;
    sd_event_source *camera_source, *retry;
    struct decoder *decoder;
    struct scan_filter filter;
    enum frame_wish wish;
    scan_text_fn text;
    void *userdata;
    bool complained; /* about the camera, since it was last there */
};

static void on_text(void *userdata, const struct decoder_text *text)
{
    struct scan *scan = userdata;

    if (scan_filter_see(&scan->filter, text->text, text->captured_us))
        scan->text(scan->userdata, text);
}

static void lose_camera(struct scan *scan)
{
    scan->camera_source = sd_event_source_disable_unref(scan->camera_source);
    scan->camera = camera_close(scan->camera);
}

static int on_camera(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct scan *scan = userdata;
    struct frame frame;
    int r = scan->camera->ops->take(scan->camera, &frame);

    if (r < 0) {
        log_errno(r, "the camera is gone; it is looked for again");
        scan->complained = true;
        lose_camera(scan);
        return 0;
    }
    if (r > 0 && (r = decoder_offer(scan->decoder, &frame, scan->wish)) < 0)
        log_errno(r, "a picture cannot be given to the decoder");
    return 0;
}

static void find_camera(struct scan *scan)
{
    _cleanup_free_ char *error = NULL;
    int r = camera_open(scan->config, &scan->camera, &error);

    if (r >= 0)
        r = sd_event_add_io(scan->event, &scan->camera_source, scan->camera->fd, EPOLLIN, on_camera,
                            scan);
    if (r >= 0) {
        if (scan->complained)
            log_notice("the camera is back");
        scan->complained = false;
        return;
    }
    lose_camera(scan);
    if (!scan->complained)
        log_error("%s", error ? error : strerror(-r));
    scan->complained = true;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct scan *scan = userdata;
    int r;

    if (!scan->camera)
        find_camera(scan);
    r = sd_event_source_set_time_relative(source, CAMERA_RETRY_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int scan_new(sd_event *event, const struct kiosk_config *config, scan_text_fn text, void *userdata,
             struct scan **ret_scan)
{
    _cleanup_(scan_freep) struct scan *scan = calloc(1, sizeof(*scan));
    int r;

    if (!scan)
        return -ENOMEM;
    scan->event = sd_event_ref(event);
    scan->config = config;
    scan->text = text;
    scan->userdata = userdata;
    r = decoder_new(event,
                    &(struct decoder_options){
                        .program = config->decoder_program,
                        .frame_limit_us = (uint64_t)config->frame_limit_ms * 1000,
                        .text = on_text,
                        .userdata = scan,
                    },
                    &scan->decoder);
    if (r < 0)
        return r;
    find_camera(scan);
    r = sd_event_add_time_relative(event, &scan->retry, CLOCK_BOOTTIME, CAMERA_RETRY_US, 0,
                                   on_retry, scan);
    if (r < 0)
        return r;
    *ret_scan = TAKE_PTR(scan);
    return 0;
}

struct scan *scan_free(struct scan *scan)
{
    if (!scan)
        return NULL;
    lose_camera(scan);
    sd_event_source_disable_unref(scan->retry);
    decoder_free(scan->decoder);
    sd_event_unref(scan->event);
    free(scan);
    return NULL;
}

void scan_set_wish(struct scan *scan, enum frame_wish wish)
{
    scan->wish = wish;
}

void scan_retry(struct scan *scan, const char *text, uint64_t wait_us)
{
    scan_filter_retry(&scan->filter, text, clock_boot_us() + wait_us);
}

bool scan_sees(const struct scan *scan)
{
    return scan->camera;
}
