/* Where pictures go, behind a small table of operations. Inner part of screen. */
#pragma once

#include "kiosk/ui/screen.h"

#include <cairo.h>

struct backend;

struct backend_ops {
    /* Shows a picture of the configured size. `name` says which. 0 or -errno. */
    int (*show)(struct backend *backend, cairo_surface_t *picture, const char *name);
    void (*close)(struct backend *backend);
};

struct backend {
    const struct backend_ops *ops;
};

/* As screen_open(). */
int backend_mem_open(const struct kiosk_config *config, struct backend **ret, char **ret_error);
int backend_sdl_open(const struct kiosk_config *config, sd_event *event, struct backend **ret,
                     char **ret_error);
