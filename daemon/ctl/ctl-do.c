#include "daemon/ctl/ctl.h"

#include "common/doors.h"
#include "common/time-text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Prints an answer (outcome, session, info). A refusal ends the program with CTL_REFUSED. */
static int print_answer(struct ctl *ctl, json_t *values, int code)
{
    static const char *const good[] = {"opening", "staff", "stocking"};
    const json_t *info = json_array_get(values, 2);
    const char *outcome = json_string_value(json_array_get(values, 0));
    const char *reason = json_string_value(json_object_get(info, "reason"));
    json_int_t door = json_integer_value(json_object_get(info, "door"));

    if (!values)
        return code;
    code = CTL_REFUSED;
    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        if (strcmp(outcome, good[i]) == 0)
            code = CTL_DONE;
    if (ctl->json) {
        ctl_print_json(json_pack("{sO sO sO}", "outcome", json_array_get(values, 0), "session",
                                 json_array_get(values, 1), "info", json_array_get(values, 2)));
    } else if (door && code == CTL_DONE) {
        printf("%s: door %" JSON_INTEGER_FORMAT "\n", outcome, door);
    } else {
        printf("%s%s%s\n", outcome, reason ? ": " : "", reason ? reason : "");
    }
    json_decref(values);
    return code;
}

int ctl_present(struct ctl *ctl, int argc, char **argv)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "Present", "s", argv[0]);

    return print_answer(ctl, values, code);
}

int ctl_number(struct ctl *ctl, int argc, char **argv)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "EnterNumber", "s", argv[0]);

    return print_answer(ctl, values, code);
}

/* A whole number above 0; says so when it is not one. */
static bool parse_door(const char *text, uint32_t *ret_door)
{
    char *end;
    long door = strtol(text, &end, 10);

    if (*end || end == text || door < 1 || door > DOORS_MAX) {
        fprintf(stderr, "pickupctl: '%s' is not a door. Write its number, from 1.\n", text);
        return false;
    }
    *ret_door = (uint32_t)door;
    return true;
}

