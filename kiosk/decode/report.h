/* What pickup-decode tells the kiosk: one packet for each picture that it has looked at. Both come
 * from the same build, so the packet is a plain struct; the kiosk checks every number in it. */
#pragma once

#include "kiosk/decode/eye.h"

#include <stddef.h>

/* File descriptors that the kiosk gives its child. */
#define DECODE_SOCKET_FD                                                                           \
    0                   /* SEQPACKET: a wake-up byte comes in for each picture, reports go out     \
                         */
#define DECODE_BOX_FD 3 /* kiosk/frame-box.h */

struct decode_report {
    uint64_t number; /* of the picture, as frame_box_put() had it */
    uint32_t lane;
    uint64_t captured_us; /* CLOCK_BOOTTIME, as all */
    uint64_t start_us;
    uint64_t done_us;
    struct eye_view view; /* only the first n_texts of its texts are sent */
};

/* Not ended by a picture, but to give back what zbar has kept: start it again at once. */
#define DECODE_EXIT_RECYCLE 75

#define DECODE_REPORT_BYTES(n)                                                                     \
    (offsetof(struct decode_report, view.texts) + (n) * sizeof(struct scanner_text))
