/* The bank as one sees it from the front, and where the door is. Never mirrored: it is the physical
 * world. Inner part of scene. */
#pragma once

#include "kiosk/ui/scene.h"

struct area {
    double x, y, w, h; /* px */
};

void scene_map(const struct doors *doors, uint32_t marked, struct area area,
               struct draw_list *list);
