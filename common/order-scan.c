/* One order of a page, read without a tree. Each rule here is the same as in order-read.c, only
 * that a document which breaks one is left to that file, which then says why. */
#include "common/order-scan.h"

#include "common/cleanup.h"

#include <string.h>

enum member {
    MEMBER_ORDER,
    MEMBER_HANDLE,
    MEMBER_REV,
    MEMBER_SEQ,
    MEMBER_BRANCH,
    MEMBER_STATUS,
    MEMBER_CODE,
    MEMBER_PARCELS,
    /* The ones above are required. */
    MEMBER_KIND,
    MEMBER_DISPLAY,
    MEMBER_LANG,
    MEMBER_TAG,
    MEMBER_CAMPAIGN,
    MEMBER_READY_FROM,
    MEMBER_PICKUP_UNTIL,
    MEMBER_RELEASE_AT,
    MEMBER_SLOT,
    MEMBER_DEPARTURE,
    MEMBER_DIGEST,
    MEMBER_DISPUTED,
    MEMBER_ID_CHECK,
    MEMBER_LOW_DOOR,
    MEMBER_COUNT,
};
#define REQUIRED ((1u << (MEMBER_PARCELS + 1)) - 1)

static const char *const member_names[MEMBER_COUNT] = {
    [MEMBER_ORDER] = "order",
    [MEMBER_HANDLE] = "handle",
    [MEMBER_REV] = "rev",
    [MEMBER_SEQ] = "seq",
    [MEMBER_BRANCH] = "branch",
    [MEMBER_STATUS] = "status",
    [MEMBER_CODE] = "code",
    [MEMBER_PARCELS] = "parcels",
    [MEMBER_KIND] = "kind",
    [MEMBER_DISPLAY] = "display",
    [MEMBER_LANG] = "lang",
    [MEMBER_TAG] = "member_tag",
    [MEMBER_CAMPAIGN] = "campaign",
    [MEMBER_READY_FROM] = "ready_from",
    [MEMBER_PICKUP_UNTIL] = "pickup_until",
    [MEMBER_RELEASE_AT] = "release_at",
    [MEMBER_SLOT] = "slot",
    [MEMBER_DEPARTURE] = "departure",
    [MEMBER_DIGEST] = "number_digest",
    [MEMBER_DISPUTED] = "disputed",
    [MEMBER_ID_CHECK] = "id_check",
    [MEMBER_LOW_DOOR] = "low_door",
};

/* An order under way. */
struct reading {
    struct page_scan *page;
    struct scanned_order *order;
    unsigned seen; /* the members that were there and good */
};

static enum member find_member(struct slice name)
{
    enum member i = 0;

    while (i < MEMBER_COUNT &&
           (name.at[0] != member_names[i][0] || !slice_is(name, member_names[i])))
        i++;
    return i;
}

/* --- single values: true = as order_parse() would take it ---------------------------------------
 */

static bool is_text(const struct json_scan_value *value, size_t min, size_t max)
{
    return value->type == SCAN_STRING && !value->escaped && value->text.n >= min &&
           value->text.n <= max;
}

static bool is_optional_text(const struct json_scan_value *value, size_t max)
{
    return value->type == SCAN_NULL || is_text(value, 0, max);
}

/* Of any length, with whatever in it. */
static bool is_optional_string(const struct json_scan_value *value)
{
    return value->type == SCAN_NULL || value->type == SCAN_STRING;
}

static bool is_optional_integer(const struct json_scan_value *value)
{
    return value->type == SCAN_NULL || value->type == SCAN_INTEGER;
}

static bool is_optional_boolean(const struct json_scan_value *value)
{
    return value->type == SCAN_NULL || value->type == SCAN_FALSE || value->type == SCAN_TRUE;
}

static bool read_hex(const struct json_scan_value *value, uint8_t *ret, size_t n)
{
    if (!is_text(value, n * 2, n * 2))
        return false;
    for (size_t i = 0; i < n * 2; i++) {
        char c = value->text.at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] | digit : digit << 4);
    }
    return true;
}

