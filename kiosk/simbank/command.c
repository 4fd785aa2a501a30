#include "kiosk/simbank/command.h"

#include "common/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define WORDS_MAX 4
#define MS_MAX    (24 * 3600 * 1000)

/* One command while it is carried out. */
struct call {
    struct simbank *bank;
    const char *words[WORDS_MAX]; /* words[0] is the command */
    struct simbank_door *door;    /* of words[1], when the command has one */
    uint32_t number;
    uint64_t us; /* of the milliseconds, when the command has them */
    unsigned client;
    uint64_t now_us;
    FILE *answer;
    struct simbank_wish *wish;
    char **ret_error;
};

enum arguments {
    ARGUMENTS_NONE,
    ARGUMENTS_DOOR,
    ARGUMENTS_DOOR_MS,
    ARGUMENTS_OTHER, /* the command reads words[1] and so on itself */
};

struct command {
    const char *name;
    enum arguments arguments;
    int (*run)(struct call *call);
    const char *usage, *help; /* help NULL: for lock backends only */
};

_printf_(2, 3) static int wrong(struct call *call, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(call->ret_error, format, ap) < 0)
        *call->ret_error = NULL;
    va_end(ap);
    return -EINVAL;
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    unsigned long long number;

    if (!text || *text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno || *end || number > max)
        return -EINVAL;
    *ret = number;
    return 0;
}

static int run_jam(struct call *call)
{
    call->door->jammed = true;
    return 0;
}

static int run_unjam(struct call *call)
{
    call->door->jammed = false;
    return 0;
}

static int run_bounce(struct call *call)
{
    call->door->bounce_us = call->us;
    return 0;
}

static int run_late_open(struct call *call)
{
    call->door->late_open_us = call->us;
    return 0;
}

static int run_late_close(struct call *call)
{
    call->door->late_close_us = call->us;
    return 0;
}

static int hand(struct call *call, int (*act)(struct simbank *, uint32_t, uint64_t),
                const char *state)
{
    if (act(call->bank, call->number, call->now_us) == -EALREADY)
        return wrong(call, "door %" PRIu32 " is %s already", call->number, state);
    return 0;
}

static int run_open(struct call *call)
{
    return hand(call, simbank_open_by_hand, "open");
}

static int run_force(struct call *call)
{
    return hand(call, simbank_force, "open");
}

static int run_close(struct call *call)
{
    return hand(call, simbank_close_by_hand, "closed");
}

static int run_dead(struct call *call)
{
    if (simbank_set_dead(call->bank, call->number, true, call->now_us) < 0)
        return wrong(call, "the sensor of door %" PRIu32 " is dead already", call->number);
    return 0;
}

static int run_alive(struct call *call)
{
    if (simbank_set_dead(call->bank, call->number, false, call->now_us) < 0)
        return wrong(call, "the sensor of door %" PRIu32 " is alive", call->number);
    return 0;
}

static int run_auto_close(struct call *call)
{
    uint64_t ms = 0;
    bool off = call->words[1] && strcmp(call->words[1], "off") == 0;

    if (!off && (parse_number(call->words[1], MS_MAX, &ms) < 0 || ms == 0))
        return wrong(call, "write auto-close MS, or auto-close off");
    call->bank->auto_close_us = ms * 1000;
    return 0;
}

static int run_status(struct call *call)
{
    size_t n_open = 0;

    for (size_t i = 0; i < call->bank->n; i++) {
        const struct simbank_door *door = &call->bank->doors[i];

        n_open += door->open;
        fprintf(call->answer, "door %-3zu %-6s  sensor %-6s  coil %-3s%s%s", i + 1,
                door->open ? "open" : "closed", sensor_name(simbank_sensor(door)),
                door->coil ? "on" : "off", door->jammed ? "  jammed" : "",
                door->dead ? "  sensor dead" : "");
        if (door->late_open_us)
            fprintf(call->answer, "  opens %" PRIu64 " ms late", door->late_open_us / 1000);
        if (door->late_close_us)
            fprintf(call->answer, "  closes %" PRIu64 " ms late", door->late_close_us / 1000);
        fputc('\n', call->answer);
    }
    fprintf(call->answer, "%zu doors, %zu open, %zu violations, ", call->bank->n, n_open,
            call->bank->record.n_violations);
    if (call->bank->auto_close_us)
        fprintf(call->answer, "open doors are closed after %" PRIu64 " ms\n",
                call->bank->auto_close_us / 1000);
    else
        fputs("nobody closes open doors\n", call->answer);
    return 0;
}

static int run_log(struct call *call)
{
    record_print_log(&call->bank->record, call->answer);
    return 0;
}

static int run_violations(struct call *call)
{
    record_print_violations(&call->bank->record, call->answer);
    return 0;
}

static int run_wait(struct call *call)
{
    const char *state = call->words[2];
    uint64_t ms;

    if (!state || (strcmp(state, "open") != 0 && strcmp(state, "closed") != 0) ||
        parse_number(call->words[3], MS_MAX, &ms) < 0)
        return wrong(call, "write wait N open MS, or wait N closed MS");
    call->wish->wait = true;
    call->wish->wait_open = strcmp(state, "open") == 0;
    call->wish->door = call->number;
    call->wish->wait_us = ms * 1000;
    return 0;
}

