/* A code that is held still is read in every picture, but counts once: until it has been away for a
 * while. Pure. */
#pragma once

#include "kiosk/decode/scanner.h"

#define SCAN_FILTER_TEXTS 8 /* remembered: the newest */

/* A text that was not seen for so long was taken away: bad pictures in between do not count. */
#define SCAN_FILTER_AWAY_US UINT64_C(1500000)

struct scan_filter {
    struct {
        char text[SCANNER_TEXT_MAX + 1];
        uint64_t seen_us;  /* 0 = free */
        uint64_t retry_us; /* 0 = never */
    } texts[SCAN_FILTER_TEXTS];
};

/* The text is seen in a picture at `now_us` (any monotonic clock, never 0). True when it counts. */
bool scan_filter_see(struct scan_filter *filter, const char *text, uint64_t now_us);
/* It could not be dealt with; should it still be held up at `retry_us`, it counts again. */
void scan_filter_retry(struct scan_filter *filter, const char *text, uint64_t retry_us);
