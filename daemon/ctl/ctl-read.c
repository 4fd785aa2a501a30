#include "daemon/ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Turns arrays of values into objects with these keys. */
static json_t *name_columns(const json_t *rows, const char *const *keys)
{
    json_t *named = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        json_t *object = json_object();

        for (size_t k = 0; keys[k]; k++)
            json_object_set(object, keys[k], json_array_get(row, k));
        json_array_append_new(named, object);
    }
    return named;
}

/* Times of a status, ms UTC, are shown as local time. */
static bool is_time(const char *key)
{
    return strcmp(key, "connection_since") == 0 || strcmp(key, "clock_floor") == 0;
}

static void print_time(json_int_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    char text[32];

    localtime_r(&seconds, &local);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
    puts(ms ? text : "-");
}

static int print_object(struct ctl *ctl, json_t *values, size_t index)
{
    json_t *object = json_incref(json_array_get(values, index)), *value;
    const char *key;

    json_decref(values);
    if (ctl->json) {
        ctl_print_json(object);
        return CTL_DONE;
    }
    json_object_foreach (object, key, value) {
        printf("%-16s ", key);
        if (json_is_string(value))
            puts(json_string_value(value));
        else if (json_is_boolean(value))
            puts(json_is_true(value) ? "yes" : "no");
        else if (is_time(key))
            print_time(json_integer_value(value));
        else
            printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
    }
    json_decref(object);
    return CTL_DONE;
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "GetStatus", "");

    return values ? print_object(ctl, values, 0) : code;
}

int ctl_session(struct ctl *ctl, int argc, char **argv)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "GetSession", ""), *session;

    if (!values)
        return code;
    session = json_pack("{sO sO sO}", "session", json_array_get(values, 0), "state",
                        json_array_get(values, 1), "info", json_array_get(values, 2));
    json_decref(values);
    if (ctl->json) {
        ctl_print_json(session);
        return CTL_DONE;
    }
    printf("session %" JSON_INTEGER_FORMAT ": %s\n",
           json_integer_value(json_object_get(session, "session")),
           json_string_value(json_object_get(session, "state")));
    json_decref(session);
    return CTL_DONE;
}

/* Prints the first value of a reply, rows with these columns; people see those of `shown`. */
static int print_rows(struct ctl *ctl, json_t *values, const char *const *keys,
                      const char *const *shown)
{
    json_t *rows = name_columns(json_array_get(values, 0), keys);

    json_decref(values);
    if (ctl->json)
        ctl_print_json(rows);
    else
        ctl_print_table(rows, shown);
    return CTL_DONE;
}

int ctl_orders(struct ctl *ctl, int argc, char **argv)
{
    static const char *const keys[] = {"order",      "state",        "display",
                                       "parcels",    "stocked",      "collected",
                                       "ready_from", "pickup_until", NULL};
    static const char *const shown[] = {"order",     "state",   "parcels", "stocked",
                                        "collected", "display", NULL};
    int code;
    json_t *values =
        ctl_call_json(ctl, &code, "ListOrders", "a{sv}", 4, "state", "s",
                      ctl->state ? ctl->state : "", "text", "s", ctl->text ? ctl->text : "",
                      "limit", "u", (uint32_t)ctl->limit, "offset", "u", (uint32_t)ctl->offset);

    return values ? print_rows(ctl, values, keys, shown) : code;
}

int ctl_order(struct ctl *ctl, int argc, char **argv)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "GetOrder", "s", argv[0]), *order;

    if (!values)
        return code;
    order = json_loads(json_string_value(json_array_get(values, 0)), 0, NULL);
    json_decref(values);
    ctl_print_json(order);
    return CTL_DONE;
}

int ctl_doors(struct ctl *ctl, int argc, char **argv)
{
    static const char *const keys[] = {"door",  "size",  "low",    "state", "parcel",
                                       "order", "since", "reason", NULL};
    static const char *const shown[] = {"door",   "size",  "low",    "state",
                                        "parcel", "order", "reason", NULL};
    int code;
    json_t *values = ctl_call_json(ctl, &code, "ListDoors", "");

    return values ? print_rows(ctl, values, keys, shown) : code;
}

int ctl_events(struct ctl *ctl, int argc, char **argv)
{
    static const char *const shown[] = {"n", "at", "type", "door", "order", "parcel", NULL};
    json_t *values, *events = json_array(), *text;
    size_t i;
    int code;

    values =
        ctl_call_json(ctl, &code, "ListEvents", "tu", (uint64_t)ctl->after, (uint32_t)ctl->limit);
    json_array_foreach (json_array_get(values, 0), i, text)
        json_array_append_new(events, json_loads(json_string_value(text), 0, NULL));
    if (!values) {
        json_decref(events);
        return code;
    }
    json_decref(values);
    if (ctl->json)
        ctl_print_json(events);
    else
        ctl_print_table(events, shown);
    return CTL_DONE;
}
