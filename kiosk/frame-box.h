/* The hand-over of pictures between the kiosk and its decoder process: shared memory that holds the
 * newest picture and nothing else (three slots: one being filled, one waiting, one being read).
 * Neither side ever waits for the other, and a picture that nobody took is replaced by a newer one.
 *
 * The decoder looks at whatever a customer shows it and may be led astray; so the writer believes
 * nothing that it reads back from here. */
#pragma once

#include "common/cleanup.h"
#include "kiosk/frame.h"

#include <stdbool.h>

/* What the decoder shall look for besides QR codes. */
enum frame_wish {
    FRAME_WISH_CODES,  /* nothing: a customer's or staff member's QR code */
    FRAME_WISH_LABELS, /* parcel labels too: EAN-13 and Code 128 */
};

struct frame_box;

/* The writer's side. -errno. Owns a memfd; pages count only once they were written to. */
int frame_box_new(struct frame_box **ret_box);
/* Unmaps and closes; the other side's mapping stays. Accepts NULL; returns NULL. */
struct frame_box *frame_box_free(struct frame_box *box);
DEFINE_CLEANUP(struct frame_box *, frame_box_free);
int frame_box_fd(const struct frame_box *box);
/* Copies `frame` in as number `number` (from 1). -EMSGSIZE when it is larger than FRAME_BYTES_MAX,
 * -EBADMSG when the reader has destroyed the box: replace both. */
int frame_box_put(struct frame_box *box, const struct frame *frame, uint64_t number,
                  enum frame_wish wish);

/* The reader's side, on the memfd that it was given (taken over). */
int frame_box_open(int fd, struct frame_box **ret_box);
/* The newest picture that was not taken yet; its data stay as they are until the next call. False
 * when there is none. */
bool frame_box_take(struct frame_box *box, struct frame *ret_frame, uint64_t *ret_number,
                    enum frame_wish *ret_wish);
