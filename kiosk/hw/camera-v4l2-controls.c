/* How a camera is set up for phone screens: a short exposure against glare and the moiré of a
 * moving hand, a steady rate, no flicker of the shop's lamps (kernel documentation, "Camera Control
 * Reference" and "User Controls"). */
#include "kiosk/hw/camera-v4l2.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct note {
    size_t n, used;
    char *text;
};

static _printf_(2, 3) void say(struct note *note, const char *format, ...)
{
    va_list words;
    int n;

    if (note->used > 0 && note->used + 2 < note->n) {
        strcpy(note->text + note->used, ", ");
        note->used += 2;
    }
    va_start(words, format);
    n = vsnprintf(note->text + note->used, note->n - note->used, format, words);
    va_end(words);
    if (n > 0)
        note->used += (size_t)n < note->n - note->used ? (size_t)n : note->n - note->used - 1;
}

static bool has(int fd, uint32_t id, struct v4l2_queryctrl *ret)
{
    *ret = (struct v4l2_queryctrl){.id = id};
    return camera_v4l2_control(fd, VIDIOC_QUERYCTRL, ret) == 0 &&
           !(ret->flags & V4L2_CTRL_FLAG_DISABLED);
}

/* Sets one control as near as it goes. -ENOENT when the camera has none; *ret_value what was set.
 */
static int set(int fd, uint32_t id, int64_t value, int32_t *ret_value)
{
    struct v4l2_queryctrl range;
    struct v4l2_control control = {.id = id};

    if (!has(fd, id, &range))
        return -ENOENT;
    if (value < range.minimum)
        value = range.minimum;
    if (value > range.maximum)
        value = range.maximum;
    control.value = (int32_t)value;
    *ret_value = control.value;
    return camera_v4l2_control(fd, VIDIOC_S_CTRL, &control);
}

static void tell(struct note *note, const char *name, int r, const char *what)
{
    if (r == -ENOENT)
        say(note, "%s: the camera cannot", name);
    else if (r < 0)
        say(note, "%s: refused (%s)", name, strerror(-r));
    else
        say(note, "%s %s", name, what);
}

static void set_exposure(int fd, const struct kiosk_camera_config *config, struct note *note)
{
    char what[32] = "automatic";
    int32_t value;
    int r;

    /* A dark shop must not halve the rate. */
    (void)set(fd, V4L2_CID_EXPOSURE_AUTO_PRIORITY, 0, &value);
    if (config->exposure_us == 0) {
        r = set(fd, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_APERTURE_PRIORITY, &value);
        if (r < 0 && r != -ENOENT)
            r = set(fd, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_AUTO, &value);
    } else {
        (void)set(fd, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL, &value);
        r = set(fd, V4L2_CID_EXPOSURE_ABSOLUTE, config->exposure_us / 100, &value);
        snprintf(what, sizeof(what), "%.1f ms", (double)value / 10);
    }
    tell(note, "exposure", r, what);
}

static void set_focus(int fd, const struct kiosk_camera_config *config, struct note *note)
{
    bool automatic = config->focus < 0;
    char what[32] = "automatic";
    int32_t value;
    int r = set(fd, V4L2_CID_FOCUS_AUTO, automatic, &value);

    if (!automatic) {
        r = set(fd, V4L2_CID_FOCUS_ABSOLUTE, config->focus, &value);
        snprintf(what, sizeof(what), "%" PRId32, value);
    }
    tell(note, "focus", r, what);
}

static void set_gain(int fd, const struct kiosk_camera_config *config, struct note *note)
{
    char what[32];
    int32_t value = 0;
    int r;

    if (config->gain < 0)
        return;
    (void)set(fd, V4L2_CID_AUTOGAIN, 0, &value);
    r = set(fd, V4L2_CID_GAIN, config->gain, &value);
    snprintf(what, sizeof(what), "%" PRId32, value);
    tell(note, "gain", r, what);
}

static void set_power_line(int fd, const struct kiosk_camera_config *config, struct note *note)
{
    static const struct {
        int32_t value;
        const char *name;
    } choices[] = {
        [KIOSK_POWER_LINE_OFF] = {V4L2_CID_POWER_LINE_FREQUENCY_DISABLED, "off"},
        [KIOSK_POWER_LINE_50] = {V4L2_CID_POWER_LINE_FREQUENCY_50HZ, "50 Hz"},
        [KIOSK_POWER_LINE_60] = {V4L2_CID_POWER_LINE_FREQUENCY_60HZ, "60 Hz"},
        [KIOSK_POWER_LINE_AUTO] = {V4L2_CID_POWER_LINE_FREQUENCY_AUTO, "automatic"},
    };
    int32_t value;
    int r = set(fd, V4L2_CID_POWER_LINE_FREQUENCY, choices[config->power_line].value, &value);

    tell(note, "power line", r, choices[config->power_line].name);
}

void camera_v4l2_set_controls(int fd, const struct kiosk_camera_config *config, size_t n,
                              char ret_text[static n])
{
    struct note note = {.n = n, .text = ret_text};

    ret_text[0] = '\0';
    set_exposure(fd, config, &note);
    set_focus(fd, config, &note);
    set_gain(fd, config, &note);
    set_power_line(fd, config, &note);
}
