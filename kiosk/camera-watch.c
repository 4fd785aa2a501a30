#include "kiosk/camera-watch.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>

#define RETRY_US UINT64_C(1000000)
/* Without a picture for so long it has stalled: a cable that is half out, firmware that hangs. */
#define STALL_US      UINT64_C(3000000)
#define STALL_PERIODS 10

struct camera_watch {
    struct camera_watch_options options;
    sd_event *event;
    struct camera *camera;
    sd_event_source *source, *timer;
    struct camera_watch_counts counts; /* .damaged without the open camera's */
    uint64_t picture_us;               /* when the last one came, or the camera was opened */
    bool stalled;                      /* it gave no picture since it last stalled */
    bool complained;                   /* since it was last there */
    char *error;
};

static uint64_t stall_us(const struct camera_watch *watch)
{
    uint64_t periods_us = UINT64_C(1000000) * STALL_PERIODS / (uint64_t)watch->options.config->fps;

    return periods_us > STALL_US ? periods_us : STALL_US;
}

static void lose(struct camera_watch *watch)
{
    watch->source = sd_event_source_disable_unref(watch->source);
    if (watch->camera)
        watch->counts.damaged += watch->camera->n_damaged;
    watch->camera = camera_close(watch->camera);
}

static int on_camera(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct camera_watch *watch = userdata;
    struct frame frame;
    int r = watch->camera->ops->take(watch->camera, &frame);

    if (r < 0) {
        log_errno(r, "camera %u is gone; it is looked for again", watch->options.config->number);
        watch->complained = true;
        lose(watch);
        return 0;
    }
    if (r == 0)
        return 0;
    if (watch->stalled)
        log_notice("camera %u gives pictures again", watch->options.config->number);
    watch->stalled = false;
    watch->picture_us = clock_boot_us();
    watch->counts.frames++;
    watch->options.picture(watch->options.userdata, watch->options.lane, &frame);
    return 0;
}

static void find(struct camera_watch *watch)
{
    char *error = NULL;
    int r = camera_open(watch->options.config, &watch->camera, &error);

    if (r >= 0)
        r = sd_event_add_io(watch->event, &watch->source, watch->camera->fd, EPOLLIN, on_camera,
                            watch);
    free(TAKE_PTR(watch->error));
    if (r >= 0) {
        if (watch->complained && !watch->stalled)
            log_notice("camera %u is back", watch->options.config->number);
        watch->complained = false;
        watch->counts.opened++;
        watch->picture_us = clock_boot_us();
        return;
    }
    lose(watch);
    watch->error = error ? error : strdup(strerror(-r));
    if (!watch->complained && watch->error)
        log_error("%s", watch->error);
    watch->complained = true;
}

static void check_stall(struct camera_watch *watch)
{
    if (clock_boot_us() - watch->picture_us < stall_us(watch))
        return;
    if (!watch->stalled)
        log_warning("camera %u gives no pictures; it is opened anew",
                    watch->options.config->number);
    watch->counts.stalled++;
    watch->stalled = true;
    lose(watch);
    find(watch);
}

/* An empty folder of pictures is no fault: nobody is there. */
static bool may_stall(const struct camera_watch *watch)
{
    return watch->options.config->backend == KIOSK_CAMERA_V4L2;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct camera_watch *watch = userdata;
    int r;

    if (!watch->camera)
        find(watch);
    else if (may_stall(watch))
        check_stall(watch);
    r = sd_event_source_set_time_relative(source, RETRY_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int camera_watch_new(sd_event *event, const struct camera_watch_options *options,
                     struct camera_watch **ret_watch)
{
    _cleanup_(camera_watch_freep) struct camera_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->event = sd_event_ref(event);
    watch->options = *options;
    find(watch);
    r = sd_event_add_time_relative(event, &watch->timer, CLOCK_BOOTTIME, RETRY_US, 0, on_timer,
                                   watch);
    if (r < 0)
        return r;
    *ret_watch = TAKE_PTR(watch);
    return 0;
}

struct camera_watch *camera_watch_free(struct camera_watch *watch)
{
    if (!watch)
        return NULL;
    lose(watch);
    sd_event_source_disable_unref(watch->timer);
    sd_event_unref(watch->event);
    free(watch->error);
    free(watch);
    return NULL;
}

bool camera_watch_sees(const struct camera_watch *watch)
{
    return watch->camera && !watch->stalled;
}

const struct camera_about *camera_watch_about(const struct camera_watch *watch)
{
    return watch->camera ? &watch->camera->about : NULL;
}

void camera_watch_counts(const struct camera_watch *watch, struct camera_watch_counts *ret_counts)
{
    *ret_counts = watch->counts;
    if (watch->camera)
        ret_counts->damaged += watch->camera->n_damaged;
}

const char *camera_watch_error(const struct camera_watch *watch)
{
    return watch->error;
}