/* Waits until the session has ended; returns its number of failed doors, or -1. */
static int wait_for_end(struct ctl *ctl, json_int_t session)
{
    int failed = 0, code;

    for (;;) {
        json_t *values = ctl_call_json(ctl, &code, "GetSession", "");
        bool going_on = json_integer_value(json_array_get(values, 0)) == session;

        if (going_on)
            failed = (int)json_integer_value(json_object_get(json_array_get(values, 2), "failed"));
        json_decref(values);
        if (!values)
            return -1;
        if (!going_on)
            return failed;
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

/* Is the parcel in a door, and surely? */
static bool is_stocked(struct ctl *ctl, const char *parcel)
{
    int code;
    json_t *values = ctl_call_json(ctl, &code, "ListDoors", "");
    const json_t *row;
    bool found = false;
    size_t i;

    json_array_foreach (json_array_get(values, 0), i, row) {
        const char *state = json_string_value(json_array_get(row, 3));
        const char *content = json_string_value(json_array_get(row, 4));

        if (content && strcmp(content, parcel) == 0 && strcmp(state, "unconfirmed") != 0)
            found = true;
    }
    json_decref(values);
    return found;
}

int ctl_stock(struct ctl *ctl, int argc, char **argv)
{
    char parcel[ORDER_ID_MAX + 1];
    uint32_t door = 0;
    json_int_t session;
    json_t *values;
    int code;

    if (argc > 1 && !parse_door(argv[1], &door))
        return CTL_USAGE;
    values = ctl_call_json(ctl, &code, "Stock", "su", argv[0], door);
    session = json_integer_value(json_array_get(values, 1));
    /* The label may have been a barcode: the daemon names the parcel. */
    const char *named = json_string_value(json_object_get(json_array_get(values, 2), "parcel"));

    snprintf(parcel, sizeof(parcel), "%s", named ? named : argv[0]);
    code = print_answer(ctl, values, code);
    if (code != CTL_DONE)
        return code;
    if (wait_for_end(ctl, session) < 0)
        return CTL_UNREACHABLE;
    if (is_stocked(ctl, parcel))
        return CTL_DONE;
    fprintf(stderr,
            "pickupctl: %s was not stocked: its door did not open, or was not closed. See "
            "pickupctl doors.\n",
            parcel);
    return CTL_REFUSED;
}

/* What has to be taken out: parcels of orders that nobody will collect any more. */
static int list_retrievable(struct ctl *ctl)
{
    static const char *const states[] = {"expired", "cancelled", "returned", "disputed",
                                         "elsewhere"};
    static const char *const shown[] = {"door", "parcel", "order", "state", NULL};
    json_t *rows = json_array(), *values;
    const json_t *row;
    size_t i;
    int code;

    values = ctl_call_json(ctl, &code, "ListDoors", "");
    json_array_foreach (json_array_get(values, 0), i, row) {
        const char *number = json_string_value(json_array_get(row, 5));
        json_t *found, *order;
        const char *state;

        if (!number || !*number)
            continue;
        found = ctl_call_json(ctl, &code, "GetOrder", "s", number);
        order = found ? json_loads(json_string_value(json_array_get(found, 0)), 0, NULL) : NULL;
        state = json_string_value(json_object_get(order, "state"));
        for (size_t k = 0; state && k < ELEMENTSOF(states); k++)
            if (strcmp(state, states[k]) == 0)
                json_array_append_new(
                    rows, json_pack("{sO sO ss ss}", "door", json_array_get(row, 0), "parcel",
                                    json_array_get(row, 4), "order", number, "state", state));
        json_decref(order);
        json_decref(found);
    }
    if (!values) {
        json_decref(rows);
        return code;
    }
    json_decref(values);
    if (ctl->json)
        ctl_print_json(rows);
    else
        ctl_print_table(rows, shown);
    return CTL_DONE;
}

int ctl_retrieve(struct ctl *ctl, int argc, char **argv)
{
    json_t *values;
    int code;

    if (argc == 0)
        return list_retrievable(ctl);
    values = ctl_call_json(ctl, &code, "Retrieve", "s", argv[0]);
    return print_answer(ctl, values, code);
}

int ctl_inspect(struct ctl *ctl, int argc, char **argv)
{
    uint32_t door;
    json_t *values;
    int code;

    if (!parse_door(argv[0], &door))
        return CTL_USAGE;
    values = ctl_call_json(ctl, &code, "Inspect", "u", door);
    return print_answer(ctl, values, code);
}

int ctl_resolve(struct ctl *ctl, int argc, char **argv)
{
    uint32_t door;

    if (!parse_door(argv[0], &door))
        return CTL_USAGE;
    return ctl_call(ctl, "ResolveDoor", NULL, "us", door, argv[1]);
}

int ctl_door(struct ctl *ctl, int argc, char **argv)
{
    bool in_service = strcmp(argv[1], "in-service") == 0;
    uint32_t door;

    if (!parse_door(argv[0], &door))
        return CTL_USAGE;
    if (!in_service && strcmp(argv[1], "out-of-service") != 0) {
        fprintf(stderr,
                "pickupctl: write 'out-of-service --reason=TEXT' or 'in-service', not "
                "'%s'.\n",
                argv[1]);
        return CTL_USAGE;
    }
    return ctl_call(ctl, "SetDoorService", NULL, "ubs", door, (int)in_service,
                    ctl->reason ? ctl->reason : "");
}

int ctl_id_check(struct ctl *ctl, int argc, char **argv)
{
    return ctl_call(ctl, "ReleaseIdCheck", NULL, "s", argv[0]);
}

int ctl_dispute(struct ctl *ctl, int argc, char **argv)
{
    return ctl_call(ctl, "Dispute", NULL, "ss", argv[0], argv[1]);
}

int ctl_clock(struct ctl *ctl, int argc, char **argv)
{
    int64_t floor_ms;

    if (strcmp(argv[0], "floor") != 0) {
        fprintf(stderr, "pickupctl: write 'clock floor TIME --reason=TEXT', not '%s'.\n", argv[0]);
        return CTL_USAGE;
    }
    if (time_text_read(argv[1], &floor_ms) < 0) {
        fprintf(stderr,
                "pickupctl: '%s' is not a time. Write now, 2026-11-25, or '2026-11-25 08:30'.\n",
                argv[1]);
        return CTL_USAGE;
    }
    return ctl_call(ctl, "LowerClockFloor", NULL, "xs", floor_ms, ctl->reason ? ctl->reason : "");
}
