#include "common/kiosk-config.h"

#include <errno.h>
#include <string.h>

#define ITEM(section, key, type, member, standard, ...)                                            \
    {                                                                                              \
        section, key, type, offsetof(struct kiosk_config, member), standard, __VA_ARGS__           \
    }

static const char *const cameras[] = {"v4l2", "files", NULL};
static const char *const locks[] = {"gpiod", "sim", NULL};
static const char *const screens[] = {"mem", "sdl", NULL};

static const struct config_item items[] = {
    ITEM("kiosk", "doors_file", CONFIG_STRING, doors_file, "doors.conf", 0),
    ITEM("camera", "backend", CONFIG_CHOICE, camera_backend, "v4l2", .choices = cameras),
    ITEM("camera", "device", CONFIG_STRING, camera_device, "/dev/pickup-camera", 0),
    ITEM("camera", "folder", CONFIG_STRING, camera_folder, "", 0),
    ITEM("camera", "fps", CONFIG_INTEGER, camera_fps, "15", .min = 1, .max = 120),
    ITEM("camera", "width", CONFIG_INTEGER, camera_width, "1280", .min = 160, .max = 4096),
    ITEM("camera", "height", CONFIG_INTEGER, camera_height, "720", .min = 120, .max = 4096),
    ITEM("decoder", "program", CONFIG_STRING, decoder_program, PICKUP_LIBEXECDIR "/pickup-decode",
         0),
    ITEM("decoder", "frame_limit", CONFIG_DURATION, frame_limit_ms, "2s", .min = 100, .max = 30000),
    ITEM("lock", "backend", CONFIG_CHOICE, lock_backend, "gpiod", .choices = locks),
    ITEM("lock", "socket", CONFIG_STRING, lock_socket, "", 0),
    ITEM("lock", "rest", CONFIG_DURATION, rest_ms, "100ms", .min = 0, .max = 5000),
    ITEM("lock", "pulse_max", CONFIG_DURATION, pulse_max_ms, "500ms", .min = 10, .max = 1000),
    ITEM("screen", "backend", CONFIG_CHOICE, screen_backend, "sdl", .choices = screens),
    ITEM("screen", "width", CONFIG_INTEGER, screen_width, "1080", .min = 320, .max = 7680),
    ITEM("screen", "height", CONFIG_INTEGER, screen_height, "1920", .min = 320, .max = 7680),
    ITEM("screen", "diagonal_mm", CONFIG_INTEGER, diagonal_mm, "546", .min = 100, .max = 2000,
         .remedy = "Measure the picture from corner to corner, in millimetres."),
    ITEM("screen", "folder", CONFIG_STRING, screen_folder, "", 0),
    ITEM("screen", "language", CONFIG_STRING, language, "en",
         .pattern = "^(zh-Hans|zh-Hant|en|ja|ko|th|ru|fr|ar)$",
         .remedy = "Write zh-Hans, zh-Hant, en, ja, ko, th, ru, fr or ar."),
};

const struct config_item *kiosk_config_items(size_t *ret_n)
{
    *ret_n = ELEMENTSOF(items);
    return items;
}

/* What a backend cannot do without. */
static int check(const char *path, const struct kiosk_config *config,
                 struct config_mistakes *mistakes)
{
    const struct {
        bool missing;
        const char *text;
    } needs[] = {
        {config->camera_backend == KIOSK_CAMERA_FILES && !*config->camera_folder,
         "[camera] backend=files is given without folder. Write the folder that holds the "
         "pictures."},
        {config->camera_backend == KIOSK_CAMERA_V4L2 && !*config->camera_device,
         "[camera] device is empty. Write the camera's device, for example /dev/pickup-camera."},
        {config->lock_backend == KIOSK_LOCK_SIM && !*config->lock_socket,
         "[lock] backend=sim is given without socket. Write the socket that pickup-simbank listens "
         "on."},
        {config->screen_backend == KIOSK_SCREEN_MEM && !*config->screen_folder,
         "[screen] backend=mem is given without folder. Write the folder that the screens are "
         "saved in."},
    };

    for (size_t i = 0; i < ELEMENTSOF(needs); i++)
        if (needs[i].missing &&
            config_mistake_add(mistakes, path, 0, "%s", needs[i].text) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

int kiosk_config_load(const char *path, struct kiosk_config *ret_config,
                      struct config_mistakes *ret_mistakes)
{
    int r;

    memset(ret_config, 0, sizeof(*ret_config));
    r = config_load(path, items, ELEMENTSOF(items), ret_config, NULL, ret_mistakes);
    if (r < 0)
        return r;
    r = check(path, ret_config, ret_mistakes);
    if (r < 0)
        return r;
    char **files[] = {&ret_config->doors_file,      &ret_config->camera_device,
                      &ret_config->camera_folder,   &ret_config->lock_socket,
                      &ret_config->decoder_program, &ret_config->screen_folder};

    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        char *resolved = config_path(path, *files[i], false);

        if (!resolved)
            return -ENOMEM;
        free(*files[i]);
        *files[i] = resolved;
    }
    return ret_mistakes->n > 0 ? -EINVAL : 0;
}

void kiosk_config_done(struct kiosk_config *config)
{
    config_free(items, ELEMENTSOF(items), config);
}
