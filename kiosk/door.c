#include "kiosk/door.h"

#include <string.h>

/* How long after the grant's deadline the lock thread's answer may come before we stop waiting. */
#define ANSWER_US UINT64_C(1000000)

const struct door_rules door_rules_standard = {
    .debounce_us = 30000,
    .chatter_max_us = 1000000,
    .restore_us = 500000,
    .close_timeout_us = 60000000,
};

/* What a step works on. */
struct turn {
    struct door_machine *machine;
    const struct door_rules *rules;
    struct door_effects effects;
};

static uint64_t elapsed(uint64_t now_us, uint64_t since_us)
{
    return now_us > since_us ? now_us - since_us : 0;
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static void report(struct turn *turn, enum door_report what, uint64_t grant, uint64_t at_us)
{
    struct door_effects *effects = &turn->effects;

    if (effects->n_reports == DOOR_REPORTS_MAX)
        return; /* cannot happen: one event ends at most one grant and moves the sensor twice */
    effects->reports[effects->n_reports].report = what;
    effects->reports[effects->n_reports].grant = grant;
    effects->reports[effects->n_reports++].at_us = at_us;
}

static void opened(struct turn *turn, uint64_t at_us)
{
    struct door_machine *machine = turn->machine;

    machine->phase = DOOR_GRANTED;
    machine->open_grant = machine->grant.grant;
    machine->open_since_us = at_us;
    machine->left_open = machine->early_open = false;
    report(turn, DOOR_OPENED, machine->open_grant, at_us);
}

/* Ends the grant without evidence. After a pulse the latch may still be half drawn, and a customer
 * who pulls opens the door: until the grant's deadline that counts as opened by it (the daemon lets
 * `opened` win over `not_opened`), later it is forced. Without a pulse nothing can open late. */
static void not_opened(struct turn *turn, uint64_t at_us)
{
    struct door_machine *machine = turn->machine;

    machine->phase =
        machine->coil_on_us && at_us < machine->grant.deadline_us ? DOOR_LATE : DOOR_IDLE;
    report(turn, DOOR_NOT_OPENED, machine->grant.grant, at_us);
    if (machine->early_open) {
        machine->early_open = false;
        report(turn, DOOR_FORCED, 0, machine->open_since_us);
    }
}

static void pulse(struct turn *turn)
{
    turn->machine->phase = DOOR_ASKED;
    turn->effects.pulse = true;
    turn->effects.attempt = ++turn->machine->attempt;
}

static void sensor_opened(struct turn *turn, uint64_t at_us)
{
    struct door_machine *machine = turn->machine;

    machine->open_since_us = at_us;
    machine->left_open = false;
    switch (machine->phase) {
    case DOOR_ASKED:
        if (machine->attempt > 1) { /* the pulse before did it, only late */
            opened(turn, at_us);
            break;
        }
        /* Opened by somebody while our first pulse waits for its turn. It is judged when the coil
         * has been off again, or when the pulse was refused. */
        machine->early_open = true;
        break;
    case DOOR_PULSING:
    case DOOR_WAITING:
    case DOOR_LATE:
        opened(turn, at_us);
        break;
    case DOOR_IDLE:
    case DOOR_GRANTED:
        machine->open_grant = 0;
        report(turn, DOOR_FORCED, 0, at_us);
        break;
    }
}

static void sensor_closed(struct turn *turn, uint64_t at_us)
{
    struct door_machine *machine = turn->machine;

    if (machine->early_open) /* opened and closed again before our first pulse */
        report(turn, DOOR_FORCED, 0, machine->open_since_us);
    machine->early_open = false;
    report(turn, DOOR_CLOSED, machine->open_grant, at_us);
    machine->open_grant = 0;
    if (machine->phase == DOOR_GRANTED)
        machine->phase = DOOR_IDLE;
}

/* The debounced sensor takes a new value. */
static void sensor_settles(struct turn *turn, enum sensor sensor, uint64_t at_us)
{
    struct door_machine *machine = turn->machine;
    enum sensor before = machine->sensor;

    machine->sensor = sensor;
    machine->restless_since_us = 0;
    if (sensor == SENSOR_FAULTY) {
        machine->last_known = before;
        report(turn, DOOR_FAULTY, 0, at_us);
        return;
    }
    if (before == SENSOR_FAULTY) {
        report(turn, DOOR_RESTORED, 0, at_us);
        before = machine->last_known;
    }
    /* A door that was last known closed, or never known, and is now open without a grant counts as
     * forced: nobody saw who opened it. */
    if (sensor == SENSOR_OPEN && before != SENSOR_OPEN)
        sensor_opened(turn, at_us);
    else if (sensor == SENSOR_CLOSED && before != SENSOR_CLOSED)
        sensor_closed(turn, at_us);
}

static void settle_sensor(struct turn *turn, uint64_t now_us)
{
    struct door_machine *machine = turn->machine;
    uint64_t still_us = elapsed(now_us, machine->raw_since_us);

    if (machine->sensor == SENSOR_FAULTY) {
        if (machine->raw != SENSOR_FAULTY && still_us >= turn->rules->restore_us)
            sensor_settles(turn, machine->raw, machine->raw_since_us);
        return;
    }
    if (!machine->restless_since_us)
        return;
    if (still_us >= turn->rules->debounce_us) {
        if (machine->raw != machine->sensor)
            sensor_settles(turn, machine->raw, machine->restless_since_us);
        else
            machine->restless_since_us = 0; /* a spike, and nothing else */
    } else if (elapsed(now_us, machine->restless_since_us) >= turn->rules->chatter_max_us) {
        sensor_settles(turn, SENSOR_FAULTY, now_us);
    }
}

/* The time-outs of a grant. While the sensor moves they wait: a door that begins to open at the
 * last moment is neither pulsed again nor given up. Chatter bounds that wait. */
static void settle_phase(struct turn *turn, uint64_t now_us)
{
    struct door_machine *machine = turn->machine;
    const struct door_grant *grant = &machine->grant;

    switch (machine->phase) {
    case DOOR_ASKED:
        if (elapsed(now_us, grant->deadline_us) >= ANSWER_US)
            not_opened(turn, now_us);
        break;
    case DOOR_WAITING:
        if (machine->restless_since_us ||
            elapsed(now_us, machine->coil_on_us) < grant->open_timeout_us)
            break;
        /* Without a sensor nothing can be proved: no further pulse. */
        if (machine->attempt < grant->pulses && machine->sensor == SENSOR_CLOSED &&
            now_us < grant->deadline_us)
            pulse(turn);
        else
            not_opened(turn, now_us);
        break;
    case DOOR_LATE:
        if (!machine->restless_since_us && now_us >= grant->deadline_us)
            machine->phase = DOOR_IDLE;
        break;
    case DOOR_IDLE:
    case DOOR_PULSING:
    case DOOR_GRANTED:
        break;
    }
}

/* Open, and nobody has been told that it is left open. A door that is just closing is not. */
static bool stands_open(const struct door_machine *machine)
{
    return machine->sensor == SENSOR_OPEN && !machine->left_open && !machine->early_open &&
           !machine->restless_since_us;
}

static void settle(struct turn *turn, uint64_t now_us)
{
    struct door_machine *machine = turn->machine;

    settle_sensor(turn, now_us);
    settle_phase(turn, now_us);
    if (stands_open(machine) &&
        elapsed(now_us, machine->open_since_us) >= turn->rules->close_timeout_us) {
        machine->left_open = true;
        report(turn, DOOR_LEFT_OPEN, machine->open_grant, now_us);
    }
}

static void take_grant(struct turn *turn, const struct door_grant *grant, uint64_t now_us)
{
    struct door_machine *machine = turn->machine;

    if (machine->phase != DOOR_IDLE && machine->grant.grant == grant->grant)
        return; /* the signal came twice */
    if (door_busy(machine))
        not_opened(turn, now_us);
    machine->grant = *grant;
    machine->attempt = 0;
    machine->coil_on_us = 0;
    /* A door without a working sensor is not pulsed: its goods would be gone without evidence, and
     * the code would open it again. A door that is open is pulsed all the same: should its sensor
     * lie, the customer gets in. */
    if (machine->sensor == SENSOR_FAULTY || grant->pulses == 0)
        not_opened(turn, now_us);
    else
        pulse(turn);
}

static void coil_event(struct turn *turn, const struct door_event *event)
{
    struct door_machine *machine = turn->machine;
    bool ours = machine->grant.grant == event->number;

    switch (event->type) {
    case DOOR_COIL_ON:
        report(turn, DOOR_PULSED, event->number, event->at_us);
        if (ours && machine->phase == DOOR_ASKED) {
            machine->phase = DOOR_PULSING;
            machine->coil_on_us = event->at_us;
        }
        break;
    case DOOR_COIL_OFF:
        if (!ours || machine->phase != DOOR_PULSING)
            break;
        if (machine->sensor == SENSOR_OPEN)
            opened(turn, event->at_us);
        else
            machine->phase = DOOR_WAITING;
        break;
    case DOOR_REFUSED:
        if (ours && machine->phase == DOOR_ASKED)
            not_opened(turn, event->at_us);
        break;
    default:
        break;
    }
}

static void raw_edge(struct door_machine *machine, enum sensor sensor, uint64_t at_us)
{
    if (sensor == machine->raw)
        return;
    machine->raw = sensor;
    machine->raw_since_us = at_us;
    if (machine->sensor != SENSOR_FAULTY && !machine->restless_since_us)
        machine->restless_since_us = at_us;
}

void door_init(struct door_machine *machine, enum sensor sensor, uint64_t now_us)
{
    *machine = (struct door_machine){
        .phase = DOOR_IDLE,
        .sensor = sensor,
        .raw = sensor,
        .last_known = SENSOR_FAULTY,
        .raw_since_us = now_us,
        .open_since_us = now_us,
    };
}

struct door_effects door_step(struct door_machine *machine, const struct door_rules *rules,
                              const struct door_event *event)
{
    struct turn turn = {.machine = machine, .rules = rules};

    /* First what has become true until then: events may come late and together. */
    settle(&turn, event->at_us);
    switch (event->type) {
    case DOOR_GRANT:
        take_grant(&turn, event->grant, event->at_us);
        break;
    case DOOR_COIL_ON:
    case DOOR_COIL_OFF:
    case DOOR_REFUSED:
        coil_event(&turn, event);
        break;
    case DOOR_SENSOR:
        raw_edge(machine, event->sensor, event->at_us);
        break;
    case DOOR_TICK:
        break;
    }
    settle(&turn, event->at_us);
    return turn.effects;
}

static uint64_t sensor_deadline(const struct door_machine *machine, const struct door_rules *rules)
{
    if (machine->sensor == SENSOR_FAULTY)
        return machine->raw == SENSOR_FAULTY ? UINT64_MAX
                                             : machine->raw_since_us + rules->restore_us;
    if (!machine->restless_since_us)
        return UINT64_MAX;
    return earlier(machine->raw_since_us + rules->debounce_us,
                   machine->restless_since_us + rules->chatter_max_us);
}

uint64_t door_next_deadline(const struct door_machine *machine, const struct door_rules *rules)
{
    uint64_t next_us = sensor_deadline(machine, rules);

    if (stands_open(machine))
        next_us = earlier(next_us, machine->open_since_us + rules->close_timeout_us);
    if (machine->phase == DOOR_ASKED)
        next_us = earlier(next_us, machine->grant.deadline_us + ANSWER_US);
    else if (machine->phase == DOOR_WAITING && !machine->restless_since_us)
        next_us = earlier(next_us, machine->coil_on_us + machine->grant.open_timeout_us);
    else if (machine->phase == DOOR_LATE && !machine->restless_since_us)
        next_us = earlier(next_us, machine->grant.deadline_us);
    return next_us;
}

bool door_busy(const struct door_machine *machine)
{
    return machine->phase == DOOR_ASKED || machine->phase == DOOR_PULSING ||
           machine->phase == DOOR_WAITING;
}

const char *door_report_name(enum door_report what)
{
    static const char *const names[] = {"pulsed",    "opened", "closed", "not_opened",
                                        "left_open", "forced", "faulty", "restored"};

    return names[what];
}
