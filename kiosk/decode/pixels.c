#include "kiosk/decode/pixels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int gray_resize(struct gray *gray, uint32_t width, uint32_t height)
{
    size_t n = (size_t)width * height;

    if (width == 0 || height == 0 || width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX)
        return -EMSGSIZE;
    if (n > gray->capacity) {
        uint8_t *pixels = realloc(gray->pixels, n);

        if (!pixels)
            return -ENOMEM;
        gray->pixels = pixels;
        gray->capacity = n;
    }
    gray->width = width;
    gray->height = height;
    return 0;
}

void gray_done(struct gray *gray)
{
    free(gray->pixels);
    *gray = (struct gray){};
}

int pixels_to_gray(const struct frame *frame, struct gray *gray)
{
    bool packed = frame->format == FRAME_YUYV || frame->format == FRAME_UYVY;
    size_t step = packed ? 2 : 1, first = frame->format == FRAME_UYVY ? 1 : 0;
    size_t row_bytes = frame->width * step;
    int r;

    if (!packed && frame->format != FRAME_GREY && frame->format != FRAME_NV12)
        return -EINVAL;
    r = gray_resize(gray, frame->width, frame->height);
    if (r < 0)
        return r;
    if (frame->stride < row_bytes ||
        frame->n_bytes < (size_t)frame->stride * (frame->height - 1) + row_bytes)
        return -EBADMSG;
    for (uint32_t y = 0; y < frame->height; y++) {
        const uint8_t *from = frame->data + (size_t)y * frame->stride;
        uint8_t *to = gray->pixels + (size_t)y * gray->width;

        if (step == 1)
            memcpy(to, from, frame->width);
        else
            for (uint32_t x = 0; x < frame->width; x++)
                to[x] = from[2 * x + first];
    }
    return 0;
}

int pixels_halve(const struct gray *from, struct gray *to)
{
    int r = gray_resize(to, from->width / 2, from->height / 2);

    if (r < 0)
        return r;
    for (uint32_t y = 0; y < to->height; y++) {
        const uint8_t *upper = from->pixels + (size_t)(2 * y) * from->width;
        const uint8_t *lower = upper + from->width;
        uint8_t *out = to->pixels + (size_t)y * to->width;

        for (uint32_t x = 0; x < to->width; x++)
            out[x] =
                (uint8_t)((upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1] + 2) /
                          4);
    }
    return 0;
}

void pixels_invert(struct gray *gray)
{
    size_t n = (size_t)gray->width * gray->height;

    for (size_t i = 0; i < n; i++)
        gray->pixels[i] = (uint8_t)(255 - gray->pixels[i]);
}
