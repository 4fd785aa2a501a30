/* The V4L2 backend against a driver in this file: the linker puts our ioctl, open and mmap in place
 * of the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "kiosk/hw/camera.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#define DEVICE  "/dev/test-camera"
#define BUFFERS 4
#define WHOLE   (640 * 480 * 2) /* bytes of a YUYV picture */

/* One driver at a time; what it can, and what was asked of it. */
static struct driver {
    uint32_t capabilities;
    struct {
        uint32_t fourcc, width, height, fps;
    } modes[4];
    uint32_t n_modes;
    uint32_t set; /* the mode in force */
    bool streaming;
    bool queued[BUFFERS];
    uint32_t filled[BUFFERS]; /* waiting to be taken, in order */
    uint32_t n_filled;
    uint32_t flags;
    uint64_t stamp_us;
    bool gone;
    int error; /* what taking a buffer gives, so many times */
    unsigned n_errors;
    uint32_t bytes_used; /* of each picture */
    struct {
        uint32_t id;
        int32_t minimum, maximum, value;
    } controls[4];
    uint32_t n_controls;
    uint8_t memory[BUFFERS][WHOLE];
} driver;

int __wrap_open64(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
void *__wrap_mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t n);
int __real_munmap(void *at, size_t n);

int __wrap_open64(const char *path, int flags, ...)
{
    if (strcmp(path, DEVICE) != 0) {
        errno = ENOENT;
        return -1;
    }
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void *__wrap_mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return driver.memory[offset];
}

