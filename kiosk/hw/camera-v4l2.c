#include "common/clock.h"
#include "kiosk/hw/camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define BUFFERS 4
#define NONE    UINT32_MAX

struct mode {
    uint32_t fourcc;
    enum frame_format format;
    uint32_t width, height, stride;
    double fps; /* 0 = the driver does not say */
};

struct camera_v4l2 {
    struct camera camera;
    struct mode mode;
    struct {
        void *memory;
        size_t n_bytes;
    } buffers[BUFFERS];
    uint32_t n_buffers;
    uint32_t held; /* the buffer that the last picture lies in, or NONE */
};

/* In order of preference: gray as it is first, what must be unpacked last. */
static const struct {
    uint32_t fourcc;
    enum frame_format format;
} formats[] = {
    {V4L2_PIX_FMT_GREY, FRAME_GREY},
    {V4L2_PIX_FMT_NV12, FRAME_NV12},
    {V4L2_PIX_FMT_YUYV, FRAME_YUYV},
    {V4L2_PIX_FMT_MJPEG, FRAME_JPEG},
};

static int control(int fd, unsigned long request, void *argument)
{
    int r;

    do
        r = ioctl(fd, request, argument);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

static _printf_(3, 4) int fail(char **ret_error, int r, const char *format, ...)
{
    va_list words;

    va_start(words, format);
    if (vasprintf(ret_error, format, words) < 0)
        *ret_error = NULL;
    va_end(words);
    return r;
}

/* Asks for one format; what the driver makes of it comes back. False when it has no such format. */
static bool set_mode(int fd, const struct kiosk_config *config, size_t i, struct mode *ret_mode)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_streamparm rate = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    const struct v4l2_fract *period = &rate.parm.capture.timeperframe;

    format.fmt.pix.width = (uint32_t)config->camera_width;
    format.fmt.pix.height = (uint32_t)config->camera_height;
    format.fmt.pix.pixelformat = formats[i].fourcc;
    format.fmt.pix.field = V4L2_FIELD_ANY;
    if (control(fd, VIDIOC_S_FMT, &format) < 0 || format.fmt.pix.pixelformat != formats[i].fourcc ||
        format.fmt.pix.width == 0 || format.fmt.pix.width > FRAME_SIDE_MAX ||
        format.fmt.pix.height == 0 || format.fmt.pix.height > FRAME_SIDE_MAX)
        return false;
    rate.parm.capture.timeperframe =
        (struct v4l2_fract){.numerator = 1, .denominator = (uint32_t)config->camera_fps};
    /* Not every driver can set a rate; it then has its own. */
    if (control(fd, VIDIOC_S_PARM, &rate) < 0)
        rate = (struct v4l2_streamparm){};
    *ret_mode = (struct mode){
        .fourcc = formats[i].fourcc,
        .format = formats[i].format,
        .width = format.fmt.pix.width,
        .height = format.fmt.pix.height,
        .stride = format.fmt.pix.bytesperline,
        .fps = period->numerator ? (double)period->denominator / period->numerator : 0,
    };
    if (ret_mode->stride == 0)
        ret_mode->stride = ret_mode->width * (ret_mode->format == FRAME_YUYV ? 2 : 1);
    return true;
}

/* How far a mode is from what was asked for: pixels first, then rate. 0 = all of it. */
static double distance(const struct mode *mode, const struct kiosk_config *config)
{
    double wanted = (double)(config->camera_width * config->camera_height);
    double pixels = (double)mode->width * mode->height / wanted;
    double far = pixels < 1 ? 1 / pixels - 1 : pixels - 1;

    if (mode->fps > 0 && mode->fps < 0.9 * (double)config->camera_fps)
        far += (double)config->camera_fps / mode->fps - 1;
    return far;
}

/* Tries every format and sets the one that comes nearest; earlier ones win a tie. */
static int choose_mode(int fd, const struct kiosk_config *config, struct mode *ret_mode)
{
    struct mode mode;
    double best = 0;
    size_t chosen = ELEMENTSOF(formats);

    for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
        if (!set_mode(fd, config, i, &mode))
            continue;
        if (chosen == ELEMENTSOF(formats) || distance(&mode, config) < best) {
            best = distance(&mode, config);
            chosen = i;
        }
    }
    if (chosen == ELEMENTSOF(formats))
        return -ENOTSUP;
    return set_mode(fd, config, chosen, ret_mode) ? 0 : -EIO;
}

static int queue(struct camera_v4l2 *v4l2, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};

    return control(v4l2->camera.fd, VIDIOC_QBUF, &buffer);
}

static int map_buffers(struct camera_v4l2 *v4l2)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int r = control(v4l2->camera.fd, VIDIOC_REQBUFS, &request);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {
            .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = i};
        void *memory;

        r = control(v4l2->camera.fd, VIDIOC_QUERYBUF, &buffer);
        if (r < 0)
            return r;
        memory = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, v4l2->camera.fd,
                      (off_t)buffer.m.offset);
        if (memory == MAP_FAILED)
            return -errno;
        v4l2->buffers[i].memory = memory;
        v4l2->buffers[i].n_bytes = buffer.length;
        v4l2->n_buffers = i + 1;
        r = queue(v4l2, i);
        if (r < 0)
            return r;
    }
    return v4l2->n_buffers >= 2 ? 0 : -ENOMEM;
}

