#include "kiosk/finder/format.h"

#include "kiosk/finder/sample.h"

#include <stdlib.h>

/* ISO/IEC 18004, annex C: BCH (15,5), generator 0x537, mask 0x5412. */
static int format_word(int data)
{
    int rest = data << 10;

    for (int i = 14; i >= 10; i--)
        if (rest >> i & 1)
            rest ^= 0x537 << (i - 10);
    return (data << 10 | rest) ^ 0x5412;
}

/* Annex D: BCH (18,6), generator 0x1f25. */
static int version_word(int version)
{
    int rest = version << 12;

    for (int i = 17; i >= 12; i--)
        if (rest >> i & 1)
            rest ^= 0x1f25 << (i - 12);
    return version << 12 | rest;
}

/* Where bit `i` of both copies lies (figure 25 of the standard). */
static void format_place(int i, int size, int ret_u[2], int ret_v[2])
{
    if (i < 8) {
        ret_u[0] = 8;
        ret_v[0] = i < 6 ? i : i + 1;
        ret_u[1] = size - 1 - i;
        ret_v[1] = 8;
    } else {
        ret_u[0] = i == 8 ? 7 : 14 - i;
        ret_v[0] = 8;
        ret_u[1] = 8;
        ret_v[1] = size - 15 + i;
    }
}

static void judge(const int copies[2], bool mirrored, struct format *best)
{
    for (int data = 0; data < 32; data++) {
        int word = format_word(data);
        int a = __builtin_popcount((unsigned)(word ^ copies[0]));
        int b = __builtin_popcount((unsigned)(word ^ copies[1]));
        int distance = a + b, nearest = a < b ? a : b;

        if (distance < best->distance)
            *best = (struct format){word, distance, nearest, mirrored};
    }
}

void format_find(const uint8_t *dark, int size, struct format *ret_format)
{
    int straight[2] = {0, 0}, mirrored[2] = {0, 0}, u[2], v[2];

    for (int i = 0; i < 15; i++) {
        format_place(i, size, u, v);
        for (int copy = 0; copy < 2; copy++) {
            straight[copy] |= dark[v[copy] * size + u[copy]] << i;
            mirrored[copy] |= dark[u[copy] * size + v[copy]] << i;
        }
    }
    *ret_format = (struct format){.distance = 31};
    judge(straight, false, ret_format);
    judge(mirrored, true, ret_format);
}

static void draw_finder(uint8_t *dark, int size, int u0, int v0)
{
    for (int v = -1; v <= 7; v++)
        for (int u = -1; u <= 7; u++)
            if (u0 + u >= 0 && u0 + u < size && v0 + v >= 0 && v0 + v < size)
                dark[(v0 + v) * size + u0 + u] = (uint8_t)finder_module(u, v);
}

static void draw_alignment(uint8_t *dark, int size)
{
    int at[GRID_MESH_MAX], n = grid_alignment(grid_version(size), at);

    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
            if ((i == 0 && j == 0) || (i == 0 && j == n - 1) || (i == n - 1 && j == 0))
                continue;
            for (int dv = -2; dv <= 2; dv++)
                for (int du = -2; du <= 2; du++)
                    dark[(at[j] + dv) * size + at[i] + du] =
                        abs(du) == 2 || abs(dv) == 2 || (du == 0 && dv == 0);
        }
}

static void draw_version(uint8_t *dark, int size)
{
    int word = version_word(grid_version(size));

    for (int i = 0; i < 18; i++) {
        int a = size - 11 + i % 3, b = i / 3;

        dark[b * size + a] = dark[a * size + b] = (uint8_t)(word >> i & 1);
    }
}

static void transpose(uint8_t *dark, int size)
{
    for (int v = 0; v < size; v++)
        for (int u = v + 1; u < size; u++) {
            uint8_t here = dark[v * size + u];

            dark[v * size + u] = dark[u * size + v];
            dark[u * size + v] = here;
        }
}

void format_draw(uint8_t *dark, int size, const struct format *format)
{
    int u[2], v[2];

    if (format->mirrored)
        transpose(dark, size);
    for (int i = 8; i < size - 8; i++)
        dark[6 * size + i] = dark[i * size + 6] = i % 2 == 0;
    draw_finder(dark, size, 0, 0);
    draw_finder(dark, size, size - 7, 0);
    draw_finder(dark, size, 0, size - 7);
    draw_alignment(dark, size);
    for (int i = 0; i < 15; i++) {
        format_place(i, size, u, v);
        for (int copy = 0; copy < 2; copy++)
            dark[v[copy] * size + u[copy]] = (uint8_t)(format->bits >> i & 1);
    }
    dark[(size - 8) * size + 8] = 1;
    if (size >= GRID_SIZE(7))
        draw_version(dark, size);
}

int format_timing_wrong(const uint8_t *dark, int size)
{
    int wrong = 0;

    for (int i = 8; i < size - 8; i++)
        wrong += (dark[6 * size + i] != (i % 2 == 0)) + (dark[i * size + 6] != (i % 2 == 0));
    return 100 * wrong / (2 * (size - 16));
}
