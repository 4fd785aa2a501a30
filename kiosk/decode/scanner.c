#include "kiosk/decode/scanner.h"

#include "kiosk/finder/finder.h"

#include <errno.h>
#include <string.h>
#include <zbar.h>

/* zbar 0.23 grows by about 190 bytes a decoded code: a scanner is replaced after so many. */
#define READS_PER_SCANNER 1000
#define LIVE_SIZE_MAX     GRID_SIZE(10) /* modules; ours have 37 */
#define SEARCH_BUDGET     300000000L    /* instructions, about */

struct scanner {
    zbar_image_scanner_t *zbar;
    enum frame_wish wish; /* what `zbar` is set up for */
    unsigned reads;
    struct finder *finder;
    struct scanner_text *texts; /* of the picture at hand */
    int n_texts;
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

    if (r == 0)
        r = finder_new(&scanner->finder);
    if (r < 0) {
        scanner_free(scanner);
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
    finder_free(scanner->finder);
    free(scanner);
    return NULL;
}

const struct sight *scanner_sight(const struct scanner *scanner)
{
    return finder_sight(scanner->finder);
}

struct finder *scanner_finder(struct scanner *scanner)
{
    return scanner->finder;
}

static void add(struct scanner *scanner, const char *data, size_t n_bytes)
{
    struct scanner_text *text = &scanner->texts[scanner->n_texts];

    if (scanner->n_texts == SCANNER_TEXTS_MAX || n_bytes == 0 || n_bytes > SCANNER_TEXT_MAX ||
        memchr(data, '\0', n_bytes))
        return;
    for (int i = 0; i < scanner->n_texts; i++)
        if (scanner->texts[i].n_bytes == n_bytes &&
            memcmp(scanner->texts[i].text, data, n_bytes) == 0)
            return;
    memcpy(text->text, data, n_bytes);
    text->text[n_bytes] = '\0';
    text->n_bytes = n_bytes;
    scanner->n_texts++;
}

/* One look of zbar at one picture; a finder_read_fn. */
static int look(void *userdata, const struct plane *picture)
{
    struct scanner *scanner = userdata;
    zbar_image_t *image = zbar_image_create();
    int n = 0;

    if (!image)
        return -ENOMEM;
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, (unsigned)picture->width, (unsigned)picture->height);
    zbar_image_set_data(image, picture->pixels,
                        (unsigned long)picture->width * (unsigned long)picture->height, NULL);
    if (zbar_scan_image(scanner->zbar, image) > 0) {
        for (const zbar_symbol_t *symbol = zbar_image_first_symbol(image); symbol;
             symbol = zbar_symbol_next(symbol)) {
            add(scanner, zbar_symbol_get_data(symbol), zbar_symbol_get_data_length(symbol));
            scanner->reads++;
            n++;
        }
    }
    zbar_image_destroy(image);
    return n;
}

int scanner_search(struct scanner *scanner, const struct gray *gray, unsigned steps, int size_max,
                   struct scanner_text ret_texts[static SCANNER_TEXTS_MAX])
{
    const struct plane plane = {gray->pixels, (int)gray->width, (int)gray->height};
    int r = set_up(scanner, FRAME_WISH_CODES);

    if (r < 0)
        return r;
    scanner->texts = ret_texts;
    scanner->n_texts = 0;
    r = finder_search(scanner->finder, &plane, steps, size_max, SEARCH_BUDGET, look, scanner);
    return r < 0 ? r : scanner->n_texts;
}

int scanner_read(struct scanner *scanner, struct gray *gray, enum frame_wish wish,
                 struct scanner_text ret_texts[static SCANNER_TEXTS_MAX])
{
    const struct plane plane = {gray->pixels, (int)gray->width, (int)gray->height};
    int r = set_up(scanner, wish);

    if (r < 0)
        return r;
    scanner->texts = ret_texts;
    scanner->n_texts = 0;
    r = finder_watch(scanner->finder, &plane,
                     wish == FRAME_WISH_LABELS ? GRID_SIZE_MAX : LIVE_SIZE_MAX, look, scanner);
    if (r == 0 && wish == FRAME_WISH_LABELS) /* bars have no finder patterns */
        r = look(scanner, &plane);
    return r < 0 ? r : scanner->n_texts;
}
