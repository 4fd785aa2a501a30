#include "common/clock.h"
#include "kiosk/hw/camera.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

struct camera_files {
    struct camera camera;
    char *folder;
    char last[NAME_MAX + 1]; /* the picture shown last */
    uint8_t *data;
    size_t capacity;
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_jpeg(const char *name)
{
    return ends_with(name, ".jpg") || ends_with(name, ".jpeg");
}

/* The picture after the last one, the first when there is none after it; false = no picture. */
static bool next_name(const struct camera_files *files, char ret_name[static NAME_MAX + 1])
{
    char first[NAME_MAX + 1] = "", next[NAME_MAX + 1] = "";
    DIR *folder = opendir(files->folder);
    const struct dirent *entry;

    if (!folder)
        return false;
    while ((entry = readdir(folder))) {
        const char *name = entry->d_name;

        if (*name == '.' || (!is_jpeg(name) && !ends_with(name, ".pgm")))
            continue;
        if (!*first || strcmp(name, first) < 0)
            strcpy(first, name);
        if (strcmp(name, files->last) > 0 && (!*next || strcmp(name, next) < 0))
            strcpy(next, name);
    }
    closedir(folder);
    strcpy(ret_name, *next ? next : first);
    return *ret_name;
}

static int read_picture(struct camera_files *files, const char *name, size_t *ret_n)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    struct stat st;
    ssize_t n;

    if (asprintf(&path, "%s/%s", files->folder, name) < 0)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size > FRAME_BYTES_MAX)
        return -EMSGSIZE;
    if ((size_t)st.st_size > files->capacity) {
        uint8_t *data = realloc(files->data, (size_t)st.st_size);

        if (!data)
            return -ENOMEM;
        files->data = data;
        files->capacity = (size_t)st.st_size;
    }
    n = read(fd, files->data, (size_t)st.st_size);
    if (n < 0)
        return -errno;
    *ret_n = (size_t)n;
    return 0;
}

/* The next number of a PGM header; comments run from '#' to the end of the line. */
static bool read_number(const uint8_t *data, size_t n, size_t *at, uint32_t *ret)
{
    uint32_t value = 0;
    size_t digits = 0;

    while (*at < n && (strchr(" \t\r\n", data[*at]) || data[*at] == '#'))
        if (data[(*at)++] == '#')
            while (*at < n && data[*at] != '\n')
                (*at)++;
    for (; *at < n && data[*at] >= '0' && data[*at] <= '9' && digits < 6; digits++)
        value = value * 10 + (uint32_t)(data[(*at)++] - '0');
    *ret = value;
    return digits > 0;
}

/* Netpbm's "P5" with at most 255 shades. */
static bool parse_pgm(const uint8_t *data, size_t n, struct frame *ret_frame)
{
    uint32_t width, height, shades;
    size_t at = 2;

    if (n < 2 || memcmp(data, "P5", 2) != 0 || !read_number(data, n, &at, &width) ||
        !read_number(data, n, &at, &height) || !read_number(data, n, &at, &shades) ||
        shades > 255 || at >= n)
        return false;
    at++; /* the one white space before the pixels */
    *ret_frame = (struct frame){.format = FRAME_GREY,
                                .width = width,
                                .height = height,
                                .stride = width,
                                .data = data + at,
                                .n_bytes = n - at};
    return (uint64_t)width * height <= n - at;
}

static int files_take(struct camera *camera, struct frame *ret_frame)
{
    struct camera_files *files = (struct camera_files *)camera;
    char name[NAME_MAX + 1];
    struct frame frame;
    uint64_t ticks;
    size_t n = 0;

    if (read(camera->fd, &ticks, sizeof(ticks)) < 0 || !next_name(files, name))
        return 0;
    strcpy(files->last, name);
    if (read_picture(files, name, &n) < 0 || n == 0)
        return 0; /* taken away meanwhile, or no picture */
    frame = (struct frame){.format = FRAME_JPEG, .data = files->data, .n_bytes = n};
    if (!is_jpeg(name) && !parse_pgm(files->data, n, &frame))
        return 0;
    frame.captured_us = clock_boot_us();
    *ret_frame = frame;
    return 1;
}

static void files_close(struct camera *camera)
{
    struct camera_files *files = (struct camera_files *)camera;

    if (camera->fd >= 0)
        close(camera->fd);
    free(files->folder);
    free(files->data);
    free(files);
}

static const struct camera_ops files_ops = {.take = files_take, .close = files_close};

int camera_files_open(const char *folder, unsigned fps, struct camera **ret_camera,
                      char **ret_error)
{
    const long period_ns = 1000000000L / (long)fps;
    const struct itimerspec rate = {
        {period_ns / 1000000000L, period_ns % 1000000000L},
        {period_ns / 1000000000L, period_ns % 1000000000L},
    };
    _cleanup_(camera_closep) struct camera *camera = NULL;
    struct camera_files *files;

    if (access(folder, R_OK | X_OK) < 0) {
        int r = -errno;

        if (asprintf(ret_error,
                     "The camera's folder of pictures %s cannot be read: %s. Make it, or correct "
                     "[camera] folder.",
                     folder, strerror(-r)) < 0)
            *ret_error = NULL;
        return r;
    }
    *ret_error = NULL;
    files = calloc(1, sizeof(*files));
    if (!files)
        return -ENOMEM;
    camera = &files->camera;
    camera->ops = &files_ops;
    snprintf(camera->about.card, sizeof(camera->about.card), "a folder of pictures");
    camera->about.fps = fps;
    camera->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    files->folder = strdup(folder);
    if (!files->folder)
        return -ENOMEM;
    if (camera->fd < 0 || timerfd_settime(camera->fd, 0, &rate, NULL) < 0)
        return -errno;
    *ret_camera = TAKE_PTR(camera);
    return 0;
}