/* The driver's time stamp on our clock, where it means the picture's end; else now. */
static uint64_t captured_us(const struct v4l2_buffer *buffer)
{
    uint64_t now_us = clock_boot_us(), stamp_us, monotonic_us;
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    monotonic_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    stamp_us = (uint64_t)buffer->timestamp.tv_sec * 1000000 + (uint64_t)buffer->timestamp.tv_usec;
    if ((buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC ||
        (buffer->flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK) != V4L2_BUF_FLAG_TSTAMP_SRC_EOF ||
        stamp_us > monotonic_us)
        return now_us;
    return now_us - (monotonic_us - stamp_us);
}

static int v4l2_take(struct camera *camera, struct frame *ret_frame)
{
    struct camera_v4l2 *v4l2 = (struct camera_v4l2 *)camera;
    struct v4l2_buffer newest = {};
    uint32_t got = NONE;
    int r;

    if (v4l2->held != NONE && (r = queue(v4l2, TAKE(v4l2->held, NONE))) < 0)
        return r;
    for (;;) {
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};

        r = control(camera->fd, VIDIOC_DQBUF, &buffer);
        if (r == -EAGAIN)
            break;
        if (r < 0)
            return r;
        if (buffer.index >= v4l2->n_buffers)
            return -EIO;
        /* A damaged picture is given back; so is the older of two. */
        if ((buffer.flags & V4L2_BUF_FLAG_ERROR) || buffer.bytesused == 0) {
            if ((r = queue(v4l2, buffer.index)) < 0)
                return r;
            continue;
        }
        if (got != NONE && (r = queue(v4l2, got)) < 0)
            return r;
        got = buffer.index;
        newest = buffer;
    }
    if (got == NONE)
        return 0;
    v4l2->held = got;
    *ret_frame = (struct frame){
        .format = v4l2->mode.format,
        .width = v4l2->mode.width,
        .height = v4l2->mode.height,
        .stride = v4l2->mode.stride,
        .data = v4l2->buffers[got].memory,
        .n_bytes = newest.bytesused <= v4l2->buffers[got].n_bytes ? newest.bytesused
                                                                  : v4l2->buffers[got].n_bytes,
        .captured_us = captured_us(&newest),
    };
    return 1;
}

static void v4l2_close(struct camera *camera)
{
    struct camera_v4l2 *v4l2 = (struct camera_v4l2 *)camera;
    enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    if (camera->fd >= 0) {
        (void)control(camera->fd, VIDIOC_STREAMOFF, &type);
        for (uint32_t i = 0; i < v4l2->n_buffers; i++)
            munmap(v4l2->buffers[i].memory, v4l2->buffers[i].n_bytes);
        close(camera->fd);
    }
    free(v4l2);
}

static const struct camera_ops v4l2_ops = {.take = v4l2_take, .close = v4l2_close};

static int check_device(int fd, const char *device, char **ret_error)
{
    struct v4l2_capability capability = {};
    uint32_t can;
    int r = control(fd, VIDIOC_QUERYCAP, &capability);

    if (r < 0)
        return fail(ret_error, r,
                    "%s is not a camera (%s). Write the camera's device as [camera] device.",
                    device, strerror(-r));
    can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps
                                                         : capability.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
        return fail(ret_error, -ENOTSUP,
                    "%s (%s) gives no stream of pictures. A camera often has several devices; "
                    "try the others.",
                    device, (const char *)capability.card);
    return 0;
}

int camera_v4l2_open(const struct kiosk_config *config, struct camera **ret_camera,
                     char **ret_error)
{
    enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    const char *device = config->camera_device;
    _cleanup_(camera_closep) struct camera *camera = NULL;
    struct camera_v4l2 *v4l2 = calloc(1, sizeof(*v4l2));
    int r;

    *ret_error = NULL;
    if (!v4l2)
        return -ENOMEM;
    camera = &v4l2->camera;
    camera->ops = &v4l2_ops;
    v4l2->held = NONE;
    camera->fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (camera->fd < 0)
        return fail(ret_error, -errno,
                    "The camera %s cannot be opened: %s. Is it plugged in, and is this user in "
                    "group video?",
                    device, strerror(errno));
    r = check_device(camera->fd, device, ret_error);
    if (r < 0)
        return r;
    r = choose_mode(camera->fd, config, &v4l2->mode);
    if (r < 0)
        return fail(ret_error, r,
                    "The camera %s offers none of the formats GREY, NV12, YUYV and MJPEG. Use "
                    "another camera.",
                    device);
    r = map_buffers(v4l2);
    if (r == 0)
        r = control(camera->fd, VIDIOC_STREAMON, &type);
    if (r < 0)
        return fail(ret_error, r,
                    "The camera %s cannot be started: %s. Does another program use "
                    "it?",
                    device, strerror(-r));
    *ret_camera = TAKE_PTR(camera);
    return 0;
}
