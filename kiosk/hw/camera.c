#include "kiosk/hw/camera.h"

#include <errno.h>

int camera_open(const struct kiosk_camera_config *config, struct camera **ret_camera,
                char **ret_error)
{
    switch ((enum kiosk_camera)config->backend) {
    case KIOSK_CAMERA_V4L2:
        return camera_v4l2_open(config, ret_camera, ret_error);
    case KIOSK_CAMERA_FILES:
        return camera_files_open(config->folder, (unsigned)config->fps, ret_camera, ret_error);
    }
    return -EINVAL;
}

struct camera *camera_close(struct camera *camera)
{
    if (camera)
        camera->ops->close(camera);
    return NULL;
}
