/* One picture as a camera gives it, and what formats there are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum frame_format {
    FRAME_GREY, /* 8 bits a pixel */
    FRAME_YUYV, /* 4:2:2 packed, 16 bits a pixel */
    FRAME_UYVY, /* the same, the other way round */
    FRAME_NV12, /* a plane of gray, then colour that is not used: also NV21, I420, YV12 */
    FRAME_JPEG, /* one picture of a motion JPEG stream; width and height may be 0 */
    FRAME_FORMATS
};

#define FRAME_SIDE_MAX  4096 /* pixels */
#define FRAME_BYTES_MAX ((size_t)FRAME_SIDE_MAX * FRAME_SIDE_MAX * 2)

struct frame {
    enum frame_format format;
    uint32_t width, height; /* pixels */
    uint32_t stride;        /* bytes from one row to the next; not for JPEG */
    const uint8_t *data;
    size_t n_bytes;
    uint64_t captured_us; /* CLOCK_BOOTTIME: when the picture was complete */
};
