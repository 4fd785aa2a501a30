#include "common/kiosk-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ITEM(section, key, type, member, standard, ...)                                            \
    {                                                                                              \
        section, key, type, offsetof(struct kiosk_config, member), standard, __VA_ARGS__           \
    }

static const char *const cameras[] = {"v4l2", "files", NULL};
static const char *const power_lines[] = {"off", "50", "60", "auto", NULL};
static const char *const locks[] = {"gpiod", "sim", NULL};
static const char *const screens[] = {"mem", "sdl", NULL};

/* 10 ms: half a period of lamps at 50 Hz, so that they do not flicker; short enough that a phone at
 * full brightness is not white all over. */
#define CAMERA(section, i, standard_device)                                                        \
    ITEM(section, "backend", CONFIG_CHOICE, cameras[i].backend, "v4l2", .choices = cameras),       \
        ITEM(section, "device", CONFIG_STRING, cameras[i].device, standard_device, 0),             \
        ITEM(section, "folder", CONFIG_STRING, cameras[i].folder, "", 0),                          \
        ITEM(section, "fps", CONFIG_INTEGER, cameras[i].fps, "15", .min = 1, .max = 120),          \
        ITEM(section, "width", CONFIG_INTEGER, cameras[i].width, "1280", .min = 160, .max = 4096), \
        ITEM(section, "height", CONFIG_INTEGER, cameras[i].height, "720", .min = 120,              \
             .max = 4096),                                                                         \
        ITEM(section, "exposure_us", CONFIG_INTEGER, cameras[i].exposure_us, "10000", .min = 0,    \
             .max = 500000, .remedy = "Write microseconds, or 0 for the camera's own automatic."), \
        ITEM(section, "focus", CONFIG_INTEGER, cameras[i].focus, "-1", .min = -1, .max = 100000,   \
             .remedy = "Write a number in the camera's own units, or -1 for its automatic."),      \
        ITEM(section, "gain", CONFIG_INTEGER, cameras[i].gain, "-1", .min = -1, .max = 100000,     \
             .remedy = "Write a number in the camera's own units, or -1 to leave it."),            \
        ITEM(section, "power_line", CONFIG_CHOICE, cameras[i].power_line, "50",                    \
             .choices = power_lines,                                                               \
             .remedy = "Write the frequency of the shop's mains: 50 or 60, or off or auto.")

static const struct config_item items[] = {
    ITEM("kiosk", "doors_file", CONFIG_STRING, doors_file, "doors.conf", 0),
    CAMERA("camera", 0, "/dev/pickup-camera"),
    CAMERA("camera 2", 1, ""),
    CAMERA("camera 3", 2, ""),
    CAMERA("camera 4", 3, ""),
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

static const char *section_of(const struct kiosk_camera_config *camera, size_t n,
                              char ret[static n])
{
    if (camera->number == 1)
        snprintf(ret, n, "camera");
    else
        snprintf(ret, n, "camera %u", camera->number);
    return ret;
}

static int check_camera(const char *path, const struct kiosk_camera_config *camera,
                        struct config_mistakes *mistakes)
{
    char section[16];

    section_of(camera, sizeof(section), section);
    if (camera->backend == KIOSK_CAMERA_FILES && !*camera->folder)
        return config_mistake_add(mistakes, path, 0,
                                  "[%s] backend=files is given without folder. Write the folder "
                                  "that holds the pictures.",
                                  section);
    if (camera->backend == KIOSK_CAMERA_V4L2 && !*camera->device)
        return config_mistake_add(mistakes, path, 0,
                                  "[%s] device is empty. Write the camera's device, for example "
                                  "/dev/pickup-camera.",
                                  section);
    return 0;
}

/* Two that open one device would take each other's pictures. */
static int check_cameras(const char *path, const struct kiosk_config *config,
                         struct config_mistakes *mistakes)
{
    int r = 0;

    for (size_t i = 0; i < config->n_cameras && r != -ENOMEM; i++) {
        const struct kiosk_camera_config *camera = &config->cameras[i];

        r = check_camera(path, camera, mistakes);
        for (size_t j = 0; j < i && r != -ENOMEM; j++) {
            const struct kiosk_camera_config *other = &config->cameras[j];
            char a[16], b[16];

            if (camera->backend != KIOSK_CAMERA_V4L2 || other->backend != KIOSK_CAMERA_V4L2 ||
                strcmp(camera->device, other->device) != 0)
                continue;
            r = config_mistake_add(
                mistakes, path, 0, "[%s] and [%s] have the same device %s. Give each its own.",
                section_of(other, sizeof(a), a), section_of(camera, sizeof(b), b), camera->device);
        }
    }
    return r == -ENOMEM ? r : 0;
}

/* What a backend cannot do without. */
static int check(const char *path, const struct kiosk_config *config,
                 struct config_mistakes *mistakes)
{
    const struct {
        bool missing;
        const char *text;
    } needs[] = {
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
    return check_cameras(path, config, mistakes);
}

/* Takes nothing, but notes which of the cameras the file speaks of. */
static int note_section(void *target, const char *section, const char *key, const char *value,
                        const char *file, unsigned line, struct config_mistakes *mistakes)
{
    struct kiosk_config *config = target;

    for (size_t i = 1; i < KIOSK_CAMERAS_MAX; i++) {
        char name[16];

        snprintf(name, sizeof(name), "camera %zu", i + 1);
        if (strcmp(section, name) == 0)
            config->cameras[i].given = true;
    }
    return 0;
}

/* Moves the cameras that are in use to the front, so that the rest of the kiosk can count. */
static void gather_cameras(struct kiosk_config *config)
{
    for (size_t i = 0; i < KIOSK_CAMERAS_MAX; i++) {
        struct kiosk_camera_config camera = config->cameras[i];

        camera.number = (unsigned)i + 1;
        if (i > 0 && !camera.given)
            continue;
        /* Swapped, not copied: the strings of both are freed through the table. */
        config->cameras[i] = config->cameras[config->n_cameras];
        config->cameras[config->n_cameras++] = camera;
    }
}

static int resolve(const char *path, char **file)
{
    char *resolved = config_path(path, *file, false);

    if (!resolved)
        return -ENOMEM;
    free(*file);
    *file = resolved;
    return 0;
}

int kiosk_config_load(const char *path, struct kiosk_config *ret_config,
                      struct config_mistakes *ret_mistakes)
{
    int r;

    memset(ret_config, 0, sizeof(*ret_config));
    r = config_load(path, items, ELEMENTSOF(items), ret_config, note_section, ret_mistakes);
    if (r < 0)
        return r;
    gather_cameras(ret_config);
    for (size_t i = 0; i < KIOSK_CAMERAS_MAX && r >= 0; i++) {
        r = resolve(path, &ret_config->cameras[i].device);
        if (r >= 0)
            r = resolve(path, &ret_config->cameras[i].folder);
    }
    if (r >= 0)
        r = check(path, ret_config, ret_mistakes);
    char **files[] = {&ret_config->doors_file, &ret_config->lock_socket,
                      &ret_config->decoder_program, &ret_config->screen_folder};

    for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++)
        r = resolve(path, files[i]);
    if (r < 0)
        return r;
    return ret_mistakes->n > 0 ? -EINVAL : 0;
}

void kiosk_config_done(struct kiosk_config *config)
{
    config_free(items, ELEMENTSOF(items), config);
}
