#include "hq/draft-parcel.h"
#include "hq/draft-value.h"

#include "common/order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX      200
#define SKU_MAX        64
#define NAME_MAX_BYTES 200
#define QTY_MAX        9999
#define PERSONAL_MAX   200

static const char *const parcel_members[] = {"parcel",          "barcode", "size",
                                             "personalisation", "items",   NULL};
static const char *const item_members[] = {"sku", "name", "qty", NULL};
static const char *const personal_members[] = {"text", "checked", NULL};
static const char *const sizes[] = {"S", "M", "L", "XL", NULL};

static int read_name(const json_t *item, const char *path, json_t *to,
                     struct draft_problem *ret_problem)
{
    const json_t *name;
    json_t *names, *value;
    const char *language;
    char sub[64];
    int r = draft_object(item, path, "name", &name, to, ret_problem);

    if (r < 0)
        return r;
    if (!name || json_object_size(name) == 0)
        return draft_fail(ret_problem, path, "name", "Give it in at least one language.",
                          "is missing");
    names = json_object();
    if (json_object_set_new(to, "name", names) < 0)
        return -ENOMEM;
    snprintf(sub, sizeof(sub), "%sname.", path);
    json_object_foreach ((json_t *)name, language, value) {
        r = draft_text(name, sub, language, true, NAME_MAX_BYTES, names, ret_problem);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_item(const json_t *item, const char *path, json_t *to,
                     struct draft_problem *ret_problem)
{
    int r = draft_known(item, path, item_members, ret_problem);

    if (r >= 0)
        r = draft_text(item, path, "sku", true, SKU_MAX, to, ret_problem);
    if (r >= 0)
        r = read_name(item, path, to, ret_problem);
    if (r >= 0)
        r = draft_integer(item, path, "qty", true, 1, QTY_MAX, to, ret_problem);
    return r;
}

/* Reads an array of objects, each by `read`, and sets it in `to`. */
static int read_list(const json_t *from, const char *path, const char *member, size_t max,
                     int (*read)(const json_t *, const char *, json_t *, struct draft_problem *),
                     json_t *to, struct draft_problem *ret_problem)
{
    const json_t *list = json_object_get(from, member);
    json_t *out = json_array(), *value;
    char sub[64], name[48];
    size_t i;

    if (json_object_set_new(to, member, out) < 0)
        return -ENOMEM;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return draft_fail(ret_problem, path, member, "Give at least one.",
                          draft_absent(list)    ? "is missing"
                          : json_is_array(list) ? "is empty"
                                                : "must be an array");
    if (json_array_size(list) > max)
        return draft_fail(ret_problem, path, member, "Make several orders of it.",
                          "has %zu entries; at most %zu are allowed", json_array_size(list), max);
    json_array_foreach (list, i, value) {
        json_t *object = json_object();
        int r;

        if (json_array_append_new(out, object) < 0)
            return -ENOMEM;
        snprintf(name, sizeof(name), "%s[%zu]", member, i);
        if (!json_is_object(value))
            return draft_fail(ret_problem, path, name, "Write {…}.", "must be an object");
        snprintf(sub, sizeof(sub), "%s%s.", path, name);
        r = read(value, sub, object, ret_problem);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_personalisation(const json_t *parcel, const char *path, json_t *to,
                                struct draft_problem *ret_problem)
{
    const json_t *personal;
    json_t *object;
    char sub[64];
    int r = draft_object(parcel, path, "personalisation", &personal, to, ret_problem);

    if (r < 0 || !personal)
        return r;
    object = json_object();
    if (json_object_set_new(to, "personalisation", object) < 0)
        return -ENOMEM;
    snprintf(sub, sizeof(sub), "%spersonalisation.", path);
    r = draft_known(personal, sub, personal_members, ret_problem);
    if (r >= 0)
        r = draft_text(personal, sub, "text", true, PERSONAL_MAX, object, ret_problem);
    if (r >= 0)
        r = draft_flag(personal, sub, "checked", object, ret_problem);
    return r;
}

static int read_parcel(const json_t *parcel, const char *path, json_t *to,
                       struct draft_problem *ret_problem)
{
    int r = draft_known(parcel, path, parcel_members, ret_problem);

    if (r >= 0)
        r = draft_text(parcel, path, "parcel", true, ORDER_ID_MAX, to, ret_problem);
    if (r >= 0)
        r = draft_text(parcel, path, "barcode", false, ORDER_ID_MAX, to, ret_problem);
    if (r >= 0)
        r = draft_choice(parcel, path, "size", true, sizes, to, ret_problem);
    if (r >= 0)
        r = read_personalisation(parcel, path, to, ret_problem);
    if (r >= 0)
        r = read_list(parcel, path, "items", ITEMS_MAX, read_item, to, ret_problem);
    return r;
}

/* A label names one parcel: the numbers and barcodes of an order all differ, but for a parcel whose
 * barcode is its number. */
static int check_labels(const json_t *parcels, struct draft_problem *ret_problem)
{
    static const char *const kinds[] = {"parcel", "barcode"};

    for (size_t i = 0; i < json_array_size(parcels); i++)
        for (size_t k = 0; k < i; k++)
            for (size_t a = 0; a < ELEMENTSOF(kinds); a++)
                for (size_t b = 0; b < ELEMENTSOF(kinds); b++) {
                    const char *mine =
                        json_string_value(json_object_get(json_array_get(parcels, i), kinds[a]));
                    const char *other =
                        json_string_value(json_object_get(json_array_get(parcels, k), kinds[b]));
                    char path[32];

                    if (!mine || !other || strcmp(mine, other) != 0)
                        continue;
                    snprintf(path, sizeof(path), "parcels[%zu].", i);
                    return draft_fail(ret_problem, path, kinds[a], "Give each its own.",
                                      "'%s' is also the %s of parcel %zu of the order", mine,
                                      kinds[b] == kinds[0] ? "number" : kinds[b], k + 1);
                }
    return 0;
}

int draft_parcels(const json_t *row, json_t *document, struct draft_problem *ret_problem)
{
    int r = read_list(row, "", "parcels", ORDER_PARCELS_MAX, read_parcel, document, ret_problem);

    return r < 0 ? r : check_labels(json_object_get(document, "parcels"), ret_problem);
}
