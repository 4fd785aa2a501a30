/* Reading HQ's document of an order. Every complaint names the member by its path. */
#include "common/member.h"
#include "common/order.h"
#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static int read_status(const json_t *document, enum order_status *ret, char **ret_reason)
{
    const char *text = json_string_value(json_object_get(document, "status"));

    for (int i = ORDER_CONFIRMED; text && i <= ORDER_MOVED; i++) {
        if (strcmp(order_status_name((enum order_status)i), text) == 0) {
            *ret = (enum order_status)i;
            return 0;
        }
    }
    return member_complain(ret_reason,
                           "status must be one of confirmed, held, cancelled, returned, moved");
}

static int read_placed(const json_t *json, const char *path, const char *bank,
                       struct parcel *parcel, char **ret_reason)
{
    _cleanup_free_ char *where = NULL, *sub = NULL;
    const json_t *placed;
    int64_t door = 0;
    int r = member_object(json, path, "placed", &placed, ret_reason);

    if (r < 0 || !placed)
        return r;
    if (asprintf(&sub, "%splaced.", path) < 0)
        return -ENOMEM;
    r = member_string(placed, sub, "bank", true, WIRE_BANK_MAX, &where, ret_reason);
    if (r < 0)
        return r;
    r = member_integer(placed, sub, "door", true, 1, UINT16_MAX, &door, ret_reason);
    if (r >= 0)
        r = member_integer(placed, sub, "since", true, 0, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = member_string(placed, sub, "log", true, WIRE_FEED_ID_LENGTH, NULL, ret_reason);
    if (r >= 0)
        r = member_integer(placed, sub, "n", true, 1, INT64_MAX, NULL, ret_reason);
    if (r < 0)
        return r;
    if (strcmp(where, bank) != 0) {
        parcel->elsewhere_bank = TAKE_PTR(where);
        parcel->elsewhere_door = (uint32_t)door;
    }
    return 0;
}

static int read_collected(const json_t *json, const char *path, const char *bank,
                          struct parcel *parcel, char **ret_reason)
{
    _cleanup_free_ char *where = NULL, *sub = NULL;
    const json_t *collected;
    int r = member_object(json, path, "collected", &collected, ret_reason);

