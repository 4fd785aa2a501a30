/* Whatever comes out of a camera's cable: JPEG, or raw pixels of any format and size, through
 * everything that pickup-decode does with a picture. */
#include "tests/fuzz/mutate.h"

#include "kiosk/decode/eye.h"

#include <stdlib.h>
#include <string.h>

/* Markers of JPEG (ITU-T T.81, table B.1). */
const char *const fuzz_words[] = {"\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xc4", "\xff\xc0",
                                  "\xff\xc2", "\xff\xdb", "\xff\xdd", "\xff\xd0", "\xff\xe1",
                                  "\xff\xff", "\x7f\x7f", "\x01",     NULL};

/* JPEG as it is; else four bytes say format, size and stride, the rest are pixels. */
static void make_frame(const uint8_t *bytes, size_t n, struct frame *ret_frame)
{
    *ret_frame = (struct frame){.format = FRAME_JPEG, .data = bytes, .n_bytes = n};
    if (n < 4 || bytes[0] == 0xff)
        return;
    ret_frame->format = (enum frame_format)(bytes[0] % FRAME_FORMATS);
    ret_frame->width = bytes[1] * 4U;
    ret_frame->height = bytes[2] * 2U;
    ret_frame->stride = ret_frame->width + bytes[3];
    ret_frame->data = bytes + 4;
    ret_frame->n_bytes = n - 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct eye *eye;
    static struct eye_view view;
    struct frame frame;
    uint8_t *copy;

    if (!eye && eye_new(&eye) < 0)
        abort();
    /* Of exactly that size, so that a step beyond its end is seen. */
    copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    make_frame(copy, n, &frame);
    eye_look(eye, (unsigned)(n % FRAME_LANES_MAX), &frame,
             n % 3 == 0 ? FRAME_WISH_LABELS : FRAME_WISH_CODES, &view);
    for (uint32_t i = 0; i < view.n_texts; i++)
        if (strlen(view.texts[i].text) != view.texts[i].n_bytes)
            abort();
    free(copy);
    return 0;
}