static bool read_handle(const struct json_scan_value *value, uint64_t *ret)
{
    uint8_t bytes[8];

    if (!read_hex(value, bytes, sizeof(bytes)))
        return false;
    *ret = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        *ret = *ret << 8 | bytes[i];
    return true;
}

/* A tombstone takes the long way. */
static bool read_status(const struct json_scan_value *value, enum order_status *ret)
{
    if (!is_text(value, 1, 16))
        return false;
    for (enum order_status i = ORDER_CONFIRMED; i < ORDER_MOVED; i++) {
        if (slice_is(value->text, order_status_name(i))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* --- objects in an order: the functions return false when the page is unusual -------------------
 */

struct pair {
    const char *first_name, *second_name;
    struct json_scan_value first, second;
    bool has_first, has_second;
};

static bool pair_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct pair *pair = userdata;
    struct json_scan_value value;

    if (slice_is(name, pair->first_name)) {
        pair->has_first = true;
        return json_scan_value(scan, &pair->first);
    }
    if (slice_is(name, pair->second_name)) {
        pair->has_second = true;
        return json_scan_value(scan, &pair->second);
    }
    return json_scan_value(scan, &value);
}

static bool read_slot(struct json_scan *scan, bool *ret_good)
{
    struct pair slot = {.first_name = "from", .second_name = "to"};

    if (!json_scan_object(scan, pair_member, &slot))
        return false;
    *ret_good = slot.has_first && slot.has_second && slot.first.type == SCAN_INTEGER &&
                slot.second.type == SCAN_INTEGER && slot.first.integer <= slot.second.integer;
    return true;
}

static bool read_departure(struct json_scan *scan, bool *ret_good)
{
    struct pair departure = {.first_name = "at", .second_name = "flight"};

    if (!json_scan_object(scan, pair_member, &departure))
        return false;
    *ret_good = (!departure.has_first || is_optional_integer(&departure.first)) &&
                (!departure.has_second || is_optional_string(&departure.second));
    return true;
}

static bool kind_element(struct json_scan *scan, void *userdata)
{
    bool *good = userdata;
    struct json_scan_value value;

    if (!json_scan_value(scan, &value))
        return false;
    *good = *good && is_text(&value, 2, 2) &&
            (slice_is(value.text, "P1") || slice_is(value.text, "P2"));
    return true;
}

/* Base64 of 32 bytes: 43 letters, of which the last carries four bits, and one "=". */
static bool is_secret(const struct json_scan_value *value)
{
    static const char last[] = "AEIMQUYcgkosw048";

    if (!is_text(value, 44, 44) || value->text.at[43] != '=' ||
        !memchr(last, value->text.at[42], sizeof(last) - 1))
        return false;
    for (size_t i = 0; i < 42; i++) {
        char c = value->text.at[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return true;
}

struct code_reading {
    bool epoch, kinds, bad;
    uint8_t value; /* of the epoch */
};

static bool code_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct code_reading *code = userdata;
    struct json_scan_value value;

    if (slice_is(name, "kinds") && json_scan_peek(scan) == '[') {
        code->kinds = true;
        return json_scan_array(scan, kind_element, &code->kinds);
    }
    if (!json_scan_value(scan, &value))
        return false;
    if (slice_is(name, "epoch")) {
        code->epoch = value.type == SCAN_INTEGER && value.integer <= UINT8_MAX;
        code->value = code->epoch ? (uint8_t)value.integer : 0;
    } else if (slice_is(name, "secret")) {
        code->bad = value.type != SCAN_NULL && !is_secret(&value);
    }
    return true;
}

static bool read_code(struct json_scan *scan, uint8_t *ret_epoch, bool *ret_good)
{
    struct code_reading code = {};

    if (!json_scan_object(scan, code_member, &code))
        return false;
    *ret_good = code.epoch && code.kinds && !code.bad;
    *ret_epoch = code.value;
    return true;
}

struct item_reading {
    bool sku, name, qty, bad;
};

/* Texts by language, at least one. */
static bool name_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct item_reading *item = userdata;
    struct json_scan_value value;

    if (!json_scan_value(scan, &value))
        return false;
    item->name = true;
    item->bad = item->bad || value.type != SCAN_STRING || value.text.n == 0;
    return true;
}

static bool item_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct item_reading *item = userdata;
    struct json_scan_value value;

    if (slice_is(name, "name") && json_scan_peek(scan) == '{')
        return json_scan_object(scan, name_member, item);
    if (!json_scan_value(scan, &value))
        return false;
    if (slice_is(name, "sku"))
        item->sku = is_text(&value, 1, ORDER_ID_MAX);
    else if (slice_is(name, "qty"))
        item->qty = value.type == SCAN_INTEGER && value.integer >= 1;
    return true;
}

static bool item_element(struct json_scan *scan, void *userdata)
{
    bool *good = userdata;
    struct item_reading item = {};
    struct json_scan_value value;

    if (json_scan_peek(scan) != '{') {
        *good = false;
        return json_scan_value(scan, &value);
    }
    if (!json_scan_object(scan, item_member, &item))
        return false;
    *good = *good && item.sku && item.name && item.qty && !item.bad;
    return true;
}

struct parcel_reading {
    struct scanned_parcel parcel;
    bool id, size, items, bad;
};

static bool parcel_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct parcel_reading *reading = userdata;
    struct json_scan_value value;

    if (slice_is(name, "items") && json_scan_peek(scan) == '[') {
        reading->items = true;
        return json_scan_array(scan, item_element, &reading->items);
    }
    if (!json_scan_value(scan, &value))
        return false;
    if (slice_is(name, "parcel")) {
        reading->id = is_text(&value, 1, ORDER_ID_MAX);
        reading->parcel.id = value.text;
    } else if (slice_is(name, "barcode")) {
        reading->bad = reading->bad || !is_optional_text(&value, ORDER_ID_MAX);
        if (value.type == SCAN_STRING)
            reading->parcel.barcode = value.text;
    } else if (slice_is(name, "size")) {
        reading->size =
            is_text(&value, 1, 2) && (slice_is(value.text, "S") || slice_is(value.text, "M") ||
                                      slice_is(value.text, "L") || slice_is(value.text, "XL"));
    } else if (slice_is(name, "personalisation") || slice_is(name, "placed") ||
               slice_is(name, "collected")) {
        reading->bad = reading->bad || value.type != SCAN_NULL;
    }
    return true;
}

