/* Cameras behind a small table of operations. A camera is silent and belongs to the loop. */
#pragma once

#include "common/cleanup.h"
#include "common/kiosk-config.h"
#include "kiosk/frame.h"

struct camera;

/* What it is and how it is set, for engineers. */
struct camera_about {
    char card[64];  /* the device's own name */
    char format[8]; /* "YUYV", "MJPG" … as V4L2 calls it */
    uint32_t width, height;
    double fps;         /* as the driver promised; 0 = it does not say */
    char formats[160];  /* everything it offers, for example "YUYV MJPG" */
    char controls[256]; /* how exposure, focus, gain and power line came out */
};

struct camera_ops {
    /* The newest picture, older ones are dropped. 1 with a picture that stays as it is until the
     * next call; 0 when there is none; -errno when the camera is gone (-ENODEV) or broken: close
     * it, and open it again after a while. Never blocks. */
    int (*take)(struct camera *camera, struct frame *ret_frame);
    void (*close)(struct camera *camera);
};

struct camera {
    const struct camera_ops *ops;
    int fd; /* readable when take() has something to do */
    struct camera_about about;
    uint64_t n_damaged; /* pictures that came torn, cut short or empty */
};

/* Opens the backend that `config` names and starts it. `config` must outlive the camera. On failure
 * -errno and *ret_error a sentence that says what is wrong and what to do (owned by the caller;
 * NULL without memory). */
int camera_open(const struct kiosk_camera_config *config, struct camera **ret_camera,
                char **ret_error);
/* The pictures of a folder, `fps` a second, in the order of their names, again and again: .jpg and
 * .jpeg, and .pgm (8-bit, "P5"). Names that begin with a dot are left out, so a picture can be
 * written in place and renamed. The folder may change at any time; while it is empty there is no
 * picture. */
int camera_files_open(const char *folder, unsigned fps, struct camera **ret_camera,
                      char **ret_error);
/* A V4L2 capture device (kernel documentation, "Video for Linux API", streaming I/O with memory
 * mapping): any format whose gray lies ready, or motion JPEG, whichever comes nearest to the size
 * and rate; among equals the one that costs least to unpack. */
int camera_v4l2_open(const struct kiosk_camera_config *config, struct camera **ret_camera,
                     char **ret_error);

/* Accepts NULL; returns NULL. */
struct camera *camera_close(struct camera *camera);
DEFINE_CLEANUP(struct camera *, camera_close);
