#include "tests/fuzz/page-compare.h"

#include <string.h>

static bool same(struct slice slice, const char *text)
{
    return text ? slice.at && slice_is(slice, text) : !slice.at;
}

static bool absent(const json_t *value)
{
    return !value || json_is_null(value);
}

static const char *compare_parcels(const struct scanned_order *scanned, const struct order *order,
                                   const json_t *document)
{
    const json_t *json;
    size_t i;

    if (scanned->n_parcels != order->n_parcels)
        return "the number of parcels differs";
    json_array_foreach (json_object_get(document, "parcels"), i, json) {
        const struct parcel *parcel = &order->parcels[i];

        if (!same(scanned->parcels[i].id, parcel->id) ||
            !same(scanned->parcels[i].barcode, parcel->barcode))
            return "a parcel differs";
        if (parcel->personalised || !absent(json_object_get(json, "placed")) ||
            !absent(json_object_get(json, "collected")))
            return "a parcel that is placed, collected or personalised was taken as plain";
    }
    return NULL;
}

static const char *compare_order(const struct scanned_order *scanned, const json_t *document)
{
    _cleanup_(order_freep) struct order *order = NULL;
    _cleanup_free_ char *reason = NULL;
    const char *kind = json_string_value(json_object_get(document, "kind"));
    const char *branch = json_string_value(json_object_get(document, "branch"));

    if (json_object_get(document, "kind") && (!kind || strcmp(kind, "order") != 0))
        return "another kind was taken as an order";
    if (order_parse(document, PAGE_COMPARE_BANK, &order, &reason) < 0)
        return "a document that order_parse() rejects was taken as plain";
    if (order->status == ORDER_MOVED)
        return "a tombstone was taken as plain";
    if (!same(scanned->number, order->id) || !branch || !same(scanned->branch, branch) ||
        scanned->handle != order->handle || scanned->epoch != order->epoch ||
        scanned->rev != order->rev || scanned->status != order->status ||
        scanned->pickup_until != order->pickup_until)
        return "a member differs";
    if (scanned->has_number != order->has_number ||
        (order->has_number &&
         memcmp(scanned->number_digest, order->number_digest, sizeof(order->number_digest)) != 0))
        return "the digest of the pickup number differs";
    return compare_parcels(scanned, order, document);
}

static const char *compare_document(const struct scanned_order *scanned, const json_t *document)
{
    json_auto_t *own = json_loadb(scanned->text.at, scanned->text.n,
                                  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    const json_t *seq = json_object_get(document, "seq");

    if (!own || !json_equal(own, document))
        return "the slice is not the document";
    if (scanned->seq != (json_is_integer(seq) ? json_integer_value(seq) : -1) && scanned->plain)
        return "seq differs";
    if (scanned->seq >= 0 && scanned->seq != json_integer_value(seq))
        return "seq of a document that is not plain differs";
    return scanned->plain ? compare_order(scanned, document) : NULL;
}

static const char *compare_envelope(const struct page_scan *page, const struct wire_orders *message)
{
    if (strcmp(page->feed, message->feed) != 0 || page->prev != message->prev ||
        page->seq != message->seq || page->end != message->end || page->more != message->more)
        return "the envelope differs";
    if (page->n_orders != json_array_size(message->orders))
        return "the number of documents differs";
    return NULL;
}

const char *page_compare(struct page_scan *page, const char *json, size_t n,
                         struct page_tally *tally)
{
    _cleanup_(wire_orders_done) struct wire_orders message = {};
    _cleanup_free_ char *reason = NULL;
    bool read = wire_orders_read(json, n, &message, &reason) == 0;
    bool scanned = page_scan(page, json, n), rising = true;
    const char *differs;
    int64_t before = 0;

    tally->pages++;
    tally->read += read;
    tally->scanned += scanned;
    if (!scanned)
        return NULL;
    if (!read)
        return "a page that the long way rejects was taken";
    differs = compare_envelope(page, &message);
    for (size_t i = 0; !differs && i < page->n_orders; i++) {
        const struct scanned_order *order = &page->orders[i];

        differs = compare_document(order, json_array_get(message.orders, i));
        tally->plain += order->plain;
        rising = rising && order->seq > before && order->seq <= page->seq;
        before = order->seq;
    }
    if (!differs && rising != page->rising)
        return "whether the documents are in order differs";
    return differs;
}
