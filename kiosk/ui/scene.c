#include "kiosk/ui/scene.h"

#include "kiosk/ui/palette.h"
#include "kiosk/ui/scene-icon.h"
#include "kiosk/ui/scene-map.h"

#include <stdio.h>

/* Where things lie. In portrait words are above the picture, in landscape beside it. */
struct layout {
    struct area words, picture, foot;
    double unit; /* 1/100 of the shorter side */
};

static struct layout lay_out(struct scene_size size)
{
    double width = size.width, height = size.height;
    struct layout layout = {.unit = (width < height ? width : height) / 100};
    double foot = 7 * layout.unit, edge = 3 * layout.unit;

    layout.foot = (struct area){edge, height - foot, width - 2 * edge, foot};
    if (width < height) {
        layout.words = (struct area){0, 0, width, height * 0.36};
        layout.picture = (struct area){edge, layout.words.h + edge, width - 2 * edge,
                                       height - layout.words.h - foot - 2 * edge};
    } else {
        layout.words = (struct area){0, 0, width * 0.5, height - foot};
        layout.picture = (struct area){layout.words.w + edge, edge, width * 0.5 - 2 * edge,
                                       height - foot - 2 * edge};
    }
    return layout;
}

/* Nobody is known to be there, nor their language. */
static bool is_anybody(const struct screen_state *state)
{
    return state->kind == SCREEN_ATTRACT || state->kind == SCREEN_HINT;
}

static uint32_t tone_of(const struct screen_state *state)
{
    switch (state->kind) {
    case SCREEN_COLLECTED:
        return state->failed > 0 ? COLOUR_YELLOW : COLOUR_GREEN;
    case SCREEN_NOT_OPENED:
    case SCREEN_FAILED:
    case SCREEN_REFUSED:
    case SCREEN_OUT_OF_SERVICE:
        return COLOUR_RED;
    case SCREEN_HINT:
    case SCREEN_CLOSE:
    case SCREEN_TAKE:
    case SCREEN_STOCK_PLACE:
    case SCREEN_RETRIEVE_TAKE:
    case SCREEN_INSPECT_OPEN:
        return COLOUR_YELLOW;
    default:
        return COLOUR_BLUE;
    }
}

/* Someone must find a door: the map is the picture. */
static bool has_map(const struct screen_state *state)
{
    return state->door != 0 && state->kind != SCREEN_COLLECTED && state->kind != SCREEN_REFUSED &&
           state->kind != SCREEN_STAFF;
}

struct writing {
    enum language language;
    uint32_t colour, ground;
    double size;
    bool bold;
};

static void write_text(struct draw_list *list, struct area area, const struct writing *writing,
                       const char *text)
{
    struct draw_item item = {
        .kind = DRAW_TEXT,
        .x = area.x,
        .y = area.y,
        .w = area.w,
        .h = area.h,
        .fill = writing->colour,
        .ground = writing->ground,
        .language = writing->language,
        .size = writing->size,
        .bold = writing->bold,
    };

    snprintf(item.text, sizeof(item.text), "%s", text);
    draw_add(list, &item);
}

/* The band of words: parcel 1 of 2, what happens, what to do next. */
static void write_band(const struct screen_state *state, const struct layout *layout,
                       enum language language, struct draw_list *list)
{
    const struct words_pair *words = &words_table[words_of(state)][language];
    uint32_t ground = tone_of(state);
    uint32_t colour = ground == COLOUR_YELLOW ? COLOUR_NIGHT : COLOUR_WHITE;
    struct area area = layout->words;
    double edge = 5 * layout->unit, w = area.w - 2 * edge;
    char text[256];

    draw_add(list,
             &(struct draw_item){
                 .kind = DRAW_BOX, .w = area.w, .h = area.h, .fill = ground, .border = DRAW_NONE});
    if (state->of > 1 && has_map(state)) {
        words_fill(words_table[WORDS_PARCEL_OF][language].title, state, sizeof(text), text);
        write_text(list, (struct area){edge, area.h * 0.05, w, area.h * 0.13},
                   &(struct writing){language, colour, ground, 5 * layout->unit, false}, text);
    }
    words_fill(words->title, state, sizeof(text), text);
    write_text(list, (struct area){edge, area.h * 0.2, w, area.h * 0.42},
               &(struct writing){language, colour, ground, 10 * layout->unit, true}, text);
    words_fill(words->hint, state, sizeof(text), text);
    write_text(list, (struct area){edge, area.h * 0.64, w, area.h * 0.32},
               &(struct writing){language, colour, ground, 6.5 * layout->unit, false}, text);
}

/* Whose order it is, and a code for staff. Never a full name. */
static void write_foot(const struct screen_state *state, const struct layout *layout,
                       struct draw_list *list)
{
    const char *code = words_staff_code(state), *what = state->order;
    char text[256];

    if (!*what)
        what = state->parcel;
    if (state->kind == SCREEN_OUT_OF_SERVICE || !*what)
        what = state->kind == SCREEN_REFUSED ? "" : state->text;
    if (is_anybody(state) || (!*what && !*code))
        return;
    snprintf(text, sizeof(text), "%s%s%s%s%s", state->display, *state->display ? "   " : "", what,
             *what && *code ? "   " : "", code);
    write_text(list, layout->foot,
               &(struct writing){language_find(state->language), COLOUR_MIST, COLOUR_NIGHT,
                                 4 * layout->unit, false},
               text);
}

/* It is not known yet who is there: every language says the same, so that each finds its own. */
static void write_languages(const struct screen_state *state, const struct layout *layout,
                            struct area area, enum language first, struct draw_list *list)
{
    double line = area.h / (LANGUAGES - 1);
    size_t n = 0;

    for (size_t i = 0; i < LANGUAGES; i++) {
        if (i == first)
            continue;
        write_text(list, (struct area){area.x, area.y + line * (double)n++, area.w, line},
                   &(struct writing){
                       (enum language)i, COLOUR_WHITE, COLOUR_NIGHT,
                       line * 0.62 < 5 * layout->unit ? line * 0.62 : 5 * layout->unit, false},
                   words_table[words_of(state)][i].title);
    }
}

static void draw_attract(const struct screen_state *state, const struct layout *layout,
                         enum language language, struct draw_list *list)
{
    struct area icon = layout->picture, words = layout->picture;

    icon.h *= 0.38;
    words.y += icon.h + 2 * layout->unit;
    words.h -= icon.h + 2 * layout->unit;
    scene_icon(SCREEN_ATTRACT, icon, list);
    write_languages(state, layout, words, language, list);
}

void scene_build(const struct screen_state *state, const struct doors *doors,
                 struct scene_size size, enum language language, struct draw_list *list)
{
    struct layout layout = lay_out(size);
    enum language speaks = is_anybody(state) ? language : language_find(state->language);

    draw_add(list, &(struct draw_item){.kind = DRAW_BOX,
                                       .w = size.width,
                                       .h = size.height,
                                       .fill = COLOUR_NIGHT,
                                       .border = DRAW_NONE});
    write_band(state, &layout, speaks, list);
    if (is_anybody(state))
        draw_attract(state, &layout, language, list);
    else if (has_map(state))
        scene_map(doors, state->door, layout.picture, list);
    else
        scene_icon(state->kind, layout.picture, list);
    write_foot(state, &layout, list);
}
