/* What a camera's last pictures were like, for engineers who set it up: pickupctl camera. Pure. */
#pragma once

#include "common/test-card.h"
#include "kiosk/decode/report.h"

#define CAMERA_STATS_PICTURES 64
/* Older pictures do not count. */
#define CAMERA_STATS_US UINT64_C(5000000)

struct camera_stats {
    struct camera_stats_picture {
        uint64_t at_us; /* 0 = none */
        uint32_t decode_us, cards;
        struct measure measure;
        bool read, damaged;
    } pictures[CAMERA_STATS_PICTURES];
    size_t next;
};

struct camera_summary {
    unsigned pictures;      /* looked at in the last five seconds, at most CAMERA_STATS_PICTURES */
    double rate;            /* of them, a second */
    unsigned width, height; /* of the newest, as gray */
    double mean, clipped, sharpness; /* means, as in struct measure */
    double decode_ms;                /* mean */
    unsigned read;                   /* pictures with a text of any kind */
    unsigned damaged;
    unsigned cards[TEST_CARD_CODES]; /* pictures in which each code of the test card was read */
};

void camera_stats_add(struct camera_stats *stats, const struct decode_report *report);
/* `now_us` of CLOCK_BOOTTIME. */
void camera_stats_sum(const struct camera_stats *stats, uint64_t now_us,
                      struct camera_summary *ret_summary);