static bool parcel_is_new(const struct scanned_order *order, struct slice id)
{
    for (size_t i = 0; i < order->n_parcels; i++)
        if (order->parcels[i].id.n == id.n && memcmp(order->parcels[i].id.at, id.at, id.n) == 0)
            return false;
    return true;
}

static bool parcel_element(struct json_scan *scan, void *userdata)
{
    struct reading *reading = userdata;
    struct scanned_order *order = reading->order;
    struct page_scan *page = reading->page;
    struct parcel_reading parcel = {};

    if (json_scan_peek(scan) != '{') {
        struct json_scan_value value;

        order->plain = false;
        return json_scan_value(scan, &value);
    }
    if (!json_scan_object(scan, parcel_member, &parcel))
        return false;
    if (!order->plain)
        return true;
    if (!parcel.id || !parcel.size || !parcel.items || parcel.bad ||
        order->n_parcels == ORDER_PARCELS_MAX || !parcel_is_new(order, parcel.parcel.id)) {
        order->plain = false;
        return true;
    }
    if (page->n_parcels == PAGE_SCAN_PARCELS)
        return false;
    page->parcels[page->n_parcels++] = parcel.parcel;
    order->n_parcels++;
    return true;
}

/* --- the order -------------------------------------------------------------------------------- */