int __wrap_munmap(void *at, size_t n)
{
    uint8_t *byte = at;

    if (byte >= (uint8_t *)driver.memory && byte < (uint8_t *)driver.memory + sizeof(driver.memory))
        return 0;
    return __real_munmap(at, n);
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static int set_format(struct v4l2_format *format)
{
    for (uint32_t i = 0; i < driver.n_modes; i++) {
        if (driver.modes[i].fourcc != format->fmt.pix.pixelformat)
            continue;
        driver.set = i;
        format->fmt.pix.width = driver.modes[i].width;
        format->fmt.pix.height = driver.modes[i].height;
        format->fmt.pix.bytesperline = 0;
        return 0;
    }
    format->fmt.pix.pixelformat = driver.modes[0].fourcc; /* as real drivers do */
    driver.set = 0;
    return 0;
}

static int take_buffer(struct v4l2_buffer *buffer)
{
    if (driver.gone)
        return refuse(ENODEV);
    if (driver.n_errors > 0) {
        driver.n_errors--;
        return refuse(driver.error);
    }
    if (driver.n_filled == 0)
        return refuse(EAGAIN);
    buffer->index = driver.filled[0];
    memmove(driver.filled, driver.filled + 1, --driver.n_filled * sizeof(driver.filled[0]));
    buffer->bytesused = driver.bytes_used;
    buffer->flags = driver.flags;
    buffer->timestamp.tv_sec = (time_t)(driver.stamp_us / 1000000);
    buffer->timestamp.tv_usec = (suseconds_t)(driver.stamp_us % 1000000);
    driver.queued[buffer->index] = false;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    struct v4l2_buffer *buffer = argument;
    struct v4l2_streamparm *rate = argument;
    struct v4l2_queryctrl *range = argument;
    struct v4l2_control *value = argument;

    switch (request) {
    case VIDIOC_QUERYCAP:
        memset(argument, 0, sizeof(struct v4l2_capability));
        ((struct v4l2_capability *)argument)->capabilities = driver.capabilities;
        strcpy((char *)((struct v4l2_capability *)argument)->card, "Test");
        return 0;
    case VIDIOC_S_FMT:
        return set_format(argument);
    case VIDIOC_S_PARM:
        rate->parm.capture.timeperframe = (struct v4l2_fract){1, driver.modes[driver.set].fps};
        return 0;
    case VIDIOC_REQBUFS:
        return 0;
    case VIDIOC_QUERYBUF:
        buffer->length = sizeof(driver.memory[0]);
        buffer->m.offset = buffer->index;
        return 0;
    case VIDIOC_QBUF:
        assert_false(driver.queued[buffer->index]);
        driver.queued[buffer->index] = true;
        return 0;
    case VIDIOC_QUERYCTRL:
        for (uint32_t i = 0; i < driver.n_controls; i++)
            if (driver.controls[i].id == range->id) {
                range->minimum = driver.controls[i].minimum;
                range->maximum = driver.controls[i].maximum;
                return 0;
            }
        return refuse(EINVAL);
    case VIDIOC_S_CTRL:
        for (uint32_t i = 0; i < driver.n_controls; i++)
            if (driver.controls[i].id == value->id)
                driver.controls[i].value = value->value;
        return 0;
    case VIDIOC_DQBUF:
        return take_buffer(argument);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        driver.streaming = request == VIDIOC_STREAMON;
        return 0;
    default:
        return refuse(ENOTTY);
    }
}

static void fill(uint32_t buffer, const char *bytes)
{
    memcpy(driver.memory[buffer], bytes, strlen(bytes));
    driver.filled[driver.n_filled++] = buffer;
}

static int open_camera(struct camera **ret, char **ret_error)
{
    char device[] = DEVICE;
    struct kiosk_camera_config config = {.device = device,
                                         .fps = 30,
                                         .width = 640,
                                         .height = 480,
                                         .exposure_us = 10000,
                                         .focus = -1,
                                         .gain = -1,
                                         .power_line = KIOSK_POWER_LINE_60};

    return camera_v4l2_open(&config, ret, ret_error);
}

static int set_up(void **state)
{
    driver = (struct driver){
        .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
        .modes = {{V4L2_PIX_FMT_YUYV, 640, 480, 30}, {V4L2_PIX_FMT_MJPEG, 640, 480, 30}},
        .n_modes = 2,
        .bytes_used = WHOLE,
    };
    return 0;
}

static void test_takes_the_newest_and_gives_the_older_back(void **state)
{
    struct camera *camera;
    struct frame frame;
    char *error;

    assert_int_equal(open_camera(&camera, &error), 0);
    assert_true(driver.streaming);
    assert_int_equal(camera->ops->take(camera, &frame), 0);
    fill(0, "older.");
    fill(1, "newest");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    assert_memory_equal(frame.data, "newest", 6);
    assert_int_equal(frame.n_bytes, WHOLE);
    assert_int_equal(frame.format, FRAME_YUYV);
    assert_int_equal(frame.stride, 1280);
    assert_true(driver.queued[0]);
    assert_false(driver.queued[1]); /* it is being looked at */
    assert_int_equal(camera->ops->take(camera, &frame), 0);
    assert_true(driver.queued[1]);
    camera_close(camera);
    assert_false(driver.streaming);
}

static void test_damaged_picture_is_left_out(void **state)
{
    struct camera *camera;
    struct frame frame;
    char *error;

    assert_int_equal(open_camera(&camera, &error), 0);
    driver.flags = V4L2_BUF_FLAG_ERROR;
    fill(2, "broken");
    assert_int_equal(camera->ops->take(camera, &frame), 0);
    assert_true(driver.queued[2]);
    assert_int_equal(camera->n_damaged, 1);
    driver.flags = 0;
    for (size_t i = 0; i < 3; i++) {
        driver.bytes_used = (const uint32_t[]){0, WHOLE - 1, WHOLE + 1}[i];
        fill(0, "torn");
        assert_int_equal(camera->ops->take(camera, &frame), 0);
        assert_true(driver.queued[0]);
        assert_int_equal(camera->n_damaged, 2 + i);
    }
    /* A whole one, and a torn one after it: the whole one counts. */
    driver.bytes_used = WHOLE;
    fill(1, "whole.");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    assert_memory_equal(frame.data, "whole.", 6);
    camera_close(camera);
}

/* Motion JPEG: what does not begin like a picture is none. */
static void test_jpeg_that_is_none(void **state)
{
    struct camera *camera;
    struct frame frame;
    char *error;

    driver.modes[0].fourcc = V4L2_PIX_FMT_H264;
    assert_int_equal(open_camera(&camera, &error), 0);
    driver.bytes_used = 1000;
    fill(0, "nonsense");
    assert_int_equal(camera->ops->take(camera, &frame), 0);
    driver.bytes_used = 20;
    fill(1, "\xff\xd8");
    assert_int_equal(camera->ops->take(camera, &frame), 0);
    assert_int_equal(camera->n_damaged, 2);
    driver.bytes_used = 1000;
    fill(2, "\xff\xd8");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    assert_int_equal(frame.format, FRAME_JPEG);
    assert_int_equal(frame.n_bytes, 1000);
    camera_close(camera);
}

/* A loose cable: some errors pass, a camera that gives nothing else is opened anew. */
static void test_errors_that_pass_and_that_do_not(void **state)
{
    struct camera *camera;
    struct frame frame;
    char *error;
    int r = 0;

    assert_int_equal(open_camera(&camera, &error), 0);
    driver.error = EIO;
    driver.n_errors = 3;
    for (int i = 0; i < 3; i++)
        assert_int_equal(camera->ops->take(camera, &frame), 0);
    fill(0, "abcdef");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    driver.n_errors = 100;
    for (int i = 0; i < 20 && r == 0; i++)
        r = camera->ops->take(camera, &frame);
    assert_int_equal(r, -EIO);
    camera_close(camera);
}

/* Exposure is brought into the camera's range; what the camera has not is said and no failure. */
static void test_controls(void **state)
{
    struct camera *camera;
    char *error;

    driver.controls[0].id = V4L2_CID_EXPOSURE_AUTO;
    driver.controls[0].maximum = 3;
    driver.controls[1].id = V4L2_CID_EXPOSURE_ABSOLUTE;
    driver.controls[1].maximum = 50;
    driver.controls[2].id = V4L2_CID_POWER_LINE_FREQUENCY;
    driver.controls[2].maximum = 2;
    driver.n_controls = 3;
    assert_int_equal(open_camera(&camera, &error), 0);
    assert_int_equal(driver.controls[0].value, V4L2_EXPOSURE_MANUAL);
    assert_int_equal(driver.controls[1].value, 50);
    assert_int_equal(driver.controls[2].value, V4L2_CID_POWER_LINE_FREQUENCY_60HZ);
    assert_string_equal(camera->about.controls,
                        "exposure 5.0 ms, focus: the camera cannot, power line 60 Hz");
    camera_close(camera);
}

/* A USB camera that is slow without compression: motion JPEG is nearer to what was asked for. */
static void test_chooses_the_nearest_mode(void **state)
{
    static const struct {
        uint32_t yuyv_fps, mjpeg_width;
        enum frame_format expected;
    } cases[] = {{30, 640, FRAME_YUYV}, {10, 640, FRAME_JPEG}, {29, 1280, FRAME_YUYV}};

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        struct camera *camera;
        struct frame frame;
        char *error;

        set_up(state);
        driver.modes[0].fps = cases[i].yuyv_fps;
        driver.modes[1].width = cases[i].mjpeg_width;
        assert_int_equal(open_camera(&camera, &error), 0);
        fill(0, "\xff\xd8");
        assert_int_equal(camera->ops->take(camera, &frame), 1);
        assert_int_equal(frame.format, cases[i].expected);
        camera_close(camera);
    }
}

