#include "common/clock.h"
#include "kiosk/hw/camera-v4l2.h"

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
/* Errors in a row after which the camera is opened anew. */
#define ERRORS_MAX 8

struct camera_v4l2 {
    struct camera camera;
    struct v4l2_mode mode;
    struct {
        void *memory;
        size_t n_bytes;
    } buffers[BUFFERS];
    uint32_t n_buffers;
    uint32_t held;     /* the buffer that the last picture lies in, or NONE */
    unsigned n_errors; /* in a row */
};

int camera_v4l2_control(int fd, unsigned long request, void *argument)
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

static int queue(struct camera_v4l2 *v4l2, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};

    return camera_v4l2_control(v4l2->camera.fd, VIDIOC_QBUF, &buffer);
}

static int map_buffers(struct camera_v4l2 *v4l2)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int r = camera_v4l2_control(v4l2->camera.fd, VIDIOC_REQBUFS, &request);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {
            .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = i};
        void *memory;

        r = camera_v4l2_control(v4l2->camera.fd, VIDIOC_QUERYBUF, &buffer);
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

/* The bytes that a whole picture has at least. */
static size_t whole_bytes(const struct v4l2_mode *mode)
{
    size_t row = mode->width;

    if (mode->format == FRAME_JPEG)
        return 128; /* less than its headers */
    if (mode->format == FRAME_YUYV || mode->format == FRAME_UYVY)
        row *= 2;
    return (size_t)mode->stride * (mode->height - 1) + row;
}

/* A picture that the driver, or its size, or its first bytes say is not whole. A JPEG that ends
 * early still has an upper part: the decoder tells. */
static bool is_damaged(const struct camera_v4l2 *v4l2, const struct v4l2_buffer *buffer)
{
    const uint8_t *data = v4l2->buffers[buffer->index].memory;

    if ((buffer->flags & V4L2_BUF_FLAG_ERROR) || buffer->bytesused < whole_bytes(&v4l2->mode) ||
        buffer->bytesused > v4l2->buffers[buffer->index].n_bytes)
        return true;
    return v4l2->mode.format == FRAME_JPEG && (data[0] != 0xff || data[1] != 0xd8);
}

/* Takes what one dequeued buffer holds: damaged pictures and the older of two are given back. */
static int accept(struct camera_v4l2 *v4l2, const struct v4l2_buffer *buffer,
                  struct v4l2_buffer *newest, uint32_t *got)
{
    int r;

    if (buffer->index >= v4l2->n_buffers)
        return -EIO;
    if (is_damaged(v4l2, buffer)) {
        v4l2->camera.n_damaged++;
        return queue(v4l2, buffer->index);
    }
    if (*got != NONE && (r = queue(v4l2, *got)) < 0)
        return r;
    *got = buffer->index;
    *newest = *buffer;
    return 0;
}

/* Dequeues everything that is ready. */
static int drain(struct camera_v4l2 *v4l2, struct v4l2_buffer *newest, uint32_t *got)
{
    for (;;) {
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};
        int r = camera_v4l2_control(v4l2->camera.fd, VIDIOC_DQBUF, &buffer);

        if (r == -EAGAIN)
            return 0;
        /* "Can also indicate temporary problems like signal loss" (VIDIOC_DQBUF). */
        if (r == -EIO && ++v4l2->n_errors < ERRORS_MAX) {
            v4l2->camera.n_damaged++;
            return 0;
        }
        if (r < 0)
            return r;
        v4l2->n_errors = 0;
        r = accept(v4l2, &buffer, newest, got);
        if (r < 0)
            return r;
    }
}

static int v4l2_take(struct camera *camera, struct frame *ret_frame)
{
    struct camera_v4l2 *v4l2 = (struct camera_v4l2 *)camera;
    struct v4l2_buffer newest = {};
    uint32_t got = NONE;
    int r;

    if (v4l2->held != NONE && (r = queue(v4l2, TAKE(v4l2->held, NONE))) < 0)
        return r;
    r = drain(v4l2, &newest, &got);
    if (got != NONE)
        v4l2->held = got;
    if (r < 0 || got == NONE)
        return r;
    *ret_frame = (struct frame){
        .format = v4l2->mode.format,
        .width = v4l2->mode.width,
        .height = v4l2->mode.height,
        .stride = v4l2->mode.stride,
        .data = v4l2->buffers[got].memory,
        .n_bytes = newest.bytesused,
        .captured_us = captured_us(&newest),
    };
    return 1;
}

static void v4l2_close(struct camera *camera)
{
    struct camera_v4l2 *v4l2 = (struct camera_v4l2 *)camera;
    enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    if (camera->fd >= 0) {
        (void)camera_v4l2_control(camera->fd, VIDIOC_STREAMOFF, &type);
        for (uint32_t i = 0; i < v4l2->n_buffers; i++)
            munmap(v4l2->buffers[i].memory, v4l2->buffers[i].n_bytes);
        close(camera->fd);
    }
    free(v4l2);
}

static const struct camera_ops v4l2_ops = {.take = v4l2_take, .close = v4l2_close};

static int check_device(int fd, const char *device, struct camera_about *about, char **ret_error)
{
    struct v4l2_capability capability = {};
    uint32_t can;
    int r = camera_v4l2_control(fd, VIDIOC_QUERYCAP, &capability);

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

static void describe(struct camera_v4l2 *v4l2, const struct kiosk_camera_config *config)
{
    struct camera_about *about = &v4l2->camera.about;
    int fd = v4l2->camera.fd;

    camera_v4l2_fourcc(v4l2->mode.fourcc, about->format);
    about->width = v4l2->mode.width;
    about->height = v4l2->mode.height;
    about->fps = v4l2->mode.fps;
    camera_v4l2_list_formats(fd, sizeof(about->formats), about->formats);
    camera_v4l2_set_controls(fd, config, sizeof(about->controls), about->controls);
}

int camera_v4l2_open(const struct kiosk_camera_config *config, struct camera **ret_camera,
                     char **ret_error)
{
    enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    const char *device = config->device;
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
    r = check_device(camera->fd, device, &camera->about, ret_error);
    if (r < 0)
        return r;
    r = camera_v4l2_choose_mode(camera->fd, config, &v4l2->mode);
    if (r < 0)
        return fail(ret_error, r,
                    "The camera %s offers none of the formats GREY, NV12, YUV420, YUYV, UYVY and "
                    "MJPEG. Use another camera.",
                    device);
    describe(v4l2, config);
    r = map_buffers(v4l2);
    if (r == 0)
        r = camera_v4l2_control(camera->fd, VIDIOC_STREAMON, &type);
    if (r < 0)
        return fail(ret_error, r,
                    "The camera %s cannot be started: %s. Does another program use "
                    "it?",
                    device, strerror(-r));
    *ret_camera = TAKE_PTR(camera);
    return 0;
}
