#include "kiosk/ui/screen.h"

#include "kiosk/ui/backend.h"
#include "kiosk/ui/scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct screen {
    struct backend *backend;
    const struct doors *doors;
    struct scene_size size;
    enum language language;
    cairo_surface_t *picture;
    struct screen_state shown;
    bool any; /* something was shown */
};

static const char *const names[SCREEN_KINDS] = {
    [SCREEN_ATTRACT] = "attract",
    [SCREEN_HINT] = "hint",
    [SCREEN_WAIT] = "wait",
    [SCREEN_OPENING] = "opening",
    [SCREEN_TAKE] = "take",
    [SCREEN_CLOSE] = "close",
    [SCREEN_NOT_OPENED] = "not_opened",
    [SCREEN_COLLECTED] = "collected",
    [SCREEN_FAILED] = "failed",
    [SCREEN_REFUSED] = "refused",
    [SCREEN_STAFF] = "staff",
    [SCREEN_STOCK_OPENING] = "stock_opening",
    [SCREEN_STOCK_PLACE] = "stock_place",
    [SCREEN_STOCK_CONFIRM] = "stock_confirm",
    [SCREEN_RETRIEVE_OPENING] = "retrieve_opening",
    [SCREEN_RETRIEVE_TAKE] = "retrieve_take",
    [SCREEN_INSPECT_OPENING] = "inspect_opening",
    [SCREEN_INSPECT_OPEN] = "inspect_open",
    [SCREEN_OUT_OF_SERVICE] = "out_of_service",
};

const char *screen_kind_name(enum screen_kind kind)
{
    return (unsigned)kind < SCREEN_KINDS ? names[kind] : NULL;
}

static int open_backend(const struct kiosk_config *config, sd_event *event, struct backend **ret,
                        char **ret_error)
{
    *ret_error = NULL;
    switch ((enum kiosk_screen)config->screen_backend) {
    case KIOSK_SCREEN_MEM:
        return backend_mem_open(config, ret, ret_error);
    case KIOSK_SCREEN_SDL:
        return backend_sdl_open(config, event, ret, ret_error);
    }
    return -EINVAL;
}

int screen_open(const struct kiosk_config *config, const struct doors *doors, sd_event *event,
                struct screen **ret_screen, char **ret_error)
{
    _cleanup_(screen_closep) struct screen *screen = calloc(1, sizeof(*screen));
    int r;

    *ret_error = NULL;
    if (!screen)
        return -ENOMEM;
    screen->doors = doors;
    screen->size = (struct scene_size){(double)config->screen_width, (double)config->screen_height};
    screen->language = language_find(config->language);
    screen->picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)config->screen_width,
                                                 (int)config->screen_height);
    if (cairo_surface_status(screen->picture) != CAIRO_STATUS_SUCCESS)
        return -ENOMEM;
    r = open_backend(config, event, &screen->backend, ret_error);
    if (r < 0)
        return r;
    *ret_screen = TAKE_PTR(screen);
    return 0;
}

static int paint(struct screen *screen, const struct screen_state *state)
{
    struct draw_list list = {};
    cairo_t *cairo = cairo_create(screen->picture);
    int r;

    scene_build(state, screen->doors, screen->size, screen->language, &list);
    r = draw_paint(&list, cairo);
    cairo_destroy(cairo);
    draw_list_done(&list);
    return r;
}

int screen_show(struct screen *screen, const struct screen_state *state)
{
    bool has_outcome = state->kind == SCREEN_REFUSED || state->kind == SCREEN_HINT;
    char name[64];
    int r;

    if (screen->any && memcmp(&screen->shown, state, sizeof(*state)) == 0)
        return 0;
    r = paint(screen, state);
    if (r < 0)
        return r;
    snprintf(name, sizeof(name), "%s%s%s", screen_kind_name(state->kind), has_outcome ? "-" : "",
             has_outcome ? state->outcome : "");
    r = screen->backend->ops->show(screen->backend, screen->picture, name);
    if (r < 0)
        return r;
    screen->shown = *state;
    screen->any = true;
    return 0;
}

struct screen *screen_close(struct screen *screen)
{
    if (!screen)
        return NULL;
    if (screen->backend)
        screen->backend->ops->close(screen->backend);
    if (screen->picture)
        cairo_surface_destroy(screen->picture);
    free(screen);
    return NULL;
}
