/* A JPEG picture to gray, with libturbojpeg: colour is never computed. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/decode/pixels.h"

struct jpeg;

int jpeg_new(struct jpeg **ret_jpeg);
struct jpeg *jpeg_free(struct jpeg *jpeg);
DEFINE_CLEANUP(struct jpeg *, jpeg_free);
/* A picture larger than FRAME_SIDE_MAX is decoded at a fraction of its size. -EBADMSG when it is
 * no JPEG or broken, -EMSGSIZE when it is too large even so. */
int jpeg_to_gray(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, struct gray *gray);
