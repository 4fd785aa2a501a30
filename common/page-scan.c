#include "common/page-scan.h"

#include "common/order-scan.h"

#include <string.h>

struct envelope {
    struct page_scan *page;
    bool feed, prev, seq, more, orders;
};

static bool document_element(struct json_scan *scan, void *userdata)
{
    struct page_scan *page = userdata;
    struct scanned_order *order = &page->orders[page->n_orders];

    if (page->n_orders == PAGE_SCAN_DOCUMENTS || !order_scan(scan, page, order))
        return false;
    page->rising = page->rising && order->seq > page->last_seq;
    page->last_seq = order->seq;
    page->n_orders++;
    return true;
}

static bool take_feed(struct page_scan *page, const struct json_scan_value *value)
{
    if (value->type != SCAN_STRING || value->escaped || value->text.n != WIRE_FEED_ID_LENGTH)
        return false;
    memcpy(page->feed, value->text.at, WIRE_FEED_ID_LENGTH);
    return true;
}

static bool envelope_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct envelope *envelope = userdata;
    struct page_scan *page = envelope->page;
    struct json_scan_value value = {};

    if (slice_is(name, "orders")) {
        envelope->orders = true;
        return json_scan_array(scan, document_element, page);
    }
    if (!json_scan_value(scan, &value))
        return false;
    if (slice_is(name, "feed"))
        return envelope->feed = take_feed(page, &value);
    if (slice_is(name, "more")) {
        envelope->more = value.type == SCAN_TRUE || value.type == SCAN_FALSE;
        page->more = value.type == SCAN_TRUE;
        return envelope->more;
    }
    if (slice_is(name, "prev")) {
        page->prev = value.integer;
        return envelope->prev = value.type == SCAN_INTEGER;
    }
    if (slice_is(name, "seq")) {
        page->seq = value.integer;
        return envelope->seq = value.type == SCAN_INTEGER;
    }
    if (slice_is(name, "end")) {
        page->end = value.integer;
        return value.type == SCAN_INTEGER;
    }
    return true;
}

bool page_scan(struct page_scan *page, const char *json, size_t n)
{
    struct envelope envelope = {.page = page};
    struct json_scan scan;

    memset(page->feed, 0, sizeof(page->feed));
    page->prev = page->seq = 0;
    page->end = -1;
    page->more = false;
    page->rising = true;
    page->last_seq = 0;
    page->n_orders = page->n_parcels = 0;
    json_scan_begin(&scan, json, n);
    if (n <= WIRE_PAYLOAD_MAX && json_scan_object(&scan, envelope_member, &envelope) &&
        json_scan_ends(&scan) && envelope.feed && envelope.prev && envelope.seq && envelope.more &&
        envelope.orders && page->seq >= page->prev && (page->end < 0 || page->end >= page->seq)) {
        page->rising = page->rising && page->last_seq <= page->seq;
        return true;
    }
    page->n_orders = page->n_parcels = 0;
    return false;
}
