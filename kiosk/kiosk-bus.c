#include "kiosk/kiosk-bus.h"

#include "common/log.h"
#include "kiosk/picture.h"

#include <errno.h>
#include <string.h>

#define PATH       "/io/pickupd/kiosk1"
#define INTERFACE  "io.pickupd.Kiosk1"
#define PICTURE_US UINT64_C(3000000) /* a camera that gives none in this time gives none */

struct kiosk_bus {
    sd_bus_slot *object;
    sd_event_source *late;
    struct scan *scan;
    sd_bus_message *asked; /* TakePicture() that waits; NULL = none */
};

/* ---- reading ---- */

static int append_text(sd_bus_message *m, const char *key, const char *text)
{
    return sd_bus_message_append(m, "{sv}", key, "s", text ? text : "");
}

static int append_about(sd_bus_message *m, const struct camera_about *about)
{
    static const struct camera_about none;
    int r;

    if (!about)
        about = &none;
    r = append_text(m, "card", about->card);
    if (r >= 0)
        r = append_text(m, "format", about->format);
    if (r >= 0)
        r = append_text(m, "formats", about->formats);
    if (r >= 0)
        r = append_text(m, "controls", about->controls);
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}", "width", "u", about->width, "height", "u",
                                  about->height, "fps_set", "d", about->fps);
    return r;
}

static int append_cards(sd_bus_message *m, const struct camera_summary *summary)
{
    int r = sd_bus_message_open_container(m, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", "cards");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "au");
    if (r >= 0)
        r = sd_bus_message_append_array(m, 'u', summary->cards, sizeof(summary->cards));
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    return r;
}

static int append_summary(sd_bus_message *m, const struct camera_summary *summary)
{
    int r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "pictures", "u",
                                  summary->pictures, "rate", "d", summary->rate, "gray_width", "u",
                                  summary->width, "gray_height", "u", summary->height, "brightness",
                                  "d", summary->mean, "clipped", "d", summary->clipped, "sharpness",
                                  "d", summary->sharpness, "decode_ms", "d", summary->decode_ms,
                                  "read", "u", summary->read, "cut_short", "u", summary->damaged);

    return r < 0 ? r : append_cards(m, summary);
}

