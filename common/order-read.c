/* Reading HQ's document of an order. Every complaint names the member by its path. */
#include "common/order.h"
#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int _printf_(2, 3) complain(char **ret_reason, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_reason, format, ap) < 0)
        *ret_reason = NULL;
    va_end(ap);
    return *ret_reason ? -EBADMSG : -ENOMEM;
}

static bool absent(const json_t *value)
{
    return !value || json_is_null(value);
}

/* `max_bytes` 0 = any. An absent optional string leaves *ret as it is. */
static int read_string(const json_t *object, const char *path, const char *member, bool required,
                       size_t max_bytes, char **ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);
    char *copy;

    if (absent(value) && !required)
        return 0;
    if (!json_is_string(value))
        return complain(ret_reason, "%s%s must be a string", path, member);
    if (required && json_string_length(value) == 0)
        return complain(ret_reason, "%s%s must not be empty", path, member);
    if (max_bytes && json_string_length(value) > max_bytes)
        return complain(ret_reason, "%s%s is longer than %zu bytes", path, member, max_bytes);
    copy = strdup(json_string_value(value));
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

static int read_integer(const json_t *object, const char *path, const char *member, bool required,
                        int64_t min, int64_t max, int64_t *ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (absent(value) && !required)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return complain(ret_reason, "%s%s must be an integer from %lld to %lld", path, member,
                        (long long)min, (long long)max);
    *ret = json_integer_value(value);
    return 0;
}

static int read_boolean(const json_t *object, const char *member, bool *ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (absent(value))
        return 0;
    if (!json_is_boolean(value))
        return complain(ret_reason, "%s must be true or false", member);
    *ret = json_is_true(value);
    return 0;
}

/* An optional member that is an object; *ret is NULL when absent. */
static int read_object(const json_t *object, const char *path, const char *member,
                       const json_t **ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    *ret = NULL;
    if (absent(value))
        return 0;
    if (!json_is_object(value))
        return complain(ret_reason, "%s%s must be an object or null", path, member);
    *ret = value;
    return 0;
}

static int read_hex(const json_t *object, const char *member, uint8_t *ret, size_t n,
                    char **ret_reason)
{
    const char *text = json_string_value(json_object_get(object, member));
    size_t got = 0;

    if (!text || strlen(text) != n * 2 || strspn(text, "0123456789abcdef") != n * 2 ||
        sodium_hex2bin(ret, n, text, n * 2, NULL, &got, NULL) < 0 || got != n)
        return complain(ret_reason, "%s must be %zu lower-case hexadecimal digits", member, n * 2);
    return 0;
}

static int read_status(const json_t *document, enum order_status *ret, char **ret_reason)
{
    const char *text = json_string_value(json_object_get(document, "status"));

    for (int i = ORDER_CONFIRMED; text && i <= ORDER_MOVED; i++) {
        if (strcmp(order_status_name((enum order_status)i), text) == 0) {
            *ret = (enum order_status)i;
            return 0;
        }
    }
    return complain(ret_reason,
                    "status must be one of confirmed, held, cancelled, returned, moved");
}

static int read_placed(const json_t *json, const char *path, const char *bank,
                       struct parcel *parcel, char **ret_reason)
{
    _cleanup_free_ char *where = NULL, *sub = NULL;
    const json_t *placed;
    int64_t door = 0;
    int r = read_object(json, path, "placed", &placed, ret_reason);

    if (r < 0 || !placed)
        return r;
    if (asprintf(&sub, "%splaced.", path) < 0)
        return -ENOMEM;
    r = read_string(placed, sub, "bank", true, WIRE_BANK_MAX, &where, ret_reason);
    if (r < 0)
        return r;
    r = read_integer(placed, sub, "door", true, 1, UINT16_MAX, &door, ret_reason);
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
    const json_t *collected;
    const char *where;
    int r = read_object(json, path, "collected", &collected, ret_reason);

    if (r < 0 || !collected)
        return r;
    where = json_string_value(json_object_get(collected, "bank"));
    if (!where)
        return complain(ret_reason, "%scollected.bank must be a string", path);
    parcel->collected_elsewhere = strcmp(where, bank) != 0;
    return 0;
}

