/* In place of the GPIO backend where its library was not there when this was built. */
#include "kiosk/hw/lock.h"

#include <errno.h>
#include <string.h>

int lock_gpiod_open(const struct doors *doors, struct lock **ret_lock, char **ret_error)
{
    *ret_error =
        strdup("This pickup-kiosk was built without libgpiod 1.6. Install a build that has "
               "it, or write [lock] backend=sim for a simulated bank.");
    return -EOPNOTSUPP;
}