/* The members that are objects or arrays. *ret_good: order_parse() would take it. */
static bool read_inner(struct json_scan *scan, struct reading *reading, enum member member,
                       bool *ret_good)
{
    char first = json_scan_peek(scan);
    struct json_scan_value value;

    if (member == MEMBER_CODE && first == '{')
        return read_code(scan, &reading->order->epoch, ret_good);
    if (member == MEMBER_SLOT && first == '{')
        return read_slot(scan, ret_good);
    if (member == MEMBER_DEPARTURE && first == '{')
        return read_departure(scan, ret_good);
    if (member == MEMBER_PARCELS && first == '[') {
        if (!json_scan_array(scan, parcel_element, reading))
            return false;
        *ret_good = reading->order->n_parcels > 0;
        return true;
    }
    if (!json_scan_value(scan, &value))
        return false;
    *ret_good = (member == MEMBER_SLOT || member == MEMBER_DEPARTURE) && value.type == SCAN_NULL;
    return true;
}

static bool take_single(struct scanned_order *order, enum member member,
                        const struct json_scan_value *value)
{
    switch (member) {
    case MEMBER_ORDER:
        order->number = value->text;
        return is_text(value, 1, ORDER_ID_MAX);
    case MEMBER_HANDLE:
        return read_handle(value, &order->handle);
    case MEMBER_REV:
        order->rev = value->integer;
        return value->type == SCAN_INTEGER && value->integer >= 1;
    case MEMBER_SEQ:
        order->seq = value->type == SCAN_INTEGER ? value->integer : -1;
        return value->type == SCAN_INTEGER && value->integer >= 1;
    case MEMBER_BRANCH:
        order->branch = value->text;
        return is_text(value, 1, WIRE_BANK_MAX);
    case MEMBER_STATUS:
        return read_status(value, &order->status);
    case MEMBER_KIND:
        return is_text(value, 5, 5) && slice_is(value->text, "order");
    case MEMBER_DISPLAY:
        return is_optional_string(value);
    case MEMBER_LANG:
        return is_optional_text(value, 35);
    case MEMBER_TAG:
    case MEMBER_CAMPAIGN:
        return is_optional_text(value, ORDER_ID_MAX);
    case MEMBER_PICKUP_UNTIL:
        order->pickup_until = value->type == SCAN_INTEGER ? value->integer : 0;
        return is_optional_integer(value);
    case MEMBER_READY_FROM:
    case MEMBER_RELEASE_AT:
        return is_optional_integer(value);
    case MEMBER_DIGEST:
        order->has_number = value->type != SCAN_NULL;
        return !order->has_number ||
               read_hex(value, order->number_digest, sizeof(order->number_digest));
    default:
        return is_optional_boolean(value);
    }
}

static bool order_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct reading *reading = userdata;
    enum member member = name.n > 0 ? find_member(name) : MEMBER_COUNT;
    struct json_scan_value value = {};
    bool good = true;

    if (member == MEMBER_CODE || member == MEMBER_SLOT || member == MEMBER_DEPARTURE ||
        member == MEMBER_PARCELS) {
        if (!read_inner(scan, reading, member, &good))
            return false;
    } else {
        if (!json_scan_value(scan, &value))
            return false;
        good = member == MEMBER_COUNT || take_single(reading->order, member, &value);
    }
    if (!good)
        reading->order->plain = false;
    else if (member < MEMBER_COUNT)
        reading->seen |= 1u << member;
    return true;
}

bool order_scan(struct json_scan *scan, struct page_scan *page, struct scanned_order *order)
{
    struct reading reading = {.page = page, .order = order};
    struct json_scan_value value;

    *order = (struct scanned_order){
        .plain = true, .seq = -1, .parcels = page->parcels + page->n_parcels};
    if (json_scan_peek(scan) != '{') {
        order->plain = false;
        if (!json_scan_value(scan, &value))
            return false;
        order->text = value.text;
        if (value.type == SCAN_STRING) /* with its quotes, as any document */
            order->text = (struct slice){value.text.at - 1, value.text.n + 2};
        return true;
    }
    order->text.at = scan->p;
    if (!json_scan_object(scan, order_member, &reading))
        return false;
    order->text.n = (size_t)(scan->p - order->text.at);
    order->plain = order->plain && (reading.seen & REQUIRED) == REQUIRED;
    return true;
}
