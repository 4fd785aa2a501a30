#include "hq/qr-picture.h"

#include <errno.h>
#include <png.h>
#include <qrencode.h>
#include <stdbool.h>
#include <string.h>

#define QUIET_ZONE 4 /* modules, ISO/IEC 18004 section 6.3.8 */

static void free_code(QRcode **code)
{
    if (*code)
        QRcode_free(*code);
}

static int encode(const char *text, QRcode **ret_code)
{
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_M);
    int r = 0;

    if (!input)
        return -ENOMEM;
    if (QRinput_append(input, QR_MODE_AN, (int)strlen(text), (const unsigned char *)text) < 0 ||
        !(*ret_code = QRcode_encodeInput(input)))
        r = errno == ENOMEM ? -ENOMEM : -EINVAL;
    QRinput_free(input);
    return r;
}

/* True for a dark module; the quiet zone is light. */
static bool dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1);
}

int qr_print(const char *text, FILE *stream)
{
    _cleanup_(free_code) QRcode *code = NULL;
    int r = encode(text, &code);

    if (r < 0)
        return r;
    for (int y = -QUIET_ZONE; y < code->width + QUIET_ZONE; y += 2) {
        fputs("\033[30;107m", stream); /* black on white */
        for (int x = -QUIET_ZONE; x < code->width + QUIET_ZONE; x++) {
            static const char *const blocks[] = {" ", "▄", "▀", "█"};

            fputs(blocks[dark(code, x, y) * 2 + dark(code, x, y + 1)], stream);
        }
        fputs("\033[0m\n", stream);
    }
    return 0;
}

int qr_write_png(const char *text, unsigned scale, const char *path)
{
    _cleanup_(free_code) QRcode *code = NULL;
    _cleanup_free_ uint8_t *pixels = NULL;
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY};
    int r = encode(text, &code);

    if (r < 0)
        return r;
    image.width = image.height = (png_uint_32)(code->width + 2 * QUIET_ZONE) * scale;
    pixels = malloc((size_t)image.width * image.height);
    if (!pixels)
        return -ENOMEM;
    for (unsigned y = 0; y < image.height; y++)
        for (unsigned x = 0; x < image.width; x++)
            pixels[y * image.width + x] =
                dark(code, (int)(x / scale) - QUIET_ZONE, (int)(y / scale) - QUIET_ZONE) ? 0 : 255;
    return png_image_write_to_file(&image, path, 0, pixels, 0, NULL) ? 0 : -EIO;
}
