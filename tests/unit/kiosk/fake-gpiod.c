#include "fake-gpiod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct gpiod_chip fake_chips[2];

void fake_gpiod_reset(void)
{
    static const char *const labels[] = {"pinctrl-bcm2711", "mcp23017"};
    static const char *const names[] = {"gpiochip0", "gpiochip1"};

    for (int i = 0; i < 2; i++) {
        struct gpiod_chip *chip = &fake_chips[i];

        *chip = (struct gpiod_chip){.name = names[i], .label = labels[i]};
        for (int k = 0; k < FAKE_LINES; k++) {
            chip->lines[k].chip = chip;
            chip->lines[k].pipe[0] = chip->lines[k].pipe[1] = -1;
            snprintf(chip->lines[k].name, sizeof(chip->lines[k].name), "%s%d", i ? "EXP" : "GPIO",
                     k);
        }
    }
}

void fake_gpiod_input(struct gpiod_line *line, bool active)
{
    struct gpiod_line_event event = {.event_type = active ? GPIOD_LINE_EVENT_RISING_EDGE
                                                          : GPIOD_LINE_EVENT_FALLING_EDGE};

    line->value = active;
    clock_gettime(CLOCK_MONOTONIC, &event.ts);
    if (line->pipe[1] >= 0)
        (void)!write(line->pipe[1], &event, sizeof(event));
}

struct gpiod_chip *gpiod_chip_open_lookup(const char *text)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(text, fake_chips[i].name) == 0 || strcmp(text, fake_chips[i].label) == 0) {
            fake_chips[i].n_open++;
            return &fake_chips[i];
        }
    errno = ENOENT;
    return NULL;
}

void gpiod_chip_close(struct gpiod_chip *chip)
{
    chip->n_open--;
}

struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int offset)
{
    if (offset < FAKE_LINES)
        return &chip->lines[offset];
    errno = EINVAL;
    return NULL;
}

struct gpiod_line *gpiod_chip_find_line(struct gpiod_chip *chip, const char *name)
{
    for (int i = 0; i < FAKE_LINES; i++)
        if (strcmp(chip->lines[i].name, name) == 0)
            return &chip->lines[i];
    errno = ENOENT;
    return NULL;
}

struct gpiod_line *gpiod_line_find(const char *name)
{
    for (int i = 0; i < 2; i++) {
        struct gpiod_line *line = gpiod_chip_find_line(&fake_chips[i], name);

        if (line) {
            fake_chips[i].n_open++;
            return line;
        }
    }
    return NULL;
}

struct gpiod_chip *gpiod_line_get_chip(struct gpiod_line *line)
{
    return line->chip;
}

static int request(struct gpiod_line *line, bool output, int flags)
{
    if (line->busy || line->requested) {
        errno = EBUSY;
        return -1;
    }
    line->requested = true;
    line->output = output;
    line->active_low = flags & GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW;
    return 0;
}

int gpiod_line_request_output_flags(struct gpiod_line *line, const char *consumer, int flags,
                                    int default_val)
{
    line->initial = line->value = default_val;
    return request(line, true, flags);
}

int gpiod_line_request_input_flags(struct gpiod_line *line, const char *consumer, int flags)
{
    return request(line, false, flags);
}

int gpiod_line_request_both_edges_events_flags(struct gpiod_line *line, const char *consumer,
                                               int flags)
{
    if (line->no_edges) {
        errno = ENXIO;
        return -1;
    }
    if (request(line, false, flags) < 0)
        return -1;
    return pipe2(line->pipe, O_CLOEXEC);
}

int gpiod_line_event_get_fd(struct gpiod_line *line)
{
    return line->pipe[0];
}

int gpiod_line_event_read_multiple(struct gpiod_line *line, struct gpiod_line_event *events,
                                   unsigned int num_events)
{
    ssize_t n = read(line->pipe[0], events, num_events * sizeof(*events));

    return n < 0 ? -1 : (int)((size_t)n / sizeof(*events));
}

int gpiod_line_get_value(struct gpiod_line *line)
{
    if (!line->broken)
        return line->value;
    errno = EIO;
    return -1;
}

int gpiod_line_set_value(struct gpiod_line *line, int value)
{
    if (!line->requested || !line->output || line->broken) {
        errno = line->broken ? EIO : EPERM;
        return -1;
    }
    line->value = value;
    line->n_set++;
    return 0;
}

void gpiod_line_release(struct gpiod_line *line)
{
    for (int i = 0; i < 2; i++)
        if (line->pipe[i] >= 0)
            close(line->pipe[i]);
    line->pipe[0] = line->pipe[1] = -1;
    line->requested = false;
}
