/* The hand-over of pictures between the kiosk and its decoder process: shared memory that holds the
 * newest picture of each camera and nothing else (a lane for each, of three slots: one being
 * filled, one waiting, one being read). Neither side ever waits for the other, and a picture that
 * nobody took is replaced by a newer one of the same camera; the cameras are served in turn.
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
    FRAME_WISH_LABELS, /* parcel labels too: bar codes, and QR codes that are not ours */
};

#define FRAME_LANES_MAX 4

struct frame_box;

/* The writer's side, with 1 to FRAME_LANES_MAX lanes. -errno. Owns a memfd; pages count only once
 * they were written to. */
int frame_box_new(unsigned n_lanes, struct frame_box **ret_box);
/* Unmaps and closes; the other side's mapping stays. Accepts NULL; returns NULL. */
struct frame_box *frame_box_free(struct frame_box *box);
DEFINE_CLEANUP(struct frame_box *, frame_box_free);
int frame_box_fd(const struct frame_box *box);
/* Copies `frame` into a lane as number `number` (from 1). -EMSGSIZE when it is larger than
 * FRAME_BYTES_MAX, -EBADMSG when the reader has destroyed the box: replace both. */
int frame_box_put(struct frame_box *box, unsigned lane, const struct frame *frame, uint64_t number,
                  enum frame_wish wish);

/* The lane whose picture the reader took last and, as it says, has not done with: -1 = none. */
int frame_box_at_work(const struct frame_box *box);

/* The reader's side, on the memfd that it was given (taken over). */
int frame_box_open(int fd, struct frame_box **ret_box);
/* The address space that a mapping takes. */
size_t frame_box_bytes(const struct frame_box *box);

/* What was handed over. */
struct frame_taken {
    unsigned lane;
    uint64_t number;
    enum frame_wish wish;
    struct frame frame; /* its data stay as they are until the next frame_box_take() */
};

/* A picture that was not taken yet, of the first lane after the last one served that has one. False
 * when there is none. Says also that the reader has done with the one before. */
bool frame_box_take(struct frame_box *box, struct frame_taken *ret_taken);
