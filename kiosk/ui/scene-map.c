#include "kiosk/ui/scene-map.h"

#include "kiosk/ui/palette.h"

#include <stdio.h>

#define CELL_SHAPE_MAX 3.0 /* a cell is at most so many times as wide as high */

struct grid {
    unsigned columns, rows;
    double cell_w, cell_h, x, y;
};

static struct grid lay_grid(const struct doors *doors, struct area area)
{
    struct grid grid = {.columns = 1, .rows = 1};

    for (size_t i = 0; i < doors->n; i++) {
        const struct door *door = &doors->items[i];

        if (door->column > grid.columns)
            grid.columns = door->column;
        if (door->row + door->rows - 1 > grid.rows)
            grid.rows = door->row + door->rows - 1;
    }
    /* One column's width stays free on both sides for the arrow. */
    grid.cell_w = area.w / (grid.columns + 2);
    grid.cell_h = area.h / grid.rows;
    if (grid.cell_w > CELL_SHAPE_MAX * grid.cell_h)
        grid.cell_w = CELL_SHAPE_MAX * grid.cell_h;
    grid.x = area.x + (area.w - grid.cell_w * grid.columns) / 2;
    grid.y = area.y + (area.h - grid.cell_h * grid.rows) / 2;
    return grid;
}

static struct area door_area(const struct grid *grid, const struct door *door)
{
    return (struct area){
        .x = grid->x + (door->column - 1) * grid->cell_w,
        .y = grid->y + (door->row - 1) * grid->cell_h,
        .w = grid->cell_w,
        .h = grid->cell_h * door->rows,
    };
}

static void draw_door(const struct door *door, struct area area, bool marked,
                      struct draw_list *list)
{
    double gap = area.h < area.w ? area.h * 0.05 : area.w * 0.05;
    double inner_h = area.h - 2 * gap, inner_w = area.w - 2 * gap;
    struct draw_item text = {
        .kind = DRAW_TEXT,
        .x = area.x + gap,
        .y = area.y + gap,
        .w = inner_w,
        .h = inner_h,
        .fill = marked ? COLOUR_NIGHT : COLOUR_MIST,
        .ground = marked ? COLOUR_YELLOW : COLOUR_STEEL,
        .size = inner_h * (marked ? 0.7 : 0.4),
        .bold = marked,
    };

    draw_add(list, &(struct draw_item){
                       .kind = DRAW_BOX,
                       .x = area.x + gap,
                       .y = area.y + gap,
                       .w = inner_w,
                       .h = inner_h,
                       .radius = gap * 1.5,
                       .width = marked ? gap * 3 : gap * 0.5,
                       .fill = marked ? COLOUR_YELLOW : COLOUR_STEEL,
                       .border = marked ? COLOUR_WHITE : COLOUR_EDGE,
                   });
    if (inner_h * 0.4 > inner_w * 0.45)
        text.size = inner_w * (marked ? 0.6 : 0.45);
    snprintf(text.text, sizeof(text.text), "%u", door->number);
    draw_add(list, &text);
}

/* From the nearer side of the bank, at the height of the door. */
static void draw_arrow(const struct grid *grid, const struct door *door, struct area area,
                       struct draw_list *list)
{
    bool left = door->column * 2 <= grid->columns;
    double tip = left ? grid->x - grid->cell_w * 0.08
                      : grid->x + grid->columns * grid->cell_w + grid->cell_w * 0.08;
    double back = left ? tip - grid->cell_w * 0.75 : tip + grid->cell_w * 0.75;
    double neck = left ? tip - grid->cell_w * 0.35 : tip + grid->cell_w * 0.35;
    double y = area.y + area.h / 2, half = grid->cell_h * 0.45, thin = half * 0.45;

    draw_add(list, &(struct draw_item){
                       .kind = DRAW_SHAPE,
                       .fill = COLOUR_YELLOW,
                       .points = {{tip, y},
                                  {neck, y - half},
                                  {neck, y - thin},
                                  {back, y - thin},
                                  {back, y + thin},
                                  {neck, y + thin},
                                  {neck, y + half}},
                       .n_points = 7,
                   });
}

void scene_map(const struct doors *doors, uint32_t marked, struct area area, struct draw_list *list)
{
    struct grid grid = lay_grid(doors, area);

    for (size_t i = 0; i < doors->n; i++)
        if (doors->items[i].number != marked)
            draw_door(&doors->items[i], door_area(&grid, &doors->items[i]), false, list);
    for (size_t i = 0; i < doors->n; i++) {
        const struct door *door = &doors->items[i];

        if (door->number != marked)
            continue;
        draw_door(door, door_area(&grid, door), true, list);
        draw_arrow(&grid, door, door_area(&grid, door), list);
    }
}