    if (r < 0 || !collected)
        return r;
    if (asprintf(&sub, "%scollected.", path) < 0)
        return -ENOMEM;
    r = member_string(collected, sub, "bank", true, WIRE_BANK_MAX, &where, ret_reason);
    if (r >= 0)
        r = member_integer(collected, sub, "at", true, 0, INT64_MAX, NULL, ret_reason);
    if (r < 0)
        return r;
    parcel->collected_elsewhere = strcmp(where, bank) != 0;
    return 0;
}

static int read_personalisation(const json_t *json, const char *path, struct parcel *parcel,
                                char **ret_reason)
{
    _cleanup_free_ char *sub = NULL;
    const json_t *personalisation;
    int r = member_object(json, path, "personalisation", &personalisation, ret_reason);

    if (r < 0 || !personalisation)
        return r;
    if (asprintf(&sub, "%spersonalisation.", path) < 0)
        return -ENOMEM;
    if (!json_is_string(json_object_get(personalisation, "text")))
        return member_complain(ret_reason, "%stext must be a string", sub);
    parcel->personalised = true;
    return member_boolean(personalisation, sub, "checked", false, &parcel->quality_checked,
                          ret_reason);
}

static int check_name(const json_t *item, const char *path, char **ret_reason)
{
    json_t *name = json_object_get(item, "name"), *text;
    const char *language;

    if (!json_is_object(name) || json_object_size(name) == 0)
        return member_complain(ret_reason, "%sname must be an object of texts by language", path);
    json_object_foreach (name, language, text) {
        if (!json_is_string(text) || json_string_length(text) == 0)
            return member_complain(ret_reason, "%sname.%.35s must be a text", path, language);
    }
    return 0;
}

/* The bank shows them and searches them for recalls, so they must be readable now. */
static int check_items(const json_t *json, const char *path, char **ret_reason)
{
    const json_t *items = json_object_get(json, "items");
    json_t *item;
    size_t i;
    int r = 0;

    if (!json_is_array(items)) /* empty after the bank has erased what the order was */
        return member_complain(ret_reason, "%sitems must be an array", path);
    json_array_foreach (items, i, item) {
        char sub[64];

        snprintf(sub, sizeof(sub), "%sitems[%zu].", path, i);
        if (!json_is_object(item))
            return member_complain(ret_reason, "%sitems[%zu] must be an object", path, i);
        r = member_string(item, sub, "sku", true, ORDER_ID_MAX, NULL, ret_reason);
        if (r >= 0)
            r = check_name(item, sub, ret_reason);
        if (r >= 0)
            r = member_integer(item, sub, "qty", true, 1, INT64_MAX, NULL, ret_reason);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_parcel(const json_t *json, size_t i, const char *bank, struct parcel *parcel,
                       char **ret_reason)
{
    const char *size;
    char path[32];
    int r;

    snprintf(path, sizeof(path), "parcels[%zu].", i);
    if (!json_is_object(json))
        return member_complain(ret_reason, "parcels[%zu] must be an object", i);
    r = member_string(json, path, "parcel", true, ORDER_ID_MAX, &parcel->id, ret_reason);
    if (r < 0)
        return r;
    r = member_string(json, path, "barcode", false, ORDER_ID_MAX, &parcel->barcode, ret_reason);
    if (r < 0)
        return r;
    size = json_string_value(json_object_get(json, "size"));
    r = size ? parcel_size_from_name(size) : -EINVAL;
    if (r < 0)
        return member_complain(ret_reason, "%ssize must be one of S, M, L, XL", path);
    parcel->size = (enum parcel_size)r;
    r = read_personalisation(json, path, parcel, ret_reason);
    if (r < 0)
        return r;
    r = read_placed(json, path, bank, parcel, ret_reason);
    if (r < 0)
        return r;
    r = read_collected(json, path, bank, parcel, ret_reason);
    return r < 0 ? r : check_items(json, path, ret_reason);
}

static int read_parcels(const json_t *document, const char *bank, struct order *order,
                        char **ret_reason)
{
    const json_t *parcels = json_object_get(document, "parcels");
    size_t n = json_array_size(parcels), i;
    json_t *json;

    if (!json_is_array(parcels) || n < 1 || n > ORDER_PARCELS_MAX)
        return member_complain(ret_reason, "parcels must be an array of 1 to %d parcels",
                               ORDER_PARCELS_MAX);
    order->parcels = calloc(n, sizeof(*order->parcels));
    if (!order->parcels)
        return -ENOMEM;
    order->n_parcels = n;
    json_array_foreach (parcels, i, json) {
        int r = read_parcel(json, i, bank, &order->parcels[i], ret_reason);

        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (strcmp(order->parcels[k].id, order->parcels[i].id) == 0)
                return member_complain(ret_reason,
                                       "parcels[%zu].parcel is the same as parcels[%zu]'s", i, k);
    }
    return 0;
}

static int read_code(const json_t *document, struct order *order, char **ret_reason)
{
    const json_t *code = json_object_get(document, "code"), *kinds;
    int64_t epoch = 0;
    json_t *kind;
    size_t i;
    int r;

    if (!json_is_object(code))
        return member_complain(ret_reason, "code must be an object");
    r = member_integer(code, "code.", "epoch", true, 0, UINT8_MAX, &epoch, ret_reason);
    if (r < 0)
        return r;
    order->epoch = (uint8_t)epoch;
    kinds = json_object_get(code, "kinds");
    if (!json_is_array(kinds))
        return member_complain(ret_reason, "code.kinds must be an array");
    json_array_foreach (kinds, i, kind) {
        const char *name = json_string_value(kind);

        if (name && strcmp(name, "P1") == 0)
            order->p1_opens = true;
        else if (name && strcmp(name, "P2") == 0)
            order->p2_opens = true;
        else
            return member_complain(ret_reason, "code.kinds[%zu] must be \"P1\" or \"P2\"", i);
    }
    if (!member_absent(json_object_get(code, "secret"))) {
        uint8_t secret[32];

        r = member_base64(code, "code.", "secret", secret, sizeof(secret), ret_reason);
        sodium_memzero(secret, sizeof(secret));
        if (r < 0)
            return r;
    }
    if (member_absent(json_object_get(document, "number_digest")))
        return 0;
    r = member_hex(document, "", "number_digest", order->number_digest,
                   sizeof(order->number_digest), ret_reason);
    order->has_number = r == 0;
    return r;
}

static int read_times(const json_t *document, struct order *order, char **ret_reason)
{
    const struct {
        const char *member;
        int64_t *ret;
    } times[] = {
        {"ready_from", &order->ready_from},
        {"pickup_until", &order->pickup_until},
        {"release_at", &order->release_at},
    };
    const json_t *slot, *departure;
    int r;

    for (size_t i = 0; i < ELEMENTSOF(times); i++) {
        r = member_integer(document, "", times[i].member, false, 0, INT64_MAX, times[i].ret,
                           ret_reason);
        if (r < 0)
            return r;
    }
    r = member_object(document, "", "slot", &slot, ret_reason);
    if (r < 0)
        return r;
    if (slot) {
        r = member_integer(slot, "slot.", "from", true, 0, INT64_MAX, &order->slot_from,
                           ret_reason);
        if (r < 0)
            return r;
        r = member_integer(slot, "slot.", "to", true, order->slot_from, INT64_MAX, &order->slot_to,
                           ret_reason);
        if (r < 0)
            return r;
    }
    r = member_object(document, "", "departure", &departure, ret_reason);
    if (r < 0 || !departure)
        return r;
    r = member_integer(departure, "departure.", "at", false, 0, INT64_MAX, &order->departure_at,
                       ret_reason);
    return r < 0 ? r : member_string(departure, "departure.", "flight", false, 0, NULL, ret_reason);
}

static int read_flags(const json_t *document, struct order *order, char **ret_reason)
{
    int r = member_boolean(document, "", "id_check", false, &order->id_check, ret_reason);

    if (r < 0)
        return r;
    r = member_boolean(document, "", "low_door", false, &order->low_door, ret_reason);
    if (r < 0)
        return r;
    return member_boolean(document, "", "disputed", false, &order->disputed, ret_reason);
}

static int read_identity(const json_t *document, struct order *order, char **ret_reason)
{
    uint8_t handle[8];
    int r;

    if (!json_is_object(document))
        return member_complain(ret_reason, "a document must be an object");
    r = member_string(document, "", "order", true, ORDER_ID_MAX, &order->id, ret_reason);
    if (r < 0)
        return r;
    r = member_hex(document, "", "handle", handle, sizeof(handle), ret_reason);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(handle); i++)
        order->handle = order->handle << 8 | handle[i];
    r = member_integer(document, "", "rev", true, 1, INT64_MAX, &order->rev, ret_reason);
    if (r < 0)
        return r;
    return read_status(document, &order->status, ret_reason);
}

int order_parse(const json_t *document, const char *bank, struct order **ret_order,
                char **ret_reason)
{
    _cleanup_(order_freep) struct order *order = calloc(1, sizeof(*order));
    int r;

    if (!order)
        return -ENOMEM;
    r = read_identity(document, order, ret_reason);
    if (r < 0)
        return r;
    /* A tombstone need not say more; what a bank keeps of an order that has left says all of it,
     * because its parcels must still be taken out. */
    if (order->status == ORDER_MOVED && !json_object_get(document, "ready_from")) {
        *ret_order = TAKE_PTR(order);
        return 0;
    }
    r = member_string(document, "", "branch", true, WIRE_BANK_MAX, NULL, ret_reason);
    if (r < 0)
        return r;
    r = member_string(document, "", "display", false, 0, &order->display, ret_reason);
    if (r < 0)
        return r;
    r = member_string(document, "", "campaign", false, ORDER_ID_MAX, NULL, ret_reason);
    if (r < 0)
        return r;
    r = member_string(document, "", "lang", false, 35, &order->lang, ret_reason);
    if (r < 0)
        return r;
    r = member_string(document, "", "member_tag", false, ORDER_ID_MAX, &order->member_tag,
                      ret_reason);
    if (r < 0)
        return r;
    r = read_times(document, order, ret_reason);
    if (r < 0)
        return r;
    r = read_code(document, order, ret_reason);
    if (r < 0)
        return r;
    r = read_flags(document, order, ret_reason);
    if (r < 0)
        return r;
    r = read_parcels(document, bank, order, ret_reason);
    if (r < 0)
        return r;
    *ret_order = TAKE_PTR(order);
    return 0;
}

struct order *order_free(struct order *order)
{
    if (!order)
        return NULL;
    for (size_t i = 0; i < order->n_parcels; i++) {
        free(order->parcels[i].id);
        free(order->parcels[i].barcode);
        free(order->parcels[i].elsewhere_bank);
    }
    free(order->parcels);
    free(order->id);
    free(order->display);
    free(order->lang);
    free(order->member_tag);
    free(order);
    return NULL;
}