static int run_attach(struct call *call)
{
    fprintf(call->answer, "doors %zu\n", call->bank->n);
    for (size_t i = 0; i < call->bank->n; i++)
        fprintf(call->answer, "sensor %zu %s %" PRIu64 "\n", i + 1,
                sensor_name(call->bank->doors[i].told), call->now_us);
    call->wish->attach = true;
    return 0;
}

/* A door that does not exist is judged by the bank itself: it is a violation. */
static int run_coil(struct call *call)
{
    bool on = strcmp(call->words[0], "on") == 0;
    uint64_t door;

    if (!on && call->words[1] && strcmp(call->words[1], "all") == 0) {
        simbank_all_coils_off(call->bank, call->now_us);
        return 0;
    }
    if (parse_number(call->words[1], UINT32_MAX, &door) < 0)
        return wrong(call, "write %s N", call->words[0]);
    if (simbank_coil(call->bank, (uint32_t)door, on, call->client, call->now_us) < 0)
        return wrong(call, "there is no door %" PRIu64, door);
    return 0;
}

static int run_help(struct call *call);

static const struct command commands[] = {
    {"open", ARGUMENTS_DOOR, run_open, "open N", "open a door by hand"},
    {"close", ARGUMENTS_DOOR, run_close, "close N", "close a door by hand"},
    {"force", ARGUMENTS_DOOR, run_force, "force N", "break a door open; it stays open"},
    {"jam", ARGUMENTS_DOOR, run_jam, "jam N", "the latch does not let go any more"},
    {"unjam", ARGUMENTS_DOOR, run_unjam, "unjam N", "the latch works again"},
    {"dead", ARGUMENTS_DOOR, run_dead, "dead N", "the sensor does not answer any more"},
    {"alive", ARGUMENTS_DOOR, run_alive, "alive N", "the sensor works again"},
    {"bounce", ARGUMENTS_DOOR_MS, run_bounce, "bounce N MS", "how long the contact bounces"},
    {"late-open", ARGUMENTS_DOOR_MS, run_late_open, "late-open N MS",
     "the door springs open so much later (0 = at once)"},
    {"late-close", ARGUMENTS_DOOR_MS, run_late_close, "late-close N MS",
     "somebody closes the door so much later (0 = at once)"},
    {"auto-close", ARGUMENTS_OTHER, run_auto_close, "auto-close MS|off",
     "somebody closes every open door after so long"},
    {"status", ARGUMENTS_NONE, run_status, "status", "every door"},
    {"log", ARGUMENTS_NONE, run_log, "log", "what happened since the start"},
    {"violations", ARGUMENTS_NONE, run_violations, "violations",
     "what no kiosk may do, as JSON; [] is good"},
    {"wait", ARGUMENTS_DOOR, run_wait, "wait N open|closed MS",
     "until the door stands so, at most so long"},
    {"help", ARGUMENTS_NONE, run_help, "help", "this list"},
    {"attach", ARGUMENTS_NONE, run_attach, "attach", NULL},
    {"on", ARGUMENTS_OTHER, run_coil, "on N", NULL},
    {"off", ARGUMENTS_OTHER, run_coil, "off N|all", NULL},
};

static int run_help(struct call *call)
{
    for (size_t i = 0; i < ELEMENTSOF(commands); i++)
        if (commands[i].help)
            fprintf(call->answer, "%-24s%s\n", commands[i].usage, commands[i].help);
    return 0;
}

static int unknown(struct call *call)
{
    const char *names[ELEMENTSOF(commands)], *near;

    for (size_t i = 0; i < ELEMENTSOF(commands); i++)
        names[i] = commands[i].name;
    near = nearest_word(call->words[0], names, ELEMENTSOF(commands));
    if (near)
        return wrong(call, "there is no command %s; did you mean %s?", call->words[0], near);
    return wrong(call, "there is no command %s; write help", call->words[0]);
}

static int read_arguments(struct call *call, const struct command *command)
{
    uint64_t number;

    if (command->arguments != ARGUMENTS_DOOR && command->arguments != ARGUMENTS_DOOR_MS)
        return 0;
    if (parse_number(call->words[1], UINT32_MAX, &number) < 0)
        return wrong(call, "write %s", command->usage);
    if (number < 1 || number > call->bank->n)
        return wrong(call, "there is no door %" PRIu64 "; this bank has doors 1 to %zu", number,
                     call->bank->n);
    call->number = (uint32_t)number;
    call->door = &call->bank->doors[number - 1];
    if (command->arguments == ARGUMENTS_DOOR)
        return 0;
    if (parse_number(call->words[2], MS_MAX, &number) < 0)
        return wrong(call, "write %s", command->usage);
    call->us = number * 1000;
    return 0;
}

int simbank_command(struct simbank *bank, char *line, unsigned client, uint64_t now_us,
                    FILE *answer, struct simbank_wish *ret_wish, char **ret_error)
{
    struct call call = {.bank = bank,
                        .client = client,
                        .now_us = now_us,
                        .answer = answer,
                        .wish = ret_wish,
                        .ret_error = ret_error};
    char *rest = NULL;
    size_t n = 0;

    *ret_wish = (struct simbank_wish){};
    for (char *word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
        if (n == WORDS_MAX)
            return wrong(&call, "too many words; write help");
        call.words[n++] = word;
    }
    if (n == 0)
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
        int r;

        if (strcmp(call.words[0], commands[i].name) != 0)
            continue;
        r = read_arguments(&call, &commands[i]);
        return r < 0 ? r : commands[i].run(&call);
    }
    return unknown(&call);
}
