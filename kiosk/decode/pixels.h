/* From a camera's picture to 8-bit gray. Pure. */
#pragma once

#include "kiosk/frame.h"

#include <stdbool.h>

struct gray {
    uint8_t *pixels; /* width * height, without gaps; grown with realloc() */
    size_t capacity; /* bytes */
    uint32_t width, height;
};

/* Makes room for width * height pixels. -ENOMEM; -EMSGSIZE when a side is 0 or over
 * FRAME_SIDE_MAX. */
int gray_resize(struct gray *gray, uint32_t width, uint32_t height);
void gray_done(struct gray *gray);

/* Converts any format but JPEG. -EBADMSG when the frame holds fewer bytes than its size says. */
int pixels_to_gray(const struct frame *frame, struct gray *gray);
/* Half the size, each pixel the mean of four: takes the pixel grid of a photographed screen away.
 */
int pixels_halve(const struct gray *from, struct gray *to);
/* Dark mode: light modules on a dark ground. In place. */
void pixels_invert(struct gray *gray);
