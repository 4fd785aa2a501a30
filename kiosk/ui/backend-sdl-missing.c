/* Built without SDL2. */
#include "kiosk/ui/backend.h"

#include <errno.h>
#include <string.h>

int backend_sdl_open(const struct kiosk_config *config, sd_event *event, struct backend **ret,
                     char **ret_error)
{
    *ret_error = strdup("This pickup-kiosk was built without SDL2 and has no window. Build it with "
                        "libsdl2-dev installed, or use [screen] backend=mem.");
    return -ENOTSUP;
}
