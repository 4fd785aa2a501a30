/* /etc/pickup/kiosk.conf: the configuration of a bank's kiosk, also checked by pickupctl. */
#pragma once

#include "common/config.h"

enum kiosk_camera {
    KIOSK_CAMERA_V4L2,
    KIOSK_CAMERA_FILES, /* the pictures of a folder, for tests and the demo */
};

enum kiosk_lock {
    KIOSK_LOCK_GPIOD,
    KIOSK_LOCK_SIM, /* pickup-simbank */
};

enum kiosk_screen {
    KIOSK_SCREEN_MEM, /* PNG files in a folder */
    KIOSK_SCREEN_SDL, /* a window on a desktop */
};

enum kiosk_power_line {
    KIOSK_POWER_LINE_OFF,
    KIOSK_POWER_LINE_50,
    KIOSK_POWER_LINE_60,
    KIOSK_POWER_LINE_AUTO,
};

#define KIOSK_CAMERAS_MAX 4

/* [camera], [camera 2] … */
struct kiosk_camera_config {
    unsigned number; /* as in the file: 1 for [camera] */
    bool given;      /* the file has the section */
    int backend;     /* enum kiosk_camera */
    char *device, *folder;
    int64_t fps, width, height;
    int64_t exposure_us; /* 0 = the camera's own automatic */
    int64_t focus;       /* in the camera's units; -1 = automatic */
    int64_t gain;        /* in the camera's units; -1 = as the camera has it */
    int power_line;      /* enum kiosk_power_line: the flicker of the shop's lamps */
};

struct kiosk_config {
    /* [kiosk] */
    char *doors_file;
    /* The first n_cameras are in use: [camera], and the others that the file has. */
    struct kiosk_camera_config cameras[KIOSK_CAMERAS_MAX];
    size_t n_cameras;
    /* [decoder] */
    char *decoder_program;
    int64_t frame_limit_ms; /* a decoder that takes longer for one frame is replaced */
    /* [lock] */
    int lock_backend; /* enum kiosk_lock */
    char *lock_socket;
    int64_t rest_ms;      /* between the end of one pulse and the beginning of the next, any door */
    int64_t pulse_max_ms; /* no coil is energised for longer, whatever the table of doors says */
    /* [screen] */
    int screen_backend; /* enum kiosk_screen */
    int64_t screen_width, screen_height, diagonal_mm;
    char *screen_folder, *language;
};

/* Reads `path` with its drop-ins; paths in it come out absolute or relative to the working folder.
 * Returns and mistakes as config_load(). Call kiosk_config_done() in every case. */
int kiosk_config_load(const char *path, struct kiosk_config *ret_config,
                      struct config_mistakes *ret_mistakes);
void kiosk_config_done(struct kiosk_config *config);
/* The table of kiosk.conf, for whoever describes it. */
const struct config_item *kiosk_config_items(size_t *ret_n);
