#include "daemon/ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A name on the bus is also its interface; `program` is what systemctl starts. */
struct peer {
    const char *name, *path, *program;
};

static const struct peer bank = {"io.pickupd.Bank1", "/io/pickupd/bank1", "pickupd"};
static const struct peer kiosk = {"io.pickupd.Kiosk1", "/io/pickupd/kiosk1", "pickup-kiosk"};

int ctl_connect(struct ctl *ctl, const char *address)
{
    int r;

    if (strcmp(address, "system") == 0) {
        r = sd_bus_open_system(&ctl->bus);
    } else {
        r = sd_bus_new(&ctl->bus);
        if (r >= 0)
            r = sd_bus_set_address(ctl->bus, address);
        if (r >= 0)
            r = sd_bus_set_bus_client(ctl->bus, 1);
        if (r >= 0)
            r = sd_bus_start(ctl->bus);
    }
    if (r >= 0)
        return CTL_DONE;
    fprintf(stderr, "pickupctl: cannot reach the bus %s: %s. Is the bus running?\n", address,
            strerror(-r));
    return CTL_UNREACHABLE;
}

static int explain(const struct peer *peer, const sd_bus_error *error)
{
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY)) {
        fprintf(stderr, "pickupctl: %s is not running. Start it: systemctl start %s\n",
                peer->program, peer->program);
        return CTL_UNREACHABLE;
    }
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED)) {
        fputs("pickupctl: you may not do this. Ask to be put into the group pickup-staff.\n",
              stderr);
        return CTL_REFUSED;
    }
    fprintf(stderr, "pickupctl: %s\n", error->message ? error->message : error->name);
    return CTL_REFUSED;
}

static int call(struct ctl *ctl, const struct peer *peer, const char *method,
                sd_bus_message **ret_reply, const char *types, va_list arguments)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    int r = sd_bus_message_new_method_call(ctl->bus, &message, peer->name, peer->path, peer->name,
                                           method);

    if (r >= 0 && *types)
        r = sd_bus_message_appendv(message, types, arguments);
    if (r >= 0) {
        r = sd_bus_call(ctl->bus, message, 0, &error, ret_reply);
        if (r < 0 && sd_bus_error_is_set(&error))
            return explain(peer, &error);
    }
    if (r < 0) {
        fprintf(stderr, "pickupctl: %s failed: %s\n", method, strerror(-r));
        return CTL_UNREACHABLE;
    }
    return CTL_DONE;
}

int ctl_call(struct ctl *ctl, const char *method, sd_bus_message **ret_reply, const char *types,
             ...)
{
    va_list arguments;
    int code;

    va_start(arguments, types);
    code = call(ctl, &bank, method, ret_reply, types, arguments);
    va_end(arguments);
    return code;
}

int ctl_call_kiosk(struct ctl *ctl, const char *method, sd_bus_message **ret_reply,
                   const char *types, ...)
{
    va_list arguments;
    int code;

    va_start(arguments, types);
    code = call(ctl, &kiosk, method, ret_reply, types, arguments);
    va_end(arguments);
    return code;
}

static json_t *read_array(sd_bus_message *m, char type, const char *contents)
{
    json_t *array = json_array(), *item;

    if (sd_bus_message_enter_container(m, type, contents) < 0)
        return array;
    while ((item = ctl_json(m)))
        json_array_append_new(array, item);
    (void)sd_bus_message_exit_container(m);
    return array;
}

static json_t *read_dictionary(sd_bus_message *m)
{
    json_t *object = json_object();
    const char *key;

    if (sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
        return object;
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        if (sd_bus_message_read(m, "s", &key) >= 0)
            json_object_set_new(object, key, ctl_json(m));
        (void)sd_bus_message_exit_container(m);
    }
    (void)sd_bus_message_exit_container(m);
    return object;
}

static json_t *read_basic(sd_bus_message *m, char type)
{
    union {
        const char *s;
        int b;
        uint16_t q;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
    } value;

    if (sd_bus_message_read_basic(m, type, &value) < 0)
        return NULL;
    switch (type) {
    case 's':
        return json_string(value.s);
    case 'b':
        return json_boolean(value.b);
    case 'q':
        return json_integer(value.q);
    case 'u':
        return json_integer(value.u);
    case 'x':
        return json_integer(value.x);
    case 'd':
        return json_real(value.d);
    default:
        return json_integer((json_int_t)value.t);
    }
}

json_t *ctl_json(sd_bus_message *m)
{
    const char *contents;
    json_t *value;
    char type;

    if (sd_bus_message_peek_type(m, &type, &contents) <= 0)
        return NULL;
    switch (type) {
    case 'a':
        return strcmp(contents, "{sv}") == 0 ? read_dictionary(m) : read_array(m, type, contents);
    case 'r':
        return read_array(m, type, contents);
    case 'v':
        if (sd_bus_message_enter_container(m, 'v', contents) < 0)
            return NULL;
        value = ctl_json(m);
        (void)sd_bus_message_exit_container(m);
        return value;
    default:
        return read_basic(m, type);
    }
}

json_t *ctl_call_json(struct ctl *ctl, int *ret_code, const char *method, const char *types, ...)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    json_t *values, *value;
    va_list arguments;

    va_start(arguments, types);
    *ret_code = call(ctl, &bank, method, &reply, types, arguments);
    va_end(arguments);
    if (*ret_code != CTL_DONE)
        return NULL;
    values = json_array();
    while ((value = ctl_json(reply)))
        json_array_append_new(values, value);
    return values;
}
