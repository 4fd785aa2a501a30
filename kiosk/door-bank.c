#include "kiosk/door-bank.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>

struct door_bank {
    struct lock_thread *thread;
    struct door_rules rules;
    struct door_machine *machines; /* [door - 1] */
    size_t n_doors;
    const struct door_bank_events *events;
    void *userdata;
    sd_event_source *mailbox, *timer;
    bool stuck;
};

static void step(struct door_bank *bank, uint32_t door, const struct door_event *event)
{
    struct door_machine *machine = &bank->machines[door - 1];
    struct door_effects effects = door_step(machine, &bank->rules, event);
    int r = 0;

    for (size_t i = 0; i < effects.n_reports; i++)
        bank->events->report(bank->userdata, door, effects.reports[i].report,
                             effects.reports[i].grant, effects.reports[i].at_us);
    if (effects.pulse)
        r = lock_thread_pulse(bank->thread, &machine->grant, effects.attempt);
    if (r < 0) {
        log_errno(r, "door %u: cannot ask for a pulse", door);
        step(bank, door,
             &(struct door_event){
                 .type = DOOR_REFUSED, .at_us = clock_boot_us(), .number = machine->grant.grant});
    }
}

/* One timer for all doors, at the earliest of what they wait for. */
static void arm(struct door_bank *bank)
{
    uint64_t next_us = UINT64_MAX;

    for (size_t i = 0; i < bank->n_doors; i++) {
        uint64_t due_us = door_next_deadline(&bank->machines[i], &bank->rules);

        if (due_us < next_us)
            next_us = due_us;
    }
    if (next_us == UINT64_MAX) {
        (void)sd_event_source_set_enabled(bank->timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time(bank->timer, next_us);
    (void)sd_event_source_set_enabled(bank->timer, SD_EVENT_ONESHOT);
}

static bool door_event_of(const struct lock_event *event, struct door_event *ret)
{
    *ret =
        (struct door_event){.at_us = event->at_us, .number = event->grant, .sensor = event->sensor};
    switch (event->type) {
    case LOCK_COIL_ON:
        ret->type = DOOR_COIL_ON;
        return true;
    case LOCK_COIL_OFF:
        ret->type = DOOR_COIL_OFF;
        return true;
    case LOCK_REFUSED_DEADLINE:
    case LOCK_REFUSED_BOOT:
    case LOCK_REFUSED_COUNT:
    case LOCK_FAILED:
        ret->type = DOOR_REFUSED;
        return true;
    case LOCK_SENSOR:
        ret->type = DOOR_SENSOR;
        return true;
    case LOCK_STUCK:
    case LOCK_RELEASED:
        break;
    }
    return false;
}

static void take(struct door_bank *bank, const struct lock_event *event)
{
    struct door_event happened;

    bank->events->coil(bank->userdata, event);
    if (event->type == LOCK_STUCK || event->type == LOCK_RELEASED) {
        bank->stuck = event->type == LOCK_STUCK;
        log_error("a coil %s", bank->stuck ? "could not be switched off; no door is opened until "
                                             "it could. Cut the locks' power if it stays so"
                                           : "that could not be switched off is off now");
        return;
    }
    if (event->type != LOCK_SENSOR && event->type != LOCK_COIL_ON && event->type != LOCK_COIL_OFF)
        log_warning("door %u, grant %" PRIu64 ": %s", event->door, event->grant,
                    lock_event_name(event->type));
    if (event->door >= 1 && event->door <= bank->n_doors && door_event_of(event, &happened))
        step(bank, event->door, &happened);
}

static int on_mailbox(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct door_bank *bank = userdata;
    struct lock_event event;

    while (lock_thread_take(bank->thread, &event))
        take(bank, &event);
    arm(bank);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct door_bank *bank = userdata;
    struct lock_event event;
    uint64_t now_us;

    /* What has happened comes before what is due. */
    while (lock_thread_take(bank->thread, &event))
        take(bank, &event);
    now_us = clock_boot_us();
    for (uint32_t door = 1; door <= bank->n_doors; door++)
        if (door_next_deadline(&bank->machines[door - 1], &bank->rules) <= now_us)
            step(bank, door, &(struct door_event){.type = DOOR_TICK, .at_us = now_us});
    arm(bank);
    return 0;
}

int door_bank_new(sd_event *event, struct lock_thread *thread, size_t n_doors,
                  const struct door_bank_events *events, void *userdata,
                  struct door_bank **ret_bank)
{
    _cleanup_(door_bank_freep) struct door_bank *bank = calloc(1, sizeof(*bank));
    _cleanup_free_ enum sensor *sensors = calloc(n_doors, sizeof(*sensors));
    int r;

    if (!bank || !sensors)
        return -ENOMEM;
    bank->machines = calloc(n_doors, sizeof(*bank->machines));
    if (!bank->machines)
        return -ENOMEM;
    bank->thread = thread;
    bank->rules = door_rules_standard;
    bank->n_doors = n_doors;
    bank->events = events;
    bank->userdata = userdata;
    lock_thread_first_sensors(thread, sensors);
    for (size_t i = 0; i < n_doors; i++)
        door_init(&bank->machines[i], sensors[i], clock_boot_us());
    r = sd_event_add_io(event, &bank->mailbox, lock_thread_fd(thread), EPOLLIN, on_mailbox, bank);
    if (r >= 0)
        r = sd_event_add_time(event, &bank->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, bank);
    if (r < 0)
        return r;
    *ret_bank = TAKE_PTR(bank);
    return 0;
}

struct door_bank *door_bank_free(struct door_bank *bank)
{
    if (!bank)
        return NULL;
    sd_event_source_disable_unref(bank->mailbox);
    sd_event_source_disable_unref(bank->timer);
    free(bank->machines);
    free(bank);
    return NULL;
}

void door_bank_set_close_timeout(struct door_bank *bank, uint64_t close_timeout_us)
{
    bank->rules.close_timeout_us = close_timeout_us;
    arm(bank);
}

void door_bank_grant(struct door_bank *bank, const struct door_grant *grant)
{
    if (grant->door < 1 || grant->door > bank->n_doors) {
        log_error("grant %" PRIu64 " is for door %u, and the table has %zu: is doors.conf the same "
                  "for daemon and kiosk?",
                  grant->grant, grant->door, bank->n_doors);
        return;
    }
    step(bank, grant->door,
         &(struct door_event){.type = DOOR_GRANT, .at_us = clock_boot_us(), .grant = grant});
    arm(bank);
}

enum sensor door_bank_sensor(const struct door_bank *bank, uint32_t door)
{
    return bank->machines[door - 1].sensor;
}

bool door_bank_busy(const struct door_bank *bank, uint32_t door)
{
    return door_busy(&bank->machines[door - 1]);
}

bool door_bank_stuck(const struct door_bank *bank)
{
    return bank->stuck;
}
