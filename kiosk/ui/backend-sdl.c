/* A window on a desktop. Closing it ends the kiosk. */
#include "kiosk/ui/backend.h"

#include <SDL.h>
#include <errno.h>
#include <stdio.h>

#define LOOK_US UINT64_C(66000) /* for the window's own events */

struct sdl {
    struct backend backend;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    sd_event_source *look;
};

static void redraw(struct sdl *sdl)
{
    SDL_RenderClear(sdl->renderer);
    SDL_RenderCopy(sdl->renderer, sdl->texture, NULL, NULL);
    SDL_RenderPresent(sdl->renderer);
}

static int sdl_show(struct backend *backend, cairo_surface_t *picture, const char *name)
{
    struct sdl *sdl = (struct sdl *)backend;

    cairo_surface_flush(picture);
    if (SDL_UpdateTexture(sdl->texture, NULL, cairo_image_surface_get_data(picture),
                          cairo_image_surface_get_stride(picture)) < 0)
        return -EIO;
    redraw(sdl);
    return 0;
}

static void sdl_close(struct backend *backend)
{
    struct sdl *sdl = (struct sdl *)backend;

    sd_event_source_disable_unref(sdl->look);
    if (sdl->texture)
        SDL_DestroyTexture(sdl->texture);
    if (sdl->renderer)
        SDL_DestroyRenderer(sdl->renderer);
    if (sdl->window)
        SDL_DestroyWindow(sdl->window);
    SDL_Quit();
    free(sdl);
}

static const struct backend_ops sdl_ops = {.show = sdl_show, .close = sdl_close};

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct sdl *sdl = userdata;
    SDL_Event event;
    int r;

    while (SDL_PollEvent(&event)) {
        if (event.type == SDL_QUIT)
            return sd_event_exit(sd_event_source_get_event(source), 0);
        if (event.type == SDL_WINDOWEVENT)
            redraw(sdl);
    }
    r = sd_event_source_set_time_relative(source, LOOK_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int make_window(struct sdl *sdl, const struct kiosk_config *config)
{
    int width = (int)config->screen_width, height = (int)config->screen_height;
    SDL_Rect room;
    double scale = 1;

    /* Signals are the loop's. */
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    if (SDL_Init(SDL_INIT_VIDEO) < 0)
        return -EIO;
    /* A panel's picture is often larger than a desktop. */
    if (SDL_GetDisplayUsableBounds(0, &room) == 0 && (room.h < height || room.w < width)) {
        double down = 0.9 * room.h / height, across = 0.9 * room.w / width;

        scale = down < across ? down : across;
    }
    sdl->window =
        SDL_CreateWindow("pickup-kiosk", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                         (int)(width * scale), (int)(height * scale), SDL_WINDOW_RESIZABLE);
    if (!sdl->window)
        return -EIO;
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    sdl->renderer = SDL_CreateRenderer(sdl->window, -1, 0);
    if (!sdl->renderer || SDL_RenderSetLogicalSize(sdl->renderer, width, height) < 0)
        return -EIO;
    sdl->texture = SDL_CreateTexture(sdl->renderer, SDL_PIXELFORMAT_RGB888,
                                     SDL_TEXTUREACCESS_STREAMING, width, height);
    return sdl->texture ? 0 : -EIO;
}

int backend_sdl_open(const struct kiosk_config *config, sd_event *event, struct backend **ret,
                     char **ret_error)
{
    struct sdl *sdl = calloc(1, sizeof(*sdl));
    int r;

    if (!sdl)
        return -ENOMEM;
    sdl->backend.ops = &sdl_ops;
    r = make_window(sdl, config);
    if (r < 0 && asprintf(ret_error,
                          "A window cannot be opened: %s. Is there a display (DISPLAY or "
                          "WAYLAND_DISPLAY)? Without one use [screen] backend=mem.",
                          SDL_GetError()) < 0)
        *ret_error = NULL;
    if (r == 0)
        r = sd_event_add_time_relative(event, &sdl->look, CLOCK_MONOTONIC, LOOK_US, 0, on_look,
                                       sdl);
    if (r < 0) {
        sdl_close(&sdl->backend);
        return r;
    }
    *ret = &sdl->backend;
    return 0;
}
