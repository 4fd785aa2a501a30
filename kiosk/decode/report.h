/* What pickup-decode tells the kiosk: one packet for each picture that it has looked at. Both come
 * from the same build, so the packet is a plain struct; the kiosk checks every number in it. */
#pragma once

#include "kiosk/decode/scanner.h"

/* File descriptors that the kiosk gives its child. */
#define DECODE_SOCKET_FD                                                                           \
    0                   /* SEQPACKET: a wake-up byte comes in for each picture, reports go out     \
                         */
#define DECODE_BOX_FD 3 /* kiosk/frame-box.h */

struct decode_report {
    uint64_t number;      /* of the picture, as frame_box_put() had it */
    uint64_t captured_us; /* CLOCK_BOOTTIME, as all */
    uint64_t start_us;
    uint64_t done_us;
    uint32_t n_texts;
    struct {
        uint32_t n_bytes;
        char text[SCANNER_TEXT_MAX + 1];
    } texts[SCANNER_TEXTS_MAX]; /* only the first n_texts are sent */
};

#define DECODE_REPORT_BYTES(n)                                                                     \
    (offsetof(struct decode_report, texts) + (n) * sizeof(((struct decode_report *)0)->texts[0]))
