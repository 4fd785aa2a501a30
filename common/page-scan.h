/* The quick way through a page of the feed: finds the documents in it and reads from each order the
 * members that the store needs, without building anything (design section 4). Pure.
 *
 * It reads what HQ usually writes. A page that is unusual in any way is refused as a whole, also
 * when it is not JSON at all, and the caller takes the long way: wire_orders_read(). A document
 * that is unusual is only marked as not plain, and the caller takes the long way with that one:
 * order_parse(). So reasons for a rejection are given in one place only. What is accepted here is
 * accepted there, with the same values; tests/fuzz/page-compare.c holds the two against each
 * other. */
#pragma once

#include "common/json-scan.h"
#include "common/order.h"
#include "common/wire.h"

#define PAGE_SCAN_DOCUMENTS 1024
#define PAGE_SCAN_PARCELS   4096

struct scanned_parcel {
    struct slice id, barcode; /* barcode.at NULL = none */
};

struct scanned_order {
    struct slice text; /* the document's bytes */
    bool plain; /* an order that order_parse() would accept, not a tombstone, nothing of it placed,
                   collected or personalised; the rest is valid only then */
    struct slice number, branch;
    uint64_t handle;
    int64_t rev;
    int64_t seq; /* -1 = none; also valid when the document is not plain */
    enum order_status status;
    int64_t pickup_until;
    uint8_t epoch;
    bool has_number;
    uint8_t number_digest[16];
    const struct scanned_parcel *parcels; /* in the page_scan */
    size_t n_parcels;
};

/* Large; made once and used again for every page. The slices point into the text. */
struct page_scan {
    char feed[WIRE_FEED_ID_LENGTH + 1];
    int64_t prev, seq, end; /* as in struct wire_orders */
    bool more;
    bool rising;      /* every document says its seq, and these rise and end at or before `seq` */
    int64_t last_seq; /* of the last document, 0 = none */
    size_t n_orders, n_parcels;
    struct scanned_order orders[PAGE_SCAN_DOCUMENTS];
    struct scanned_parcel parcels[PAGE_SCAN_PARCELS];
};

/* False = unusual: take the long way; the struct then holds nothing. */
bool page_scan(struct page_scan *page, const char *json, size_t n);
