/* A state and a size in, a list of things to draw out. Pure. */
#pragma once

#include "kiosk/ui/draw.h"

struct scene_size {
    double width, height; /* px; portrait or landscape */
};

/* Adds everything to `list`. `language` is the kiosk's own: it comes first while nobody is known to
 * be there. */
void scene_build(const struct screen_state *state, const struct doors *doors,
                 struct scene_size size, enum language language, struct draw_list *list);