static void test_time_stamp_of_the_driver(void **state)
{
    struct camera *camera;
    struct timespec t;
    struct frame frame;
    char *error;

    assert_int_equal(open_camera(&camera, &error), 0);
    clock_gettime(CLOCK_MONOTONIC, &t);
    driver.stamp_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 - 5000000;
    driver.flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_TSTAMP_SRC_EOF;
    fill(0, "abcdef");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    assert_true(frame.captured_us <= clock_boot_us() - 5000000);
    /* The start of the exposure says nothing about the picture's end. */
    driver.flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_TSTAMP_SRC_SOE;
    fill(1, "abcdef");
    assert_int_equal(camera->ops->take(camera, &frame), 1);
    assert_true(frame.captured_us > clock_boot_us() - 5000000);
    camera_close(camera);
}

static void test_unplugged(void **state)
{
    struct camera *camera;
    struct frame frame;
    char *error;

    assert_int_equal(open_camera(&camera, &error), 0);
    driver.gone = true;
    assert_int_equal(camera->ops->take(camera, &frame), -ENODEV);
    camera_close(camera);
}

static void assert_refuses(int r, const char *word)
{
    struct camera *camera;
    char *error = NULL;

    assert_int_equal(open_camera(&camera, &error), r);
    assert_non_null(strstr(error, word));
    free(error);
}

static void test_what_is_no_use(void **state)
{
    driver.capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
    assert_refuses(-ENOTSUP, "no stream");
    set_up(state);
    driver.modes[0].fourcc = driver.modes[1].fourcc = V4L2_PIX_FMT_H264;
    assert_refuses(-ENOTSUP, "none of the formats");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_takes_the_newest_and_gives_the_older_back, set_up),
        cmocka_unit_test_setup(test_damaged_picture_is_left_out, set_up),
        cmocka_unit_test_setup(test_jpeg_that_is_none, set_up),
        cmocka_unit_test_setup(test_errors_that_pass_and_that_do_not, set_up),
        cmocka_unit_test_setup(test_controls, set_up),
        cmocka_unit_test_setup(test_chooses_the_nearest_mode, set_up),
        cmocka_unit_test_setup(test_time_stamp_of_the_driver, set_up),
        cmocka_unit_test_setup(test_unplugged, set_up),
        cmocka_unit_test_setup(test_what_is_no_use, set_up),
    };

    return cmocka_run_group_tests_name("camera-v4l2", tests, NULL, NULL);
}