static int read_personalisation(const json_t *json, const char *path, struct parcel *parcel,
                                char **ret_reason)
{
    const json_t *personalisation;
    int r = read_object(json, path, "personalisation", &personalisation, ret_reason);

    if (r < 0 || !personalisation)
        return r;
    if (!json_is_string(json_object_get(personalisation, "text")))
        return complain(ret_reason, "%spersonalisation.text must be a string", path);
    parcel->personalised = true;
    parcel->quality_checked = json_is_true(json_object_get(personalisation, "checked"));
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
        return complain(ret_reason, "parcels[%zu] must be an object", i);
    r = read_string(json, path, "parcel", true, ORDER_ID_MAX, &parcel->id, ret_reason);
    if (r < 0)
        return r;
    r = read_string(json, path, "barcode", false, ORDER_ID_MAX, &parcel->barcode, ret_reason);
    if (r < 0)
        return r;
    size = json_string_value(json_object_get(json, "size"));
    r = size ? parcel_size_from_name(size) : -EINVAL;
    if (r < 0)
        return complain(ret_reason, "%ssize must be one of S, M, L, XL", path);
    parcel->size = (enum parcel_size)r;
    r = read_personalisation(json, path, parcel, ret_reason);
    if (r < 0)
        return r;
    r = read_placed(json, path, bank, parcel, ret_reason);
    if (r < 0)
        return r;
    return read_collected(json, path, bank, parcel, ret_reason);
}

static int read_parcels(const json_t *document, const char *bank, struct order *order,
                        char **ret_reason)
{
    const json_t *parcels = json_object_get(document, "parcels");
    size_t n = json_array_size(parcels), i;
    json_t *json;

    if (!json_is_array(parcels) || n < 1 || n > ORDER_PARCELS_MAX)
        return complain(ret_reason, "parcels must be an array of 1 to %d parcels",
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
                return complain(ret_reason, "parcels[%zu].parcel is the same as parcels[%zu]'s", i,
                                k);
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
        return complain(ret_reason, "code must be an object");
    r = read_integer(code, "code.", "epoch", true, 0, UINT8_MAX, &epoch, ret_reason);
    if (r < 0)
        return r;
    order->epoch = (uint8_t)epoch;
    kinds = json_object_get(code, "kinds");
    if (!json_is_array(kinds))
        return complain(ret_reason, "code.kinds must be an array");
    json_array_foreach (kinds, i, kind) {
        const char *name = json_string_value(kind);

        if (name && strcmp(name, "P1") == 0)
            order->p1_opens = true;
        else if (name && strcmp(name, "P2") == 0)
            order->p2_opens = true;
        else
            return complain(ret_reason, "code.kinds[%zu] must be \"P1\" or \"P2\"", i);
    }
    if (absent(json_object_get(document, "number_digest")))
        return 0;
    r = read_hex(document, "number_digest", order->number_digest, sizeof(order->number_digest),
                 ret_reason);
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
        r = read_integer(document, "", times[i].member, false, 0, INT64_MAX, times[i].ret,
                         ret_reason);
        if (r < 0)
            return r;
    }
    r = read_object(document, "", "slot", &slot, ret_reason);
    if (r < 0)
        return r;
    if (slot) {
        r = read_integer(slot, "slot.", "from", true, 0, INT64_MAX, &order->slot_from, ret_reason);
        if (r < 0)
            return r;
        r = read_integer(slot, "slot.", "to", true, order->slot_from, INT64_MAX, &order->slot_to,
                         ret_reason);
        if (r < 0)
            return r;
    }
    r = read_object(document, "", "departure", &departure, ret_reason);
    if (r < 0 || !departure)
        return r;
    return read_integer(departure, "departure.", "at", false, 0, INT64_MAX, &order->departure_at,
                        ret_reason);
}

static int read_flags(const json_t *document, struct order *order, char **ret_reason)
{
    int r = read_boolean(document, "id_check", &order->id_check, ret_reason);

    if (r < 0)
        return r;
    r = read_boolean(document, "low_door", &order->low_door, ret_reason);
    if (r < 0)
        return r;
    return read_boolean(document, "disputed", &order->disputed, ret_reason);
}

static int read_identity(const json_t *document, struct order *order, char **ret_reason)
{
    uint8_t handle[8];
    int r;

    if (!json_is_object(document))
        return complain(ret_reason, "a document must be an object");
    r = read_string(document, "", "order", true, ORDER_ID_MAX, &order->id, ret_reason);
    if (r < 0)
        return r;
    r = read_hex(document, "handle", handle, sizeof(handle), ret_reason);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(handle); i++)
        order->handle = order->handle << 8 | handle[i];
    r = read_integer(document, "", "rev", true, 1, INT64_MAX, &order->rev, ret_reason);
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
    if (order->status == ORDER_MOVED) { /* a tombstone need not say more */
        *ret_order = TAKE_PTR(order);
        return 0;
    }
    r = read_string(document, "", "display", false, 0, &order->display, ret_reason);
    if (r < 0)
        return r;
    r = read_string(document, "", "lang", false, 35, &order->lang, ret_reason);
    if (r < 0)
        return r;
    r = read_string(document, "", "member_tag", false, ORDER_ID_MAX, &order->member_tag,
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
