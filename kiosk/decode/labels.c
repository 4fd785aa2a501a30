#include "kiosk/decode/labels.h"

#include <errno.h>
#include <string.h>
#include <zbar.h>

/* Pixels between scan lines: bars are much higher than that. */
#define DENSITY 3
/* zbar keeps a little of each read: see scanner.c. */
#define READS_PER_SCANNER 1000

struct labels {
    zbar_image_scanner_t *zbar;
    unsigned reads;
};

static const struct {
    zbar_symbol_type_t symbology;
    int min_characters; /* 0 = the symbology has a fixed length and a check digit */
} symbologies[] = {
    {ZBAR_EAN13, 0},   {ZBAR_EAN8, 0},   {ZBAR_UPCA, 0}, {ZBAR_UPCE, 0},
    {ZBAR_CODE128, 4}, {ZBAR_CODE39, 4}, {ZBAR_I25, 8},
};

static zbar_image_scanner_t *make_zbar(void)
{
    zbar_image_scanner_t *zbar = zbar_image_scanner_create();

    if (!zbar)
        return NULL;
    zbar_image_scanner_set_config(zbar, 0, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(zbar, 0, ZBAR_CFG_X_DENSITY, DENSITY);
    zbar_image_scanner_set_config(zbar, 0, ZBAR_CFG_Y_DENSITY, DENSITY);
    for (size_t i = 0; i < ELEMENTSOF(symbologies); i++) {
        zbar_image_scanner_set_config(zbar, symbologies[i].symbology, ZBAR_CFG_ENABLE, 1);
        if (symbologies[i].min_characters > 0)
            zbar_image_scanner_set_config(zbar, symbologies[i].symbology, ZBAR_CFG_MIN_LEN,
                                          symbologies[i].min_characters);
    }
    return zbar;
}

int labels_new(struct labels **ret_labels)
{
    struct labels *labels = calloc(1, sizeof(*labels));

    if (!labels)
        return -ENOMEM;
    labels->zbar = make_zbar();
    if (!labels->zbar) {
        free(labels);
        return -ENOMEM;
    }
    *ret_labels = labels;
    return 0;
}

struct labels *labels_free(struct labels *labels)
{
    if (!labels)
        return NULL;
    if (labels->zbar)
        zbar_image_scanner_destroy(labels->zbar);
    free(labels);
    return NULL;
}

static int recycle(struct labels *labels)
{
    if (labels->zbar && labels->reads < READS_PER_SCANNER)
        return 0;
    if (labels->zbar)
        zbar_image_scanner_destroy(labels->zbar);
    labels->zbar = make_zbar();
    labels->reads = 0;
    return labels->zbar ? 0 : -ENOMEM;
}

static bool known(const struct scanner_text *texts, int n, const char *data, size_t n_bytes)
{
    for (int i = 0; i < n; i++)
        if (texts[i].n_bytes == n_bytes && memcmp(texts[i].text, data, n_bytes) == 0)
            return true;
    return false;
}

static int collect(struct labels *labels, const zbar_image_t *image, struct scanner_text *texts)
{
    int n = 0;

    for (const zbar_symbol_t *symbol = zbar_image_first_symbol(image);
         symbol && n < SCANNER_TEXTS_MAX; symbol = zbar_symbol_next(symbol)) {
        const char *data = zbar_symbol_get_data(symbol);
        size_t n_bytes = zbar_symbol_get_data_length(symbol);

        labels->reads++;
        if (n_bytes == 0 || n_bytes > SCANNER_TEXT_MAX || memchr(data, '\0', n_bytes) ||
            known(texts, n, data, n_bytes))
            continue;
        memcpy(texts[n].text, data, n_bytes);
        texts[n].text[n_bytes] = '\0';
        texts[n++].n_bytes = n_bytes;
    }
    return n;
}

int labels_read(struct labels *labels, const struct gray *gray,
                struct scanner_text ret_texts[static SCANNER_TEXTS_MAX])
{
    int n = 0, r = recycle(labels);
    zbar_image_t *image;

    if (r < 0)
        return r;
    image = zbar_image_create();
    if (!image)
        return -ENOMEM;
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, gray->width, gray->height);
    zbar_image_set_data(image, gray->pixels, (unsigned long)gray->width * gray->height, NULL);
    if (zbar_scan_image(labels->zbar, image) > 0)
        n = collect(labels, image, ret_texts);
    zbar_image_destroy(image);
    return n;
}
