#include "kiosk/scan.h"

#include "common/clock.h"
#include "common/log.h"
#include "kiosk/scan-filter.h"

#include <errno.h>
#include <string.h>

_Static_assert(FRAME_LANES_MAX == KIOSK_CAMERAS_MAX, "each camera has a lane");

struct lane {
    struct camera_watch *watch;
    struct camera_stats stats;
    struct hint_state hint;
};

struct scan {
    const struct kiosk_config *config;
    const struct scan_events *events;
    void *userdata;
    struct lane lanes[KIOSK_CAMERAS_MAX];
    struct decoder *decoder;
    struct scan_filter filter;
    enum frame_wish wish;
    enum hint hint; /* told last */
    struct {
        unsigned lane;
        scan_picture_fn fn; /* NULL = nobody asks */
        void *userdata;
    } picture;
};

/* What the lanes say together: somebody stands at one camera at a time. */
static void tell_hint(struct scan *scan, uint64_t now_us)
{
    enum hint hint = HINT_NONE;

    for (size_t i = 0; i < scan->config->n_cameras && hint == HINT_NONE; i++)
        hint = hint_at(&scan->lanes[i].hint, now_us);
    if (hint == scan->hint)
        return;
    scan->hint = hint;
    scan->events->hint(scan->userdata, hint);
}

static void on_report(void *userdata, const struct decode_report *report)
{
    struct scan *scan = userdata;
    struct lane *lane = &scan->lanes[report->lane];

    camera_stats_add(&lane->stats, report);
    (void)hint_step(&lane->hint, &report->view, report->done_us);
    for (uint32_t i = 0; i < report->view.n_texts; i++) {
        const struct decoder_text text = {.text = report->view.texts[i].text,
                                          .captured_us = report->captured_us,
                                          .start_us = report->start_us,
                                          .decoded_us = report->done_us};

        if (scan_filter_see(&scan->filter, text.text, text.captured_us))
            scan->events->text(scan->userdata, &text);
    }
    tell_hint(scan, report->done_us);
}

static void on_picture(void *userdata, unsigned lane, const struct frame *frame)
{
    struct scan *scan = userdata;
    int r = decoder_offer(scan->decoder, lane, frame, scan->wish);

    if (r < 0)
        log_errno(r, "a picture cannot be given to the decoder");
    if (scan->picture.fn && scan->picture.lane == lane) {
        scan_picture_fn fn = scan->picture.fn;

        scan->picture.fn = NULL;
        fn(scan->picture.userdata, frame);
    }
}

static int open_cameras(struct scan *scan, sd_event *event)
{
    int r = 0;

    for (size_t i = 0; i < scan->config->n_cameras && r >= 0; i++)
        r = camera_watch_new(event,
                             &(struct camera_watch_options){
                                 .config = &scan->config->cameras[i],
                                 .lane = (unsigned)i,
                                 .picture = on_picture,
                                 .userdata = scan,
                             },
                             &scan->lanes[i].watch);
    return r;
}

int scan_new(sd_event *event, const struct kiosk_config *config, const struct scan_events *events,
             void *userdata, struct scan **ret_scan)
{
    _cleanup_(scan_freep) struct scan *scan = calloc(1, sizeof(*scan));
    int r;

    if (!scan)
        return -ENOMEM;
    scan->config = config;
    scan->events = events;
    scan->userdata = userdata;
    r = decoder_new(event,
                    &(struct decoder_options){
                        .program = config->decoder_program,
                        .n_lanes = (unsigned)config->n_cameras,
                        .frame_limit_us = (uint64_t)config->frame_limit_ms * 1000,
                        .report = on_report,
                        .userdata = scan,
                    },
                    &scan->decoder);
    if (r == 0)
        r = open_cameras(scan, event);
    if (r < 0)
        return r;
    *ret_scan = TAKE_PTR(scan);
    return 0;
}

struct scan *scan_free(struct scan *scan)
{
    if (!scan)
        return NULL;
    for (size_t i = 0; i < KIOSK_CAMERAS_MAX; i++)
        camera_watch_free(scan->lanes[i].watch);
    decoder_free(scan->decoder);
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
    for (size_t i = 0; i < scan->config->n_cameras; i++)
        if (camera_watch_sees(scan->lanes[i].watch))
            return true;
    return false;
}

void scan_tick(struct scan *scan)
{
    tell_hint(scan, clock_boot_us());
}

size_t scan_cameras(const struct scan *scan)
{
    return scan->config->n_cameras;
}

void scan_camera(const struct scan *scan, size_t i, struct scan_camera *ret_camera)
{
    const struct kiosk_camera_config *config = &scan->config->cameras[i];
    const struct lane *lane = &scan->lanes[i];
    struct scan_camera camera = {
        .number = config->number,
        .device = config->backend == KIOSK_CAMERA_FILES ? config->folder : config->device,
        .sees = camera_watch_sees(lane->watch),
        .about = camera_watch_about(lane->watch),
        .error = camera_watch_error(lane->watch),
        .hint = lane->hint.shown,
    };

    camera_watch_counts(lane->watch, &camera.counts);
    camera_stats_sum(&lane->stats, clock_boot_us(), &camera.summary);
    *ret_camera = camera;
}

const struct decoder_counts *scan_decoder(const struct scan *scan)
{
    return decoder_counts(scan->decoder);
}

int scan_take_picture(struct scan *scan, unsigned number, scan_picture_fn fn, void *userdata)
{
    for (size_t i = 0; i < scan->config->n_cameras; i++) {
        if (scan->config->cameras[i].number != number)
            continue;
        if (!camera_watch_sees(scan->lanes[i].watch))
            return -ENODEV;
        if (scan->picture.fn)
            return -EBUSY;
        scan->picture.lane = (unsigned)i;
        scan->picture.fn = fn;
        scan->picture.userdata = userdata;
        return 0;
    }
    return -ENOENT;
}

void scan_drop_picture(struct scan *scan)
{
    scan->picture.fn = NULL;
}
