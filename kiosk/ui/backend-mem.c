/* Each new picture as a PNG file NNN-NAME.png in a folder, for tests and the demo. */
#include "kiosk/ui/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct mem {
    struct backend backend;
    char *folder;
    unsigned n;
};

static int mem_show(struct backend *backend, cairo_surface_t *picture, const char *name)
{
    struct mem *mem = (struct mem *)backend;
    _cleanup_free_ char *path = NULL, *next = NULL;
    cairo_status_t status;

    if (asprintf(&next, "%s/.next.png", mem->folder) < 0 ||
        asprintf(&path, "%s/%03u-%s.png", mem->folder, mem->n + 1, name) < 0)
        return -ENOMEM;
    status = cairo_surface_write_to_png(picture, next);
    if (status != CAIRO_STATUS_SUCCESS)
        return status == CAIRO_STATUS_NO_MEMORY ? -ENOMEM : -EIO;
    if (rename(next, path) < 0)
        return -errno;
    mem->n++;
    return 0;
}

static void mem_close(struct backend *backend)
{
    struct mem *mem = (struct mem *)backend;

    free(mem->folder);
    free(mem);
}

static const struct backend_ops mem_ops = {.show = mem_show, .close = mem_close};

int backend_mem_open(const struct kiosk_config *config, struct backend **ret, char **ret_error)
{
    struct mem *mem;

    if (access(config->screen_folder, W_OK | X_OK) < 0) {
        int r = -errno;

        if (asprintf(ret_error,
                     "The screen's folder %s cannot be written to: %s. Make it, or correct "
                     "[screen] folder.",
                     config->screen_folder, strerror(-r)) < 0)
            *ret_error = NULL;
        return r;
    }
    mem = calloc(1, sizeof(*mem));
    if (!mem)
        return -ENOMEM;
    mem->backend.ops = &mem_ops;
    mem->folder = strdup(config->screen_folder);
    if (!mem->folder) {
        free(mem);
        return -ENOMEM;
    }
    *ret = &mem->backend;
    return 0;
}
