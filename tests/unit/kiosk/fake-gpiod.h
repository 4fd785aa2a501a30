/* A stand-in for libgpiod 1.6 with two chips, so that the backend is tested where there is no GPIO.
 * It defines the library's functions; link it instead of the library. */
#pragma once

#include <stdbool.h>
#include <gpiod.h>

#define FAKE_LINES 8 /* of each chip */

struct gpiod_line {
    struct gpiod_chip *chip;
    char name[24];
    bool busy;     /* another program has it */
    bool no_edges; /* the chip cannot tell edges */
    bool broken;   /* reading fails */
    /* As requested. */
    bool requested, output, active_low;
    int value;      /* logical */
    int initial;    /* of an output */
    int pipe[2];    /* edges; -1 = none */
    unsigned n_set; /* how often the output was set */
};

struct gpiod_chip {
    const char *name, *label;
    struct gpiod_line lines[FAKE_LINES];
    unsigned n_open; /* handles that were not closed */
};

/* "gpiochip0" with label "pinctrl-bcm2711" and lines "GPIO0" …, "gpiochip1" with label "mcp23017"
 * and lines "EXP0" …. */
extern struct gpiod_chip fake_chips[2];

void fake_gpiod_reset(void);
/* The line becomes logically active or inactive, with an edge where it was requested. */
void fake_gpiod_input(struct gpiod_line *line, bool active);
