#include "common/doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PULSE_MIN_MS   10
#define PULSE_MAX_MS   2000
#define PULSE_STANDARD "200ms"

/* What [doors] sets for all; a door's own keys win. */
struct standards {
    char *size, *sensor_active;
    int64_t pulse_ms, columns;
};

static const struct config_item items[] = {
    {"doors", "size", CONFIG_STRING, offsetof(struct standards, size), "M",
     .pattern = "^(S|M|L|XL)$", .remedy = "Write S, M, L or XL."},
    {"doors", "sensor_active", CONFIG_STRING, offsetof(struct standards, sensor_active), "open",
     .pattern = "^(open|closed)$", .remedy = "Write open or closed."},
    {"doors", "pulse", CONFIG_DURATION, offsetof(struct standards, pulse_ms), PULSE_STANDARD,
     .min = PULSE_MIN_MS, .max = PULSE_MAX_MS},
    {"doors", "columns", CONFIG_INTEGER, offsetof(struct standards, columns), "3", .min = 1,
     .max = 32},
};

const struct config_item *doors_items(size_t *ret_n)
{
    *ret_n = ELEMENTSOF(items);
    return items;
}

/* A door while it is read: what was given, and where it was first named. */
struct draft {
    struct door door;
    unsigned line;
    bool has_size, has_pulse, has_active;
};

struct reading {
    struct standards standards; /* first: config_load() fills it through the table */
    struct draft drafts[DOORS_MAX];
};

static void line_done(struct door_line *line)
{
    free(line->chip);
    free(line->name);
    *line = (struct door_line){};
}

/* "chip:offset", "chip:name", ":name", with a leading "!" for active low. */
static int parse_line(const char *value, struct door_line *ret_line)
{
    bool active_low = *value == '!';
    const char *chip = value + active_low, *colon = strchr(chip, ':');
    struct door_line line = {.active_low = active_low};
    int64_t offset;

    if (!colon || !colon[1])
        return -EINVAL;
    line.chip = strndup(chip, (size_t)(colon - chip));
    if (!line.chip)
        return -ENOMEM;
    if (config_parse_integer(colon + 1, &offset) == 0 && offset >= 0 && offset < 1024 &&
        *line.chip) {
        line.offset = (unsigned)offset;
    } else if (!(line.name = strdup(colon + 1))) {
        free(line.chip);
        return -ENOMEM;
    }
    line_done(ret_line);
    *ret_line = line;
    return 0;
}

static int parse_small(const char *value, unsigned max, unsigned *ret)
{
    int64_t number;

    if (config_parse_integer(value, &number) < 0 || number < 1 || number > max)
        return -EINVAL;
    *ret = (unsigned)number;
    return 0;
}

/* One key of [door N]; *ret_remedy says what would have been right. */
static int set_key(struct draft *draft, const char *key, const char *value, const char **ret_remedy)
{
    struct door *door = &draft->door;
    int64_t ms;
    int r;

    if (strcmp(key, "size") == 0) {
        *ret_remedy = "Write S, M, L or XL.";
        r = parcel_size_from_name(value);
        door->size = r < 0 ? SIZE_M : (enum parcel_size)r;
        draft->has_size = true;
        return r < 0 ? r : 0;
    }
    if (strcmp(key, "low") == 0) {
        *ret_remedy = "Write yes or no.";
        return config_parse_boolean(value, &door->low);
    }
    if (strcmp(key, "column") == 0 || strcmp(key, "row") == 0) {
        *ret_remedy = "Write a number from 1 to 64.";
        return parse_small(value, 64, *key == 'c' ? &door->column : &door->row);
    }
    if (strcmp(key, "rows") == 0) {
        *ret_remedy = "Write a number from 1 to 8.";
        return parse_small(value, 8, &door->rows);
    }
    if (strcmp(key, "lock") == 0 || strcmp(key, "sensor") == 0) {
        *ret_remedy = "Write chip:offset, chip:name or :name, with ! in front for active low.";
        return parse_line(value, *key == 'l' ? &door->lock : &door->sensor);
    }
    if (strcmp(key, "sensor_active") == 0) {
        *ret_remedy = "Write open or closed.";
        door->sensor_open_is_active = strcmp(value, "open") == 0;
        draft->has_active = true;
        return door->sensor_open_is_active || strcmp(value, "closed") == 0 ? 0 : -EINVAL;
    }
    if (strcmp(key, "pulse") == 0) {
        *ret_remedy = "Write 10ms to 2s.";
        r = config_parse_duration_ms(value, &ms);
        if (r < 0 || ms < PULSE_MIN_MS || ms > PULSE_MAX_MS)
            return -EINVAL;
        door->pulse_ms = (unsigned)ms;
        draft->has_pulse = true;
        return 0;
    }
    *ret_remedy = "Known keys: size, low, column, row, rows, lock, sensor, sensor_active, pulse.";
    return -ENOENT;
}

static int read_section(void *target, const char *section, const char *key, const char *value,
                        const char *file, unsigned line, struct config_mistakes *mistakes)
{
    struct reading *reading = target;
    const char *remedy = NULL;
    struct draft *draft;
    int64_t number;
    int r;

    if (strncmp(section, "door ", 5) != 0)
        return 0;
    if (config_parse_integer(section + 5, &number) < 0 || number < 1 || number > DOORS_MAX) {
        r = config_mistake_add(mistakes, file, line,
                               "[%s] is not a door. Write [door 1] to [door %d].", section,
                               DOORS_MAX);
        return r < 0 ? r : -EINVAL;
    }
    draft = &reading->drafts[number - 1];
    if (!draft->line) {
        draft->line = line;
        draft->door.number = (uint32_t)number;
    }
    r = set_key(draft, key, value, &remedy);
    if (r == -ENOENT)
        r = config_mistake_add(mistakes, file, line, "Door %d has no key '%s'. %s", (int)number,
                               key, remedy);
    else if (r == -EINVAL)
        r = config_mistake_add(mistakes, file, line, "Door %d: %s=%s cannot be used. %s",
                               (int)number, key, value, remedy);
    else
        return r < 0 ? r : 1;
    return r < 0 ? r : -EINVAL;
}

