/* pickupctl watch: what happens at the bank, as it happens. */
#include "daemon/ctl/ctl.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BANK "io.pickupd.Bank1"
#define PATH "/io/pickupd/bank1"

static void print_time(void)
{
    time_t now = (time_t)(clock_now_ms() / 1000);
    struct tm local;
    char text[16];

    localtime_r(&now, &local);
    strftime(text, sizeof(text), "%H:%M:%S", &local);
    printf("%s  ", text);
}

/* A member of a session's dictionary, when there is one. */
static void print_member(const json_t *info, const char *name, const char *label)
{
    const json_t *value = json_object_get(info, name);

    if (json_is_string(value))
        printf("  %s%s", label, json_string_value(value));
    else if (json_is_integer(value))
        printf("  %s%" JSON_INTEGER_FORMAT, label, json_integer_value(value));
}

static void print_session(const json_t *arguments)
{
    const json_t *info = json_array_get(arguments, 2);

    printf("session %" JSON_INTEGER_FORMAT "  %s", json_integer_value(json_array_get(arguments, 0)),
           json_string_value(json_array_get(arguments, 1)));
    print_member(info, "door", "door ");
    print_member(info, "parcel", "parcel ");
    print_member(info, "order", "order ");
    print_member(info, "display", "");
}

static void print_line(const char *signal, const json_t *arguments)
{
    print_time();
    if (strcmp(signal, "SessionChanged") == 0)
        print_session(arguments);
    else if (strcmp(signal, "Granted") == 0)
        printf("grant %" JSON_INTEGER_FORMAT "  door %" JSON_INTEGER_FORMAT "  parcel %s",
               json_integer_value(json_array_get(arguments, 0)),
               json_integer_value(json_array_get(arguments, 2)),
               json_string_value(json_array_get(arguments, 3)));
    else if (strcmp(signal, "DoorChanged") == 0)
        printf("door %" JSON_INTEGER_FORMAT "  %s",
               json_integer_value(json_array_get(arguments, 0)),
               json_string_value(json_array_get(arguments, 1)));
    else
        printf("%s", signal);
    putchar('\n');
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    const struct ctl *ctl = userdata;
    const char *signal = sd_bus_message_get_member(m);
    json_t *arguments = json_array();

    while (sd_bus_message_at_end(m, 1) == 0) {
        json_t *argument = ctl_json(m);

        if (!argument)
            break;
        json_array_append_new(arguments, argument);
    }
    if (ctl->json) {
        json_t *line = json_pack("{sI ss sO}", "at", (json_int_t)clock_now_ms(), "signal", signal,
                                 "arguments", arguments);

        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(line);
    } else {
        print_line(signal, arguments);
    }
    fflush(stdout);
    json_decref(arguments);
    return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    const struct ctl *ctl = userdata;
    const char *name, *before, *after;

    if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
        return 0;
    if (ctl->json) {
        printf("{\"at\":%lld,\"signal\":\"%s\",\"arguments\":[]}\n", (long long)clock_now_ms(),
               *after ? "DaemonAppeared" : "DaemonVanished");
    } else {
        print_time();
        puts(*after ? "pickupd is there" : "pickupd has gone");
    }
    fflush(stdout);
    return 0;
}

int ctl_watch(struct ctl *ctl, int argc, char **argv)
{
    int r = sd_bus_match_signal(ctl->bus, NULL, BANK, PATH, BANK, NULL, on_signal, ctl);

    if (r >= 0)
        r = sd_bus_add_match(ctl->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" BANK "'",
                             on_owner, ctl);
    while (r >= 0) {
        r = sd_bus_process(ctl->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(ctl->bus, UINT64_MAX);
        if (r == -EINTR)
            r = 0;
    }
    fprintf(stderr, "pickupctl: the bus has gone: %s\n", strerror(-r));
    return CTL_UNREACHABLE;
}
