#include "kiosk/ui/draw.h"

#include <errno.h>
#include <math.h>
#include <pango/pangocairo.h>

#define SHRINK_STEP 0.95

void draw_list_done(struct draw_list *list)
{
    free(list->items);
    *list = (struct draw_list){};
}

struct draw_item *draw_add(struct draw_list *list, const struct draw_item *item)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct draw_item *items = reallocarray(list->items, capacity, sizeof(*items));

        if (!items) {
            list->failed = true;
            return list->n ? &list->items[list->n - 1] : NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n] = *item;
    return &list->items[list->n++];
}

static void set_colour(cairo_t *cairo, uint32_t colour)
{
    cairo_set_source_rgb(cairo, ((colour >> 16) & 0xff) / 255.0, ((colour >> 8) & 0xff) / 255.0,
                         (colour & 0xff) / 255.0);
}

/* Han shapes differ by language, so each has its font; Debian's fonts-noto-core and -cjk. */
static const char *family_of(enum language language)
{
    switch (language) {
    case LANGUAGE_ZH_HANS:
        return "Noto Sans CJK SC,Noto Sans";
    case LANGUAGE_ZH_HANT:
        return "Noto Sans CJK TC,Noto Sans";
    case LANGUAGE_JA:
        return "Noto Sans CJK JP,Noto Sans";
    case LANGUAGE_KO:
        return "Noto Sans CJK KR,Noto Sans";
    case LANGUAGE_TH:
        return "Noto Sans Thai,Noto Sans";
    case LANGUAGE_AR:
        return "Noto Sans Arabic,Noto Sans";
    default:
        return "Noto Sans";
    }
}

static void set_size(PangoLayout *layout, const struct draw_item *item, double size)
{
    PangoFontDescription *font = pango_font_description_new();

    pango_font_description_set_family_static(font, family_of(item->language));
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_font_description_set_weight(font, item->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
}

/* Broken between words (or characters of a script that has none), not within them. */
static bool fits(PangoLayout *layout, const struct draw_item *item)
{
    int width, height;

    pango_layout_get_pixel_size(layout, &width, &height);
    return width <= (int)ceil(item->w) && height <= (int)ceil(item->h);
}

/* The layout at the largest size that fits; *ret_fits false when even the smallest does not. The
 * caller unrefs it. */
static PangoLayout *lay_out(const struct draw_item *item, cairo_t *cairo, bool *ret_fits)
{
    PangoLayout *layout = pango_cairo_create_layout(cairo);
    PangoLanguage *language = pango_language_from_string(language_tag(item->language));
    double size = item->size;

    pango_context_set_language(pango_layout_get_context(layout), language);
    pango_layout_set_text(layout, item->text, -1);
    pango_layout_set_width(layout, (int)(item->w * PANGO_SCALE));
    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD);
    for (;;) {
        set_size(layout, item, size);
        *ret_fits = fits(layout, item);
        if (*ret_fits || size * SHRINK_STEP < item->size * DRAW_SHRINK_MIN)
            return layout;
        size *= SHRINK_STEP;
    }
}

bool draw_text_fits(const struct draw_item *item, cairo_t *cairo)
{
    bool good;

    g_object_unref(lay_out(item, cairo, &good));
    return good;
}

static void paint_text(const struct draw_item *item, cairo_t *cairo)
{
    PangoLayout *layout;
    int width, height;
    bool good;

    layout = lay_out(item, cairo, &good);
    pango_layout_get_pixel_size(layout, &width, &height);
    set_colour(cairo, item->fill);
    cairo_move_to(cairo, item->x, item->y + (item->h - height) / 2);
    pango_cairo_show_layout(cairo, layout);
    g_object_unref(layout);
}

static void paint_box(const struct draw_item *item, cairo_t *cairo)
{
    double x = item->x, y = item->y, w = item->w, h = item->h, r = item->radius;

    cairo_new_sub_path(cairo);
    cairo_arc(cairo, x + w - r, y + r, r, -M_PI / 2, 0);
    cairo_arc(cairo, x + w - r, y + h - r, r, 0, M_PI / 2);
    cairo_arc(cairo, x + r, y + h - r, r, M_PI / 2, M_PI);
    cairo_arc(cairo, x + r, y + r, r, M_PI, 3 * M_PI / 2);
    cairo_close_path(cairo);
    if (item->fill != DRAW_NONE) {
        set_colour(cairo, item->fill);
        cairo_fill_preserve(cairo);
    }
    if (item->border != DRAW_NONE && item->width > 0) {
        set_colour(cairo, item->border);
        cairo_set_line_width(cairo, item->width);
        cairo_stroke_preserve(cairo);
    }
    cairo_new_path(cairo);
}

static void paint_points(const struct draw_item *item, cairo_t *cairo)
{
    cairo_new_path(cairo);
    for (size_t i = 0; i < item->n_points; i++)
        cairo_line_to(cairo, item->points[i][0], item->points[i][1]);
    set_colour(cairo, item->fill);
    if (item->kind == DRAW_SHAPE) {
        cairo_close_path(cairo);
        cairo_fill(cairo);
        return;
    }
    cairo_set_line_width(cairo, item->width);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(cairo);
}

int draw_paint(const struct draw_list *list, cairo_t *cairo)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct draw_item *item = &list->items[i];

        switch (item->kind) {
        case DRAW_BOX:
            paint_box(item, cairo);
            break;
        case DRAW_TEXT:
            paint_text(item, cairo);
            break;
        case DRAW_LINE:
        case DRAW_SHAPE:
            paint_points(item, cairo);
            break;
        }
    }
    return list->failed || cairo_status(cairo) != CAIRO_STATUS_SUCCESS ? -ENOMEM : 0;
}
