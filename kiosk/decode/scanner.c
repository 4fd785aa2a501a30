#include "kiosk/decode/scanner.h"

#include <errno.h>
#include <string.h>
#include <zbar.h>

/* zbar 0.23 grows by about 190 bytes a decoded code: a scanner is replaced after so many. */
#define READS_PER_SCANNER 1000

struct scanner {
    zbar_image_scanner_t *zbar;
    enum frame_wish wish; /* what `zbar` is set up for */
    unsigned reads;
    uint64_t frames;
    struct gray half;
    struct sight sight;
};

/* Its result cache stays off: it is not needed (kiosk/scan-filter.h), and with it a structured
 * append code makes zbar abort. */
static zbar_image_scanner_t *make_zbar(enum frame_wish wish)
{
    zbar_image_scanner_t *zbar = zbar_image_scanner_create();

    if (!zbar)
        return NULL;
    zbar_image_scanner_set_config(zbar, 0, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(zbar, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    /* The bytes as they are: zbar's guess of the encoding would change them. */
    zbar_image_scanner_set_config(zbar, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
    if (wish == FRAME_WISH_LABELS) {
        zbar_image_scanner_set_config(zbar, ZBAR_EAN13, ZBAR_CFG_ENABLE, 1);
        zbar_image_scanner_set_config(zbar, ZBAR_CODE128, ZBAR_CFG_ENABLE, 1);
        zbar_image_scanner_set_config(zbar, ZBAR_CODE128, ZBAR_CFG_MIN_LEN, 4);
    }
    return zbar;
}

static int set_up(struct scanner *scanner, enum frame_wish wish)
{
    if (scanner->zbar && scanner->wish == wish && scanner->reads < READS_PER_SCANNER)
        return 0;
    if (scanner->zbar)
        zbar_image_scanner_destroy(scanner->zbar);
    scanner->zbar = make_zbar(wish);
    scanner->wish = wish;
    scanner->reads = 0;
    return scanner->zbar ? 0 : -ENOMEM;
}

int scanner_new(struct scanner **ret_scanner)
{
    struct scanner *scanner = calloc(1, sizeof(*scanner));
    int r = scanner ? set_up(scanner, FRAME_WISH_CODES) : -ENOMEM;

    if (r < 0) {
        free(scanner);
        return r;
    }
    *ret_scanner = scanner;
    return 0;
}

struct scanner *scanner_free(struct scanner *scanner)
{
    if (!scanner)
        return NULL;
    if (scanner->zbar)
        zbar_image_scanner_destroy(scanner->zbar);
    gray_done(&scanner->half);
    free(scanner);
    return NULL;
}

const struct sight *scanner_sight(const struct scanner *scanner)
{
    return &scanner->sight;
}

static int add(struct scanner_text *texts, int n, const char *data, size_t n_bytes)
{
    if (n == SCANNER_TEXTS_MAX || n_bytes == 0 || n_bytes > SCANNER_TEXT_MAX ||
        memchr(data, '\0', n_bytes))
        return n;
    for (int i = 0; i < n; i++)
        if (texts[i].n_bytes == n_bytes && memcmp(texts[i].text, data, n_bytes) == 0)
            return n;
    memcpy(texts[n].text, data, n_bytes);
    texts[n].text[n_bytes] = '\0';
    texts[n].n_bytes = n_bytes;
    return n + 1;
}

/* One look at one picture; adds to the `n` texts and returns the new number. */
static int look(struct scanner *scanner, const struct gray *gray, struct scanner_text *texts, int n)
{
    zbar_image_t *image = zbar_image_create();

    if (!image)
        return -ENOMEM;
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, gray->width, gray->height);
    zbar_image_set_data(image, gray->pixels, (unsigned long)gray->width * gray->height, NULL);
    if (zbar_scan_image(scanner->zbar, image) > 0) {
        for (const zbar_symbol_t *symbol = zbar_image_first_symbol(image); symbol;
             symbol = zbar_symbol_next(symbol)) {
            n = add(texts, n, zbar_symbol_get_data(symbol), zbar_symbol_get_data_length(symbol));
            scanner->reads++;
        }
    }
    zbar_image_destroy(image);
    return n;
}

/* At half size first: a phone is held so close that its code is large, that costs a quarter, and
 * the mean of four takes away the pixel grid of its screen, which zbar trips over. Then the whole
 * picture; every other one also inverted (dark mode), because that costs as much again. */
int scanner_read(struct scanner *scanner, struct gray *gray, enum frame_wish wish,
                 struct scanner_text ret_texts[static SCANNER_TEXTS_MAX])
{
    int n = 0, r = set_up(scanner, wish);

    if (r == 0 && gray->width > 1 && gray->height > 1) {
        r = pixels_halve(gray, &scanner->half);
        if (r == 0)
            n = look(scanner, &scanner->half, ret_texts, 0);
    }
    if (r < 0)
        return r;
    if (n == 0)
        n = look(scanner, gray, ret_texts, 0);
    if (n != 0 || scanner->frames++ % 2 != 0)
        return n;
    pixels_invert(gray);
    return look(scanner, gray, ret_texts, 0);
}
