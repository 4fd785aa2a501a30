#include "kiosk/finder/triple.h"

#include <math.h>

#define COST_MAX 2.2F

/* From one pattern to another, as if they were neighbouring corners of a code. */
struct side {
    float dx, dy, length; /* pixels; (dx, dy) is a unit vector */
    float module_near;    /* side of a module at the first one, along the line */
    float w;              /* depth of the second over depth of the first */
    float size;           /* modules a side */
};

/* A line seen at an angle shows `module_near` and `module_far` at its ends. A projective map of the
 * line has the slopes w * length and length / w there, in units of the distance: hence w, and the
 * distance in modules from their geometric mean. */
static bool side_of(const struct pattern *from, const struct pattern *to, int size_max,
                    struct side *ret)
{
    struct side s = {.dx = to->middle.x - from->middle.x, .dy = to->middle.y - from->middle.y};
    float module_far;

    if (from->inverted != to->inverted)
        return false;
    s.length = hypotf(s.dx, s.dy);
    if (s.length < 1.2F * from->width && s.length < 1.2F * from->height)
        return false;
    s.dx /= s.length;
    s.dy /= s.length;
    s.module_near = pattern_length(from, s.dx, s.dy) / 7;
    module_far = pattern_length(to, s.dx, s.dy) / 7;
    if (s.module_near < 0.4F * module_far || module_far < 0.4F * s.module_near)
        return false;
    s.w = sqrtf(s.module_near / module_far);
    s.size = s.length / sqrtf(s.module_near * module_far) + 7;
    if (s.size < 17 || s.size > 1.15F * (float)size_max + 2)
        return false;
    *ret = s;
    return true;
}

static void insert(struct triples *triples, const struct triple *triple)
{
    int i = triples->n;

    if (i == TRIPLES_MAX && triples->items[i - 1].cost <= triple->cost)
        return;
    if (i == TRIPLES_MAX)
        i--;
    else
        triples->n++;
    for (; i > 0 && triples->items[i - 1].cost > triple->cost; i--)
        triples->items[i] = triples->items[i - 1];
    triples->items[i] = *triple;
}

/* Corner a, and b and c at the ends of its sides; which of them is the right one follows from the
 * turn, because a code is not seen from behind. (A mirrored one shows in its format, format.h.) */
static void judge(struct triples *triples, const struct pattern *items, int a, int b, int c,
                  const struct side *ab, const struct side *ac)
{
    float cosine = ab->dx * ac->dx + ab->dy * ac->dy;
    bool turned = ab->dx * ac->dy - ab->dy * ac->dx < 0;
    const struct side *right = turned ? ac : ab, *below = turned ? ab : ac;
    struct triple t = {
        .corner = a,
        .right = turned ? c : b,
        .below = turned ? b : c,
        .module_right = right->module_near,
        .module_below = below->module_near,
        .w_right = right->w,
        .w_below = below->w,
        .size = sqrtf(right->size * below->size),
    };

    if (fabsf(cosine) > 0.85F)
        return;
    t.cost = 2.5F * fabsf(logf(right->size / below->size)) + 1.2F * cosine * cosine +
             0.7F * fabsf(logf(right->module_near / below->module_near)) +
             1.5F * (fabsf(logf(right->w)) + fabsf(logf(below->w)));
    t.cost += 0.03F * (float)(3 * PATTERN_DIRECTIONS - items[a].n_directions -
                              items[b].n_directions - items[c].n_directions);
    if (t.size > 60) /* rare, and easily made of anything */
        t.cost += 0.3F * logf(t.size / 60);
    if (t.cost < COST_MAX)
        insert(triples, &t);
}

long triples_find(struct triples *triples, const struct patterns *patterns, int size_max)
{
    const struct pattern *items = patterns->items;
    struct side sides[PATTERNS_MAX];
    bool ok[PATTERNS_MAX];
    long n_judged = 0;

    triples->n = 0;
    for (int a = 0; a < patterns->n; a++) {
        for (int b = 0; b < patterns->n; b++)
            ok[b] = b != a && side_of(&items[a], &items[b], size_max, &sides[b]);
        for (int b = 0; b < patterns->n; b++)
            for (int c = b + 1; ok[b] && c < patterns->n; c++)
                if (ok[c] && (items[a].is_new || items[b].is_new || items[c].is_new)) {
                    judge(triples, items, a, b, c, &sides[b], &sides[c]);
                    n_judged++;
                }
    }
    return 120L * patterns->n * patterns->n + 160 * n_judged;
}
