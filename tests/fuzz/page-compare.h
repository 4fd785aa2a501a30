/* Holds the quick way through a page (common/page-scan.h) against the long one. */
#pragma once

#include "common/page-scan.h"

#define PAGE_COMPARE_BANK "hk-canton-1"

struct page_tally {
    size_t pages;   /* looked at */
    size_t read;    /* that jansson and wire_orders_read() accept */
    size_t scanned; /* that the quick way accepts */
    size_t plain;   /* documents that it takes by itself */
};

/* NULL when both ways agree about these bytes, else what differs. Adds to `tally`. */
const char *page_compare(struct page_scan *page, const char *json, size_t n,
                         struct page_tally *tally);
