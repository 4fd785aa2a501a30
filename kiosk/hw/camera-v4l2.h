/* The V4L2 backend: shared by its own files only. */
#pragma once

#include "kiosk/hw/camera.h"

/* A format with what the driver makes of the wish for it. */
struct v4l2_mode {
    uint32_t fourcc;
    enum frame_format format;
    uint32_t width, height, stride;
    double fps; /* 0 = the driver does not say */
};

/* ioctl() that goes on after a signal; -errno. */
int camera_v4l2_control(int fd, unsigned long request, void *argument);

/* camera-v4l2-mode.c: tries every format and sets the best. -ENOTSUP when there is none of use. */
int camera_v4l2_choose_mode(int fd, const struct kiosk_camera_config *config,
                            struct v4l2_mode *ret_mode);
/* The names of all formats that the device offers, with spaces between. */
void camera_v4l2_list_formats(int fd, size_t n, char ret_names[static n]);
void camera_v4l2_fourcc(uint32_t fourcc, char ret_name[static 5]);

/* camera-v4l2-controls.c: sets exposure, gain, focus and the power line's filter. No camera has all
 * of them, so nothing here fails; `ret_text` says how each came out. */
void camera_v4l2_set_controls(int fd, const struct kiosk_camera_config *config, size_t n,
                              char ret_text[static n]);
