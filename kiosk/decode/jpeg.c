#include "kiosk/decode/jpeg.h"

#include <errno.h>
#include <turbojpeg.h>

struct jpeg {
    tjhandle handle;
};

int jpeg_new(struct jpeg **ret_jpeg)
{
    struct jpeg *jpeg = calloc(1, sizeof(*jpeg));

    if (!jpeg)
        return -ENOMEM;
    jpeg->handle = tjInitDecompress();
    if (!jpeg->handle) {
        free(jpeg);
        return -ENOMEM;
    }
    *ret_jpeg = jpeg;
    return 0;
}

struct jpeg *jpeg_free(struct jpeg *jpeg)
{
    if (!jpeg)
        return NULL;
    tjDestroy(jpeg->handle);
    free(jpeg);
    return NULL;
}

/* The factor of the largest scale that fits, or -EMSGSIZE. */
static int choose_scale(int width, int height, uint32_t side_max)
{
    uint32_t side = (uint32_t)(width > height ? width : height);

    for (int scale = 1; scale <= 8; scale *= 2)
        if ((side + (uint32_t)scale - 1) / (uint32_t)scale <= side_max)
            return scale;
    return -EMSGSIZE;
}

int jpeg_to_gray(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, struct gray *gray)
{
    struct jpeg_outcome outcome;

    return jpeg_to_gray_within(jpeg, data, n_bytes, FRAME_SIDE_MAX, gray, &outcome);
}

int jpeg_to_gray_within(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, uint32_t side_max,
                        struct gray *gray, struct jpeg_outcome *ret_outcome)
{
    /* A stream that ends among its headers is no error to the library, and leaves them as they are.
     */
    int width = 0, height = 0, subsampling, colours, scale, r;

    if (n_bytes == 0 ||
        tjDecompressHeader3(jpeg->handle, data, n_bytes, &width, &height, &subsampling, &colours) <
            0 ||
        width < 1 || height < 1)
        return -EBADMSG;
    scale = choose_scale(width, height, side_max);
    if (scale < 0)
        return scale;
    r = gray_resize(gray, (uint32_t)((width + scale - 1) / scale),
                    (uint32_t)((height + scale - 1) / scale));
    if (r < 0)
        return r;
    *ret_outcome = (struct jpeg_outcome){.scale = (unsigned)scale};
    if (tjDecompress2(jpeg->handle, data, n_bytes, gray->pixels, (int)gray->width, 0,
                      (int)gray->height, TJPF_GRAY, 0) == 0)
        return 0;
    /* A picture cut short still gives its upper part: worth a look, so warnings are no errors. The
     * library fills the rest with gray. */
    if (tjGetErrorCode(jpeg->handle) == TJERR_FATAL)
        return -EBADMSG;
    ret_outcome->damaged = true;
    return 0;
}
