/* A JPEG picture to gray, with libturbojpeg: colour is never computed. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/decode/pixels.h"

struct jpeg;

struct jpeg_outcome {
    unsigned scale; /* 1, 2, 4 or 8: it was decoded at 1/scale of its size */
    bool damaged;   /* it is cut short or has errors inside: a part of the picture is gray mush */
};

int jpeg_new(struct jpeg **ret_jpeg);
struct jpeg *jpeg_free(struct jpeg *jpeg);
DEFINE_CLEANUP(struct jpeg *, jpeg_free);
/* A picture larger than FRAME_SIDE_MAX is decoded at a fraction of its size. -EBADMSG when it is
 * no JPEG or broken, -EMSGSIZE when it is too large even so. */
int jpeg_to_gray(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, struct gray *gray);
/* The same at the largest of the scales 1, 1/2, 1/4, 1/8 at which no side is over `side_max` pixels
 * (at most FRAME_SIDE_MAX): smaller is cheaper, because the transform itself gets smaller. */
int jpeg_to_gray_within(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, uint32_t side_max,
                        struct gray *gray, struct jpeg_outcome *ret_outcome);
