#include "kiosk/hw/lock.h"

int lock_open(const struct kiosk_config *config, const struct doors *doors, struct lock **ret_lock,
              char **ret_error)
{
    if (config->lock_backend == KIOSK_LOCK_SIM)
        return lock_sim_open(config->lock_socket, doors->n, ret_lock, ret_error);
    return lock_gpiod_open(doors, ret_lock, ret_error);
}

struct lock *lock_close(struct lock *lock)
{
    if (lock)
        lock->ops->close(lock);
    return NULL;
}
