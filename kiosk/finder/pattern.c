#include "kiosk/finder/pattern.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EDGES_MAX      4096
#define DIRECTIONS_MIN 6 /* of 16: texture shows a pattern's runs in fewer */

/* Lengths of the five runs, and where the middle of the third lies on the line. */
struct crossing {
    float runs[5];
    float total, middle;
};

/* Blur and exposure move all edges between dark and light the same way, which changes single runs
 * but not the distance from an edge to the next one of its kind: those are held tightly. */
static bool is_pattern(const float runs[5], float total, float slack)
{
    float module = total / 7;
    float left = runs[0] + runs[1], right = runs[3] + runs[4];
    float left_middle = runs[1] + runs[2], right_middle = runs[2] + runs[3];

    if (total < 6.5F)
        return false;
    for (int i = 0; i < 5; i++) {
        float want = i == 2 ? 3 * module : module;

        if (fabsf(runs[i] - want) > (i == 2 ? 1.3F : 0.8F) * module + 0.7F)
            return false;
    }
    return fabsf(left - 2 * module) <= slack * module + 0.6F &&
           fabsf(right - 2 * module) <= slack * module + 0.6F &&
           fabsf(left_middle - 4 * module) <= 1.3F * slack * module + 0.6F &&
           fabsf(right_middle - 4 * module) <= 1.3F * slack * module + 0.6F;
}

/* Walks from (x, y) by (dx, dy) until the third change of colour; `ret_at` gets the number of steps
 * to each. The mask's border counts as the third. False when there are fewer in `limit` steps. */
static bool walk(const struct mask *mask, float x, float y, float dx, float dy, int limit,
                 float ret_at[3])
{
    int fx = (int)(x * 65536), fy = (int)(y * 65536);
    int sx = (int)(dx * 65536), sy = (int)(dy * 65536);
    uint8_t colour = mask->dark[(long)(fy >> 16) * mask->width + (fx >> 16)];

    for (int i = 1, n = 0; i <= limit; i++) {
        fx += sx;
        fy += sy;
        if ((unsigned)(fx >> 16) >= (unsigned)mask->width ||
            (unsigned)(fy >> 16) >= (unsigned)mask->height) {
            ret_at[2] = (float)i - 0.5F;
            return n == 2; /* cropped without a quiet zone: the picture's border is its edge */
        }
        if (mask->dark[(long)(fy >> 16) * mask->width + (fx >> 16)] == colour)
            continue;
        colour ^= 1;
        ret_at[n++] = (float)i - 0.5F;
        if (n == 3)
            return true;
    }
    return false;
}

/* The line through (x, y) in both directions; lengths in steps. */
static bool cross(const struct mask *mask, float x, float y, float dx, float dy, int limit,
                  float slack, struct crossing *ret_crossing)
{
    float ahead[3], back[3];
    float from_x = floorf(x) + 0.5F, from_y = floorf(y) + 0.5F; /* edges lie half a pixel away */
    struct crossing c;

    if (!walk(mask, from_x, from_y, dx, dy, limit, ahead) ||
        !walk(mask, from_x, from_y, -dx, -dy, limit, back))
        return false;
    c.runs[0] = back[2] - back[1];
    c.runs[1] = back[1] - back[0];
    c.runs[2] = back[0] + ahead[0];
    c.runs[3] = ahead[1] - ahead[0];
    c.runs[4] = ahead[2] - ahead[1];
    c.total = back[2] + ahead[2];
    c.middle = (ahead[0] + ahead[1] + ahead[2] - back[0] - back[1] - back[2]) / 6 +
               (from_x - x) * dx + (from_y - y) * dy;
    if (!is_pattern(c.runs, c.total, slack))
        return false;
    *ret_crossing = c;
    return true;
}

/* A row showed a pattern's runs around (x, y): does the rest of it too? In the mask's pixels. */
static bool confirm(const struct mask *mask, float x, float y, float width, struct pattern *ret)
{
    struct crossing column, row, diagonal;
    int limit = (int)(width * 1.6F) + 4;
    bool falling, rising;

    if (!cross(mask, x, y, 0, 1, limit, 0.8F, &column))
        return false;
    if (column.total > 3.2F * width || width > 3.2F * column.total)
        return false;
    y += column.middle;
    if (!cross(mask, x, y, 1, 0, limit, 0.8F, &row))
        return false;
    x += row.middle;
    if (!cross(mask, x, y, 0, 1, limit, 0.8F, &column))
        return false;
    falling = cross(mask, x, y, 1, 1, limit, 1.0F, &diagonal);
    rising = cross(mask, x, y, 1, -1, limit, 1.0F, &diagonal);
    if (!falling && !rising)
        return false;
    *ret = (struct pattern){
        .middle = {x, y + column.middle},
        .width = row.total,
        .height = column.total,
        .n_rows = 1,
        .is_new = true,
    };
    return true;
}

