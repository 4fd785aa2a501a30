/* Which of a camera's formats to take. */
#include "kiosk/hw/camera-v4l2.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>

/* What a picture costs until it is gray, in units of copying a byte a pixel. Of JPEG only the
 * luminance is decoded, at less than full size where that is enough; the rest of its cost is
 * Huffman. `./dev bench frames` measures it. */
static const struct {
    uint32_t fourcc;
    enum frame_format format;
    unsigned bytes_per_pixel; /* of a row, where the driver does not say */
    double cost;
} formats[] = {
    {V4L2_PIX_FMT_GREY, FRAME_GREY, 1, 1},   {V4L2_PIX_FMT_NV12, FRAME_NV12, 1, 1},
    {V4L2_PIX_FMT_NV21, FRAME_NV12, 1, 1},   {V4L2_PIX_FMT_YUV420, FRAME_NV12, 1, 1},
    {V4L2_PIX_FMT_YVU420, FRAME_NV12, 1, 1}, {V4L2_PIX_FMT_YUYV, FRAME_YUYV, 2, 2},
    {V4L2_PIX_FMT_YVYU, FRAME_YUYV, 2, 2},   {V4L2_PIX_FMT_UYVY, FRAME_UYVY, 2, 2},
    {V4L2_PIX_FMT_MJPEG, FRAME_JPEG, 0, 20}, {V4L2_PIX_FMT_JPEG, FRAME_JPEG, 0, 20},
};

void camera_v4l2_fourcc(uint32_t fourcc, char ret_name[static 5])
{
    for (int i = 0; i < 4; i++) {
        char c = (char)(fourcc >> (8 * i) & 0x7f);

        ret_name[i] = c >= ' ' && c < 0x7f ? c : '?';
    }
    ret_name[4] = '\0';
}

void camera_v4l2_list_formats(int fd, size_t n, char ret_names[static n])
{
    size_t used = 0;

    ret_names[0] = '\0';
    for (uint32_t i = 0; used + 6 < n; i++) {
        struct v4l2_fmtdesc description = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .index = i};

        if (camera_v4l2_control(fd, VIDIOC_ENUM_FMT, &description) < 0)
            return;
        if (used > 0)
            ret_names[used++] = ' ';
        camera_v4l2_fourcc(description.pixelformat, ret_names + used);
        used += 4;
    }
}

/* Asks for one format; what the driver makes of it comes back. False when it has no such format. */
static bool set_mode(int fd, const struct kiosk_camera_config *config, size_t i,
                     struct v4l2_mode *ret_mode)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_streamparm rate = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    const struct v4l2_fract *period = &rate.parm.capture.timeperframe;

    format.fmt.pix.width = (uint32_t)config->width;
    format.fmt.pix.height = (uint32_t)config->height;
    format.fmt.pix.pixelformat = formats[i].fourcc;
    format.fmt.pix.field = V4L2_FIELD_ANY;
    if (camera_v4l2_control(fd, VIDIOC_S_FMT, &format) < 0 ||
        format.fmt.pix.pixelformat != formats[i].fourcc || format.fmt.pix.width == 0 ||
        format.fmt.pix.width > FRAME_SIDE_MAX || format.fmt.pix.height == 0 ||
        format.fmt.pix.height > FRAME_SIDE_MAX)
        return false;
    rate.parm.capture.timeperframe =
        (struct v4l2_fract){.numerator = 1, .denominator = (uint32_t)config->fps};
    /* Not every driver can set a rate; it then has its own. */
    if (camera_v4l2_control(fd, VIDIOC_S_PARM, &rate) < 0)
        rate = (struct v4l2_streamparm){};
    *ret_mode = (struct v4l2_mode){
        .fourcc = formats[i].fourcc,
        .format = formats[i].format,
        .width = format.fmt.pix.width,
        .height = format.fmt.pix.height,
        .stride = format.fmt.pix.bytesperline,
        .fps = period->numerator ? (double)period->denominator / period->numerator : 0,
    };
    if (ret_mode->stride == 0)
        ret_mode->stride = ret_mode->width * formats[i].bytes_per_pixel;
    return true;
}

/* How far a mode is from what was asked for: pixels first, then rate. 0 = all of it. */
static double distance(const struct v4l2_mode *mode, const struct kiosk_camera_config *config)
{
    double wanted = (double)(config->width * config->height);
    double pixels = (double)mode->width * mode->height / wanted;
    double far = pixels < 1 ? 1 / pixels - 1 : pixels - 1;

    if (mode->fps > 0 && mode->fps < 0.9 * (double)config->fps)
        far += (double)config->fps / mode->fps - 1;
    return far;
}

/* Nearness counts most: a picture of the wrong size or rate loses codes, a dear one only time. */
static double badness(const struct v4l2_mode *mode, double cost,
                      const struct kiosk_camera_config *config)
{
    return distance(mode, config) + cost / 1000;
}

int camera_v4l2_choose_mode(int fd, const struct kiosk_camera_config *config,
                            struct v4l2_mode *ret_mode)
{
    struct v4l2_mode mode;
    double best = 0;
    size_t chosen = ELEMENTSOF(formats);

    for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
        if (!set_mode(fd, config, i, &mode))
            continue;
        if (chosen == ELEMENTSOF(formats) || badness(&mode, formats[i].cost, config) < best) {
            best = badness(&mode, formats[i].cost, config);
            chosen = i;
        }
    }
    if (chosen == ELEMENTSOF(formats))
        return -ENOTSUP;
    return set_mode(fd, config, chosen, ret_mode) ? 0 : -EIO;
}
