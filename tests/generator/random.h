/* Seeded randomness that is the same on every machine. */
#pragma once

#include <math.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t dice_bits(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* From 0 to 1. */
static inline double dice_share(struct dice *dice)
{
    return (double)(dice_bits(dice) >> 11) / (double)(UINT64_C(1) << 53);
}

static inline double dice_range(struct dice *dice, double from, double to)
{
    return from + (to - from) * dice_share(dice);
}

/* As many small ones as large ones, in octaves. */
static inline double dice_log_range(struct dice *dice, double from, double to)
{
    return from * pow(to / from, dice_share(dice));
}

/* From -1 to 1. */
static inline double dice_jitter(struct dice *dice)
{
    return 2 * dice_share(dice) - 1;
}