static void measure(struct pattern *pattern, const struct mask *mask)
{
    float size = pattern->width > pattern->height ? pattern->width : pattern->height;

    for (int i = 0; i < PATTERN_DIRECTIONS; i++) {
        float turn = (float)M_PI * (float)i / PATTERN_DIRECTIONS;
        struct crossing crossing;

        pattern->lengths[i] = 0;
        if (cross(mask, pattern->middle.x, pattern->middle.y, cosf(turn), sinf(turn),
                  (int)(1.6F * size) + 4, 1.0F, &crossing))
            pattern->lengths[i] = crossing.total;
        pattern->n_directions += pattern->lengths[i] > 0;
    }
}

/* A known pattern at that place, of about that size. */
static struct pattern *known(struct patterns *patterns, float x, float y, float width,
                             bool inverted)
{
    for (int i = patterns->n - 1; i >= 0; i--) {
        struct pattern *p = &patterns->items[i];

        if (fabsf(p->middle.x - x) < 0.2F * p->width &&
            fabsf(p->middle.y - y) < 0.25F * p->height && p->inverted == inverted &&
            width < 2 * p->width && p->width < 2 * width)
            return p;
    }
    return NULL;
}

static void add(struct patterns *patterns, const struct pattern *pattern)
{
    int least = 0;

    if (patterns->n < PATTERNS_MAX) {
        patterns->items[patterns->n++] = *pattern;
        return;
    }
    for (int i = 1; i < patterns->n; i++)
        if (patterns->items[i].n_directions < patterns->items[least].n_directions)
            least = i;
    if (patterns->items[least].n_directions < pattern->n_directions)
        patterns->items[least] = *pattern;
}

/* Where a row changes colour, its begin and end among them; eight pixels are compared at a time. */
static int find_edges(const uint8_t *row, int width, uint16_t *edges)
{
    int n = 0, x = 1;

    edges[n++] = 0;
    for (; x + 8 <= width && n < EDGES_MAX - 10; x += 8) {
        uint64_t here, before;

        memcpy(&here, row + x, sizeof(here));
        memcpy(&before, row + x - 1, sizeof(before));
        if (here == before)
            continue;
        for (int i = 0; i < 8; i++)
            if (row[x + i] != row[x + i - 1])
                edges[n++] = (uint16_t)(x + i);
    }
    for (; x < width && n < EDGES_MAX - 10; x++)
        if (row[x] != row[x - 1])
            edges[n++] = (uint16_t)x;
    edges[n++] = (uint16_t)width;
    return n;
}

static void judge(struct patterns *patterns, const struct mask *mask, int y, const uint16_t *edges,
                  float scale)
{
    float runs[5], total = (float)(edges[5] - edges[0]);
    float x = (float)(edges[2] + edges[3]) / 2, middle_y = (float)y + 0.5F;
    bool inverted = mask->dark[(long)y * mask->width + edges[0]] == 0;
    struct pattern *old, found;

    for (int i = 0; i < 5; i++)
        runs[i] = (float)(edges[i + 1] - edges[i]);
    if (!is_pattern(runs, total, 0.7F))
        return;
    old = known(patterns, x * scale, middle_y * scale, total * scale, inverted);
    if (old) {
        old->n_rows++;
        return;
    }
    if (!confirm(mask, x, middle_y, total, &found))
        return;
    measure(&found, mask);
    if (found.n_directions < DIRECTIONS_MIN)
        return;
    for (int i = 0; i < PATTERN_DIRECTIONS; i++)
        found.lengths[i] *= scale;
    found.middle.x *= scale;
    found.middle.y *= scale;
    found.width *= scale;
    found.height *= scale;
    found.scale = scale;
    found.inverted = inverted;
    if (!known(patterns, found.middle.x, found.middle.y, found.width, inverted))
        add(patterns, &found);
}

long patterns_find(struct patterns *patterns, const struct mask *mask, float scale, int row_step)
{
    uint16_t edges[EDGES_MAX];
    long n_looks = 0, n_edges = 0;

    for (int y = row_step / 2; y < mask->height; y += row_step) {
        int n = find_edges(mask->dark + (long)y * mask->width, mask->width, edges);

        n_edges += n;
        for (int i = 0; i + 5 < n; i++) {
            int total = edges[i + 5] - edges[i], middle = edges[i + 3] - edges[i + 2];

            if (total < 7 || 7 * middle < 2 * total - 5 || 7 * middle > 4 * total + 5)
                continue;
            judge(patterns, mask, y, edges + i, scale);
            n_looks++;
        }
    }
    return (long)mask->width * mask->height / row_step + 20 * n_edges + 200 * n_looks;
}

float pattern_length(const struct pattern *pattern, float dx, float dy)
{
    float turn = atan2f(dy, dx) / (float)M_PI, place, share, a, b;
    int i;

    turn -= floorf(turn);
    place = turn * PATTERN_DIRECTIONS;
    i = (int)place % PATTERN_DIRECTIONS;
    share = place - floorf(place);
    a = pattern->lengths[i];
    b = pattern->lengths[(i + 1) % PATTERN_DIRECTIONS];
    if (a > 0 && b > 0)
        return a * (1 - share) + b * share;
    if (a > 0 || b > 0)
        return a + b;
    return fabsf(dx) > fabsf(dy) ? pattern->width : pattern->height;
}
