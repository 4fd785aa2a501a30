#include "kiosk/ui/scene-icon.h"

#include "kiosk/ui/palette.h"

/* Icons are drawn in a square of 100 units. */
struct pen {
    struct draw_list *list;
    double x, y, unit;
};

static void box(const struct pen *pen, double x, double y, double w, double h, double radius,
                uint32_t fill, uint32_t border, double width)
{
    draw_add(pen->list, &(struct draw_item){
                            .kind = DRAW_BOX,
                            .x = pen->x + x * pen->unit,
                            .y = pen->y + y * pen->unit,
                            .w = w * pen->unit,
                            .h = h * pen->unit,
                            .radius = radius * pen->unit,
                            .fill = fill,
                            .border = border,
                            .width = width * pen->unit,
                        });
}

static void line(const struct pen *pen, uint32_t colour, double width, size_t n,
                 const double points[][2])
{
    struct draw_item item = {
        .kind = DRAW_LINE, .fill = colour, .width = width * pen->unit, .n_points = n};

    for (size_t i = 0; i < n; i++) {
        item.points[i][0] = pen->x + points[i][0] * pen->unit;
        item.points[i][1] = pen->y + points[i][1] * pen->unit;
    }
    draw_add(pen->list, &item);
}

/* One corner of a QR code. */
static void finder(const struct pen *pen, double x, double y)
{
    box(pen, x, y, 11, 11, 0, COLOUR_NIGHT, DRAW_NONE, 0);
    box(pen, x + 1.6, y + 1.6, 7.8, 7.8, 0, COLOUR_WHITE, DRAW_NONE, 0);
    box(pen, x + 3.2, y + 3.2, 4.6, 4.6, 0, COLOUR_NIGHT, DRAW_NONE, 0);
}

/* Looks like a code and is none: nobody shall be able to scan the screen. */
static void phone(const struct pen *pen)
{
    static const char modules[8][9] = {".##.#.#.", "#..##.##", ".#.#..#.", "##.##.#.",
                                       ".##..#.#", "#.#.##..", "..#.#.##", "##.#..#."};

    box(pen, 27, 4, 46, 92, 7, COLOUR_NIGHT, COLOUR_WHITE, 2.5);
    box(pen, 31, 16, 38, 64, 1, COLOUR_WHITE, DRAW_NONE, 0);
    for (int row = 0; row < 8; row++)
        for (int column = 0; column < 8; column++)
            if (modules[row][column] == '#')
                box(pen, 34.4 + column * 3.9, 32.4 + row * 3.9, 3.9, 3.9, 0, COLOUR_NIGHT,
                    DRAW_NONE, 0);
    box(pen, 33.4, 31.4, 13, 13, 0, COLOUR_WHITE, DRAW_NONE, 0);
    box(pen, 53.6, 31.4, 13, 13, 0, COLOUR_WHITE, DRAW_NONE, 0);
    box(pen, 33.4, 51.6, 13, 13, 0, COLOUR_WHITE, DRAW_NONE, 0);
    finder(pen, 34.4, 32.4);
    finder(pen, 54.6, 32.4);
    finder(pen, 34.4, 52.6);
    /* The camera's frame around it. */
    line(pen, COLOUR_YELLOW, 3, 3, (const double[][2]){{6, 30}, {6, 12}, {18, 12}});
    line(pen, COLOUR_YELLOW, 3, 3, (const double[][2]){{82, 12}, {94, 12}, {94, 30}});
    line(pen, COLOUR_YELLOW, 3, 3, (const double[][2]){{94, 70}, {94, 88}, {82, 88}});
    line(pen, COLOUR_YELLOW, 3, 3, (const double[][2]){{18, 88}, {6, 88}, {6, 70}});
}

static void disc(const struct pen *pen, uint32_t fill)
{
    box(pen, 10, 10, 80, 80, 40, fill, COLOUR_WHITE, 3);
}

void scene_icon(enum screen_kind kind, struct area area, struct draw_list *list)
{
    double side = (area.w < area.h ? area.w : area.h) * (kind == SCREEN_ATTRACT ? 1 : 0.7);
    struct pen pen = {
        .list = list,
        .x = area.x + (area.w - side) / 2,
        .y = area.y + (area.h - side) / 2,
        .unit = side / 100,
    };

    switch (kind) {
    case SCREEN_COLLECTED:
        disc(&pen, COLOUR_GREEN);
        line(&pen, COLOUR_WHITE, 9, 3, (const double[][2]){{31, 52}, {45, 66}, {70, 36}});
        break;
    case SCREEN_NOT_OPENED:
    case SCREEN_FAILED:
    case SCREEN_REFUSED:
    case SCREEN_OUT_OF_SERVICE:
        disc(&pen, COLOUR_RED);
        line(&pen, COLOUR_WHITE, 9, 2, (const double[][2]){{50, 28}, {50, 55}});
        line(&pen, COLOUR_WHITE, 9, 2, (const double[][2]){{50, 72}, {50, 72.1}});
        break;
    case SCREEN_WAIT:
        disc(&pen, COLOUR_BLUE);
        for (int i = 0; i < 3; i++)
            box(&pen, 26 + 18 * i, 44, 12, 12, 6, COLOUR_WHITE, DRAW_NONE, 0);
        break;
    case SCREEN_STAFF:
    case SCREEN_STOCK_CONFIRM:
        box(&pen, 14, 24, 72, 52, 3, COLOUR_WHITE, DRAW_NONE, 0);
        for (int i = 0; i < 9; i++)
            box(&pen, 20 + 6.8 * i, 32,
                i % 3 == 0   ? 4
                : i % 2 == 0 ? 1.6
                             : 2.8,
                36, 0, COLOUR_NIGHT, DRAW_NONE, 0);
        break;
    default:
        phone(&pen);
        break;
    }
}
