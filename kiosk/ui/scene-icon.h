/* One large picture that says it without words. Inner part of scene. */
#pragma once

#include "kiosk/ui/scene-map.h"

/* The phone with its code, the check mark, the exclamation mark, three dots. */
void scene_icon(enum screen_kind kind, struct area area, struct draw_list *list);