/* Fills in what the door's section left open. */
static void complete(const struct standards *standards, size_t i, size_t n, struct draft *draft)
{
    size_t columns = standards->columns > 0 ? (size_t)standards->columns : 1;
    size_t per_column = (n + columns - 1) / columns;
    struct door *door = &draft->door;

    if (!draft->has_size)
        door->size = (enum parcel_size)parcel_size_from_name(standards->size);
    if (!draft->has_pulse)
        door->pulse_ms = (unsigned)standards->pulse_ms;
    if (!draft->has_active)
        door->sensor_open_is_active = strcmp(standards->sensor_active, "open") == 0;
    if (!door->column)
        door->column = (unsigned)(i / per_column + 1);
    if (!door->row)
        door->row = (unsigned)(i % per_column + 1);
    if (!door->rows)
        door->rows = 1;
}

static bool same_line(const struct door_line *a, const struct door_line *b)
{
    if (!a->chip || !b->chip || strcmp(a->chip, b->chip) != 0)
        return false;
    if (a->name || b->name)
        return a->name && b->name && strcmp(a->name, b->name) == 0;
    return a->offset == b->offset;
}

/* Two doors on one coil would open the wrong one (promise 1). */
static int check_wiring(const char *path, const struct reading *reading, size_t n,
                        struct config_mistakes *mistakes)
{
    for (size_t i = 0; i < n; i++) {
        const struct draft *a = &reading->drafts[i];

        if (same_line(&a->door.lock, &a->door.sensor) &&
            config_mistake_add(mistakes, path, a->line,
                               "Door %u has one line as lock and as sensor. Give it two.",
                               a->door.number) == -ENOMEM)
            return -ENOMEM;
        for (size_t k = 0; k < i; k++) {
            const struct draft *b = &reading->drafts[k];
            bool locks = same_line(&a->door.lock, &b->door.lock);
            bool crossed = same_line(&a->door.lock, &b->door.sensor) ||
                           same_line(&a->door.sensor, &b->door.lock);

            if (!locks && !crossed && !same_line(&a->door.sensor, &b->door.sensor))
                continue;
            if (config_mistake_add(mistakes, path, a->line,
                                   crossed ? "Doors %u and %u: the lock line of one is the %s line "
                                             "of the other. Give each its own."
                                           : "Doors %u and %u have the same %s line. Give each its "
                                             "own.",
                                   b->door.number, a->door.number,
                                   locks && !crossed ? "lock" : "sensor") == -ENOMEM)
                return -ENOMEM;
        }
    }
    return 0;
}

static int check_numbers(const char *path, const struct reading *reading, size_t *ret_n,
                         struct config_mistakes *mistakes)
{
    size_t n = 0;

    for (size_t i = 0; i < DOORS_MAX; i++)
        if (reading->drafts[i].line)
            n = i + 1;
    if (n == 0)
        return config_mistake_add(mistakes, path, 0, "There is no door. Write [door 1] and so on.");
    for (size_t i = 0; i < n; i++)
        if (!reading->drafts[i].line &&
            config_mistake_add(mistakes, path, 0,
                               "Door %zu is missing, although there is a door %zu. Number the "
                               "doors from 1 without gaps.",
                               i + 1, n) == -ENOMEM)
            return -ENOMEM;
    *ret_n = n;
    return 0;
}

static int finish(const char *path, struct reading *reading, struct doors *ret_doors,
                  struct config_mistakes *mistakes)
{
    size_t n = 0;
    int r = check_numbers(path, reading, &n, mistakes);

    if (r >= 0)
        r = check_wiring(path, reading, n, mistakes);
    if (r < 0)
        return r;
    if (mistakes->n > 0)
        return -EINVAL;
    ret_doors->items = calloc(n, sizeof(*ret_doors->items));
    if (!ret_doors->items)
        return -ENOMEM;
    ret_doors->n = n;
    for (size_t i = 0; i < n; i++) {
        complete(&reading->standards, i, n, &reading->drafts[i]);
        ret_doors->items[i] = reading->drafts[i].door;
        reading->drafts[i].door.lock = reading->drafts[i].door.sensor = (struct door_line){};
    }
    return 0;
}

int doors_load(const char *path, struct doors *ret_doors, struct config_mistakes *ret_mistakes)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    int r;

    if (!reading)
        return -ENOMEM;
    *ret_doors = (struct doors){};
    r = config_load(path, items, ELEMENTSOF(items), reading, read_section, ret_mistakes);
    if (r == 0 || r == -EINVAL)
        r = finish(path, reading, ret_doors, ret_mistakes);
    for (size_t i = 0; i < DOORS_MAX; i++) {
        line_done(&reading->drafts[i].door.lock);
        line_done(&reading->drafts[i].door.sensor);
    }
    config_free(items, ELEMENTSOF(items), reading);
    free(reading);
    return r;
}

void doors_done(struct doors *doors)
{
    for (size_t i = 0; i < doors->n; i++) {
        line_done(&doors->items[i].lock);
        line_done(&doors->items[i].sensor);
    }
    free(doors->items);
    *doors = (struct doors){};
}

const struct door *doors_find(const struct doors *doors, uint32_t number)
{
    return number >= 1 && number <= doors->n ? &doors->items[number - 1] : NULL;
}
