#include "kiosk/simbank/model.h"

#include <errno.h>

/* A small electric cabinet lock: the bolt is drawn within 15 to 25 ms, the spring needs 25 to 45 ms
 * until the contact parts, and a reed contact bounces for a few milliseconds. */
#define LATCH_US         UINT64_C(15000)
#define LATCH_SPREAD_US  UINT64_C(10000)
#define SPRING_US        UINT64_C(25000)
#define SPRING_SPREAD_US UINT64_C(20000)
#define BOUNCE_US        UINT64_C(4000)
#define TOGGLE_US        UINT64_C(500)
#define TOGGLE_SPREAD_US UINT64_C(1500)

/* splitmix64 (Vigna, public domain). */
static uint64_t draw(struct simbank *bank, uint64_t below)
{
    uint64_t z = bank->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

struct simbank *simbank_new(size_t n_doors, uint64_t seed, uint64_t now_us)
{
    struct simbank *bank = calloc(1, sizeof(*bank));

    if (!bank)
        return NULL;
    bank->doors = calloc(n_doors, sizeof(*bank->doors));
    if (!bank->doors)
        return simbank_free(bank);
    bank->n = n_doors;
    bank->random = seed;
    bank->record.start_us = now_us;
    for (size_t i = 0; i < n_doors; i++)
        bank->doors[i] = (struct simbank_door){
            .bounce_us = BOUNCE_US,
            .told = SENSOR_CLOSED,
            .latch_us = SIMBANK_NEVER,
            .spring_us = SIMBANK_NEVER,
            .close_us = SIMBANK_NEVER,
            .toggle_us = SIMBANK_NEVER,
            .rest_us = SIMBANK_NEVER,
            .cap_us = SIMBANK_NEVER,
        };
    return bank;
}

struct simbank *simbank_free(struct simbank *bank)
{
    if (bank) {
        free(bank->doors);
        free(bank->changes);
        free(bank);
    }
    return NULL;
}

static uint32_t number(const struct simbank *bank, const struct simbank_door *door)
{
    return (uint32_t)(door - bank->doors) + 1;
}

static struct simbank_door *find(struct simbank *bank, uint32_t door)
{
    return door >= 1 && door <= bank->n ? &bank->doors[door - 1] : NULL;
}

enum sensor simbank_sensor(const struct simbank_door *door)
{
    if (door->dead)
        return SENSOR_FAULTY;
    return door->contact ? SENSOR_OPEN : SENSOR_CLOSED;
}

bool simbank_at_rest(const struct simbank_door *door)
{
    return door->rest_us == SIMBANK_NEVER && door->spring_us == SIMBANK_NEVER;
}

static void tell(struct simbank *bank, struct simbank_door *door, uint64_t at_us)
{
    enum sensor sensor = simbank_sensor(door);

    if (sensor == door->told)
        return;
    if (bank->n_changes == bank->changes_size) {
        size_t size = bank->changes_size ? 2 * bank->changes_size : 64;
        struct simbank_change *changes = reallocarray(bank->changes, size, sizeof(*changes));

        if (!changes) {
            bank->out_of_memory = true;
            return;
        }
        bank->changes = changes;
        bank->changes_size = size;
    }
    door->told = sensor;
    bank->changes[bank->n_changes++] = (struct simbank_change){
        .door = number(bank, door),
        .sensor = sensor,
        .at_us = at_us,
    };
}

size_t simbank_take_changes(struct simbank *bank, const struct simbank_change **ret_changes)
{
    size_t n = bank->n_changes;

    *ret_changes = bank->changes;
    bank->n_changes = 0;
    return n;
}

/* The door takes its other position; the contact follows at once and bounces for a while. */
static void move(struct simbank *bank, struct simbank_door *door, bool open, uint64_t at_us)
{
    door->open = door->contact = open;
    door->spring_us = door->close_us = SIMBANK_NEVER;
    if (door->bounce_us > 0) {
        door->toggle_us = at_us + TOGGLE_US + draw(bank, TOGGLE_SPREAD_US);
        door->rest_us = at_us + door->bounce_us;
    }
    tell(bank, door, at_us);
}

static void spring_open(struct simbank *bank, struct simbank_door *door, const char *what,
                        uint64_t at_us)
{
    move(bank, door, true, at_us);
    record_log(&bank->record, at_us, number(bank, door), what, 0);
    if (bank->auto_close_us > 0)
        door->close_us = at_us + bank->auto_close_us + door->late_close_us;
}

static void shut(struct simbank *bank, struct simbank_door *door, uint64_t at_us)
{
    move(bank, door, false, at_us);
    record_log(&bank->record, at_us, number(bank, door), "closed", 0);
}

static void latch_lets_go(struct simbank *bank, struct simbank_door *door, uint64_t at_us)
{
    door->latch_us = SIMBANK_NEVER;
    if (door->jammed) {
        record_log(&bank->record, at_us, number(bank, door), "latch jams", 0);
        return;
    }
    if (door->open)
        return;
    record_log(&bank->record, at_us, number(bank, door), "latch lets go", 0);
    door->spring_us = at_us + SPRING_US + draw(bank, SPRING_SPREAD_US) + door->late_open_us;
}

static uint64_t next_of(const struct simbank_door *door)
{
    const uint64_t times[] = {door->latch_us,  door->spring_us, door->close_us,
                              door->toggle_us, door->rest_us,   door->cap_us};
    uint64_t next_us = SIMBANK_NEVER;

    for (size_t i = 0; i < ELEMENTSOF(times); i++)
        if (times[i] < next_us)
            next_us = times[i];
    return next_us;
}

static struct simbank_door *next_door(const struct simbank *bank)
{
    struct simbank_door *next = &bank->doors[0];

    for (size_t i = 1; i < bank->n; i++)
        if (next_of(&bank->doors[i]) < next_of(next))
            next = &bank->doors[i];
    return next;
}

/* The one thing that happens to `door` at `at_us`. */
static void happen(struct simbank *bank, struct simbank_door *door, uint64_t at_us)
{
    if (door->rest_us == at_us) {
        door->rest_us = door->toggle_us = SIMBANK_NEVER;
        door->contact = door->open;
        tell(bank, door, at_us);
    } else if (door->toggle_us == at_us) {
        door->contact = !door->contact;
        door->toggle_us = at_us + TOGGLE_US + draw(bank, TOGGLE_SPREAD_US);
        tell(bank, door, at_us);
    } else if (door->cap_us == at_us) {
        door->cap_us = SIMBANK_NEVER;
        record_violation(&bank->record, at_us, number(bank, door), VIOLATION_COIL_TOO_LONG);
    } else if (door->latch_us == at_us) {
        latch_lets_go(bank, door, at_us);
    } else if (door->spring_us == at_us) {
        spring_open(bank, door, "opened", at_us);
    } else if (door->close_us == at_us) {
        shut(bank, door, at_us);
    }
}

void simbank_advance(struct simbank *bank, uint64_t now_us)
{
    for (;;) {
        struct simbank_door *door = next_door(bank);
        uint64_t at_us = next_of(door);

        if (at_us > now_us)
            return;
        happen(bank, door, at_us);
    }
}

uint64_t simbank_next_us(const struct simbank *bank)
{
    return next_of(next_door(bank));
}

static void coil_on(struct simbank *bank, struct simbank_door *door, unsigned client,
                    uint64_t now_us)
{
    for (size_t i = 0; i < bank->n; i++)
        if (bank->doors[i].coil)
            record_violation(&bank->record, now_us, number(bank, door), VIOLATION_TWO_COILS);
    record_log(&bank->record, now_us, number(bank, door), "coil on", 0);
    door->coil = true;
    door->coil_client = client;
    door->coil_on_us = now_us;
    door->cap_us = now_us + SIMBANK_COIL_CAP_US + 1;
    door->latch_us = now_us + LATCH_US + draw(bank, LATCH_SPREAD_US);
}

static void coil_off(struct simbank *bank, struct simbank_door *door, uint64_t now_us)
{
    record_log(&bank->record, now_us, number(bank, door), "coil off", now_us - door->coil_on_us);
    door->coil = false;
    door->cap_us = door->latch_us = SIMBANK_NEVER;
}

int simbank_coil(struct simbank *bank, uint32_t door_number, bool on, unsigned client,
                 uint64_t now_us)
{
    struct simbank_door *door = find(bank, door_number);

    if (!door) {
        record_violation(&bank->record, now_us, door_number, VIOLATION_UNKNOWN_DOOR);
        return -ENXIO;
    }
    if (on && !door->coil)
        coil_on(bank, door, client, now_us);
    else if (!on && door->coil)
        coil_off(bank, door, now_us);
    return 0;
}

void simbank_all_coils_off(struct simbank *bank, uint64_t now_us)
{
    for (size_t i = 0; i < bank->n; i++)
        if (bank->doors[i].coil)
            coil_off(bank, &bank->doors[i], now_us);
}

void simbank_client_gone(struct simbank *bank, unsigned client, uint64_t now_us)
{
    for (size_t i = 0; i < bank->n; i++) {
        struct simbank_door *door = &bank->doors[i];

        if (!door->coil || door->coil_client != client)
            continue;
        record_violation(&bank->record, now_us, number(bank, door), VIOLATION_COIL_LEFT_ON);
        coil_off(bank, door, now_us);
    }
}

int simbank_open_by_hand(struct simbank *bank, uint32_t door_number, uint64_t now_us)
{
    struct simbank_door *door = find(bank, door_number);

    if (!door)
        return -ENXIO;
    if (door->open)
        return -EALREADY;
    spring_open(bank, door, "opened by hand", now_us);
    return 0;
}

int simbank_force(struct simbank *bank, uint32_t door_number, uint64_t now_us)
{
    struct simbank_door *door = find(bank, door_number);

    if (!door)
        return -ENXIO;
    if (door->open)
        return -EALREADY;
    spring_open(bank, door, "broken open", now_us);
    door->close_us = SIMBANK_NEVER;
    return 0;
}

int simbank_close_by_hand(struct simbank *bank, uint32_t door_number, uint64_t now_us)
{
    struct simbank_door *door = find(bank, door_number);

    if (!door)
        return -ENXIO;
    if (!door->open)
        return -EALREADY;
    if (door->late_close_us > 0)
        door->close_us = now_us + door->late_close_us;
    else
        shut(bank, door, now_us);
    return 0;
}

int simbank_set_dead(struct simbank *bank, uint32_t door_number, bool dead, uint64_t now_us)
{
    struct simbank_door *door = find(bank, door_number);

    if (!door)
        return -ENXIO;
    if (door->dead == dead)
        return -EALREADY;
    door->dead = dead;
    record_log(&bank->record, now_us, door_number, dead ? "sensor dead" : "sensor alive", 0);
    tell(bank, door, now_us);
    return 0;
}
