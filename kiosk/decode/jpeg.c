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

int jpeg_to_gray(struct jpeg *jpeg, const uint8_t *data, size_t n_bytes, struct gray *gray)
{
    static const tjscalingfactor scales[] = {{1, 1}, {1, 2}, {1, 4}, {1, 8}};
    int width, height, subsampling, colours, r = -EMSGSIZE;

    if (n_bytes == 0 || tjDecompressHeader3(jpeg->handle, data, n_bytes, &width, &height,
                                            &subsampling, &colours) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < ELEMENTSOF(scales) && r == -EMSGSIZE; i++)
        r = gray_resize(gray, (uint32_t)TJSCALED(width, scales[i]),
                        (uint32_t)TJSCALED(height, scales[i]));
    if (r < 0)
        return r;
    /* A picture cut short still gives its upper part: worth a look, so warnings are no errors. */
    if (tjDecompress2(jpeg->handle, data, n_bytes, gray->pixels, (int)gray->width, 0,
                      (int)gray->height, TJPF_GRAY, 0) < 0 &&
        tjGetErrorCode(jpeg->handle) == TJERR_FATAL)
        return -EBADMSG;
    return 0;
}
