#include "kiosk/decode/eye.h"

#include "kiosk/decode/agree.h"
#include "kiosk/decode/jpeg.h"
#include "kiosk/decode/labels.h"
#include "kiosk/finder/finder.h"

#include <errno.h>

/* Larger JPEG pictures are decoded at half size or less, which costs a third: a code fills a good
 * part of the picture. Where it does not, the next picture is decoded in full. */
#define SIDE_ENOUGH  1280 /* pixels */
#define SMALL_MODULE 3.0f /* pixels */

struct eye {
    struct jpeg *jpeg;
    struct scanner *scanners[FRAME_LANES_MAX]; /* each remembers what its camera saw last */
    struct labels *labels;                     /* made when staff first want it */
    struct gray gray;
    struct agree agree;
    uint64_t frames;
    bool full_size[FRAME_LANES_MAX]; /* the next picture shall be decoded so */
    struct scanner_text texts[SCANNER_TEXTS_MAX];
};

int eye_new(struct eye **ret_eye)
{
    _cleanup_(eye_freep) struct eye *eye = calloc(1, sizeof(*eye));
    int r;

    if (!eye)
        return -ENOMEM;
    r = jpeg_new(&eye->jpeg);
    if (r < 0)
        return r;
    *ret_eye = TAKE_PTR(eye);
    return 0;
}

struct eye *eye_free(struct eye *eye)
{
    if (!eye)
        return NULL;
    jpeg_free(eye->jpeg);
    for (unsigned i = 0; i < FRAME_LANES_MAX; i++)
        scanner_free(eye->scanners[i]);
    labels_free(eye->labels);
    gray_done(&eye->gray);
    free(eye);
    return NULL;
}

static int to_gray(struct eye *eye, const struct frame *frame, uint32_t side_max,
                   struct eye_view *view)
{
    struct jpeg_outcome outcome;
    int r;

    if (frame->format != FRAME_JPEG)
        return pixels_to_gray(frame, &eye->gray);
    r = jpeg_to_gray_within(eye->jpeg, frame->data, frame->n_bytes, side_max, &eye->gray, &outcome);
    if (r < 0)
        return r;
    view->damaged = outcome.damaged;
    view->scale = outcome.scale;
    return 0;
}

static void add(struct eye_view *view, const struct scanner_text *text)
{
    if (view->n_texts < SCANNER_TEXTS_MAX)
        view->texts[view->n_texts++] = *text;
}

/* Ours go out, codes of the test card are counted, others only to staff. */
static void sort_texts(struct eye *eye, int n, enum frame_wish wish, struct eye_view *view)
{
    for (int i = 0; i < n; i++) {
        const struct scanner_text *text = &eye->texts[i];
        unsigned card;

        switch (wanted_kind(text->text, text->n_bytes, &card)) {
        case WANTED_OURS:
            add(view, text);
            break;
        case WANTED_CARD:
            view->cards |= UINT32_C(1) << card;
            break;
        case WANTED_FOREIGN:
            if (wish == FRAME_WISH_LABELS)
                add(view, text);
            else
                view->n_foreign++;
            break;
        }
    }
}

static int read_labels(struct eye *eye, struct eye_view *view)
{
    int n, r = eye->labels ? 0 : labels_new(&eye->labels);

    if (r < 0)
        return r;
    n = labels_read(eye->labels, &eye->gray, eye->texts);
    for (int i = 0; i < n; i++)
        if (agree_see(&eye->agree, eye->texts[i].text, eye->frames))
            add(view, &eye->texts[i]);
    return n < 0 ? n : 0;
}

static int read_codes(struct eye *eye, unsigned lane, enum frame_wish wish, struct eye_view *view)
{
    int n, r = eye->scanners[lane] ? 0 : scanner_new(&eye->scanners[lane]);

    if (r < 0)
        return r;
    n = scanner_read(eye->scanners[lane], &eye->gray, wish, eye->texts);
    if (n < 0)
        return n;
    view->sight = *scanner_sight(eye->scanners[lane]);
    sort_texts(eye, n, wish, view);
    eye->full_size[lane] = n == 0 && view->scale > 1 && view->sight.n_finders > 0 &&
                           view->sight.module_px < SMALL_MODULE;
    return 0;
}

void eye_look(struct eye *eye, unsigned lane, const struct frame *frame, enum frame_wish wish,
              struct eye_view *ret_view)
{
    uint32_t side_max = TAKE(eye->full_size[lane], false) ? FRAME_SIDE_MAX : SIDE_ENOUGH;

    *ret_view = (struct eye_view){.scale = 1};
    eye->frames++;
    ret_view->error = to_gray(eye, frame, side_max, ret_view);
    if (ret_view->error < 0)
        return;
    measure_gray(&eye->gray, &ret_view->measure);
    /* Before the codes: the scanner may change the picture. */
    if (wish == FRAME_WISH_LABELS)
        ret_view->error = read_labels(eye, ret_view);
    if (ret_view->error == 0)
        ret_view->error = read_codes(eye, lane, wish, ret_view);
}

void eye_search(struct eye *eye, const struct frame *frame, struct eye_view *ret_view)
{
    int n;

    eye->full_size[0] = true;
    eye_look(eye, 0, frame, FRAME_WISH_LABELS, ret_view);
    if (ret_view->error < 0)
        return;
    eye->frames++; /* bar codes count when two looks agree: this is the second */
    ret_view->error = read_labels(eye, ret_view);
    if (ret_view->error < 0 || ret_view->n_texts > 0)
        return;
    n = scanner_search(eye->scanners[0], &eye->gray, FINDER_ALL, GRID_SIZE_MAX, eye->texts);
    ret_view->error = n < 0 ? n : 0;
    sort_texts(eye, n, FRAME_WISH_LABELS, ret_view);
}