static int append_camera(sd_bus_message *m, const struct scan_camera *camera)
{
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "camera", "u", camera->number,
                                  "sees", "b", (int)camera->sees, "frames", "t",
                                  camera->counts.frames, "damaged", "t", camera->counts.damaged,
                                  "opened", "u", camera->counts.opened, "stalled", "u",
                                  camera->counts.stalled, "hint", "s", hint_name(camera->hint));
    if (r >= 0)
        r = append_text(m, "device", camera->device);
    if (r >= 0)
        r = append_text(m, "error", camera->error);
    if (r >= 0)
        r = append_about(m, camera->about);
    if (r >= 0)
        r = append_summary(m, &camera->summary);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int on_get_cameras(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    struct kiosk_bus *kiosk_bus = userdata;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
    for (size_t i = 0; i < scan_cameras(kiosk_bus->scan) && r >= 0; i++) {
        struct scan_camera camera;

        scan_camera(kiosk_bus->scan, i, &camera);
        r = append_camera(reply, &camera);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_get_decoder(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct kiosk_bus *kiosk_bus = userdata;
    const struct decoder_counts *counts = scan_decoder(kiosk_bus->scan);

    return sd_bus_reply_method_return(m, "a{sv}", 4, "died", "u", counts->died, "hung", "u",
                                      counts->hung, "nonsense", "u", counts->nonsense, "recycled",
                                      "u", counts->recycled);
}

/* ---- a picture ---- */

static void answer(struct kiosk_bus *kiosk_bus)
{
    kiosk_bus->asked = sd_bus_message_unref(kiosk_bus->asked);
    (void)sd_event_source_set_enabled(kiosk_bus->late, SD_EVENT_OFF);
}

static void on_picture(void *userdata, const struct frame *frame)
{
    struct kiosk_bus *kiosk_bus = userdata;
    _cleanup_close_ int fd = -1;
    const char *kind;
    int r = picture_write(frame, &fd, &kind);

    if (r >= 0)
        r = sd_bus_reply_method_return(kiosk_bus->asked, "hs", fd, kind);
    if (r < 0) {
        log_errno(r, "the picture that was asked for cannot be given");
        (void)sd_bus_reply_method_errno(kiosk_bus->asked, r, NULL);
    }
    answer(kiosk_bus);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct kiosk_bus *kiosk_bus = userdata;

    scan_drop_picture(kiosk_bus->scan);
    if (kiosk_bus->asked)
        (void)sd_bus_reply_method_errorf(
            kiosk_bus->asked, INTERFACE ".Error.NoPicture",
            "The camera gave no picture within three seconds. Is it plugged in?");
    answer(kiosk_bus);
    return 0;
}

static int on_take_picture(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct kiosk_bus *kiosk_bus = userdata;
    uint32_t camera;
    int r = sd_bus_message_read(m, "u", &camera);

    if (r < 0)
        return r;
    r = scan_take_picture(kiosk_bus->scan, camera, on_picture, kiosk_bus);
    if (r == -ENOENT)
        return sd_bus_error_setf(ret_error, INTERFACE ".Error.NoCamera",
                                 "There is no camera %u in kiosk.conf.", camera);
    if (r == -ENODEV)
        return sd_bus_error_setf(ret_error, INTERFACE ".Error.NoPicture",
                                 "Camera %u gives no pictures. Is it plugged in?", camera);
    if (r == -EBUSY)
        return sd_bus_error_setf(ret_error, INTERFACE ".Error.NoPicture",
                                 "Somebody else is taking a picture. Try again.");
    if (r < 0)
        return r;
    log_notice("a picture of camera %u is given to an engineer who asked for it", camera);
    kiosk_bus->asked = sd_bus_message_ref(m);
    (void)sd_event_source_set_time_relative(kiosk_bus->late, PICTURE_US);
    (void)sd_event_source_set_enabled(kiosk_bus->late, SD_EVENT_ONESHOT);
    return 1;
}

/* TakePicture() is for root alone: sd-bus refuses everybody else, whatever the bus's policy says.
 */
static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("GetCameras", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", cameras),
                            on_get_cameras, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("GetDecoder", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", decoder),
                            on_get_decoder, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("TakePicture", SD_BUS_ARGS("u", camera),
                            SD_BUS_RESULT("h", picture, "s", kind), on_take_picture, 0),
    SD_BUS_VTABLE_END,
};

int kiosk_bus_new(sd_bus *bus, struct scan *scan, struct kiosk_bus **ret_kiosk_bus)
{
    _cleanup_(kiosk_bus_freep) struct kiosk_bus *kiosk_bus = calloc(1, sizeof(*kiosk_bus));
    int r;

    if (!kiosk_bus)
        return -ENOMEM;
    kiosk_bus->scan = scan;
    r = sd_event_add_time_relative(sd_bus_get_event(bus), &kiosk_bus->late, CLOCK_BOOTTIME, 0, 0,
                                   on_late, kiosk_bus);
    if (r >= 0)
        r = sd_event_source_set_enabled(kiosk_bus->late, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_bus_add_object_vtable(bus, &kiosk_bus->object, PATH, INTERFACE, vtable, kiosk_bus);
    if (r < 0)
        return log_errno(r, "cannot offer " INTERFACE " on the bus");
    *ret_kiosk_bus = TAKE_PTR(kiosk_bus);
    return 0;
}

struct kiosk_bus *kiosk_bus_free(struct kiosk_bus *kiosk_bus)
{
    if (!kiosk_bus)
        return NULL;
    if (kiosk_bus->asked)
        scan_drop_picture(kiosk_bus->scan);
    sd_bus_message_unref(kiosk_bus->asked);
    sd_bus_slot_unref(kiosk_bus->object);
    sd_event_source_disable_unref(kiosk_bus->late);
    free(kiosk_bus);
    return NULL;
}
