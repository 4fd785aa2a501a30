#include "common/order.h"

#include <errno.h>
#include <string.h>

static const char *const status_names[] = {
    [ORDER_CONFIRMED] = "confirmed", [ORDER_HELD] = "held",   [ORDER_CANCELLED] = "cancelled",
    [ORDER_RETURNED] = "returned",   [ORDER_MOVED] = "moved",
};

static const char *const state_names[] = {
    [ORDER_STATE_ANNOUNCED] = "announced", [ORDER_STATE_PARTLY_STOCKED] = "partly_stocked",
    [ORDER_STATE_READY] = "ready",         [ORDER_STATE_COLLECTING] = "collecting",
    [ORDER_STATE_COLLECTED] = "collected", [ORDER_STATE_HELD] = "held",
    [ORDER_STATE_TOO_EARLY] = "too_early", [ORDER_STATE_EXPIRED] = "expired",
    [ORDER_STATE_CANCELLED] = "cancelled", [ORDER_STATE_DISPUTED] = "disputed",
    [ORDER_STATE_RETURNED] = "returned",   [ORDER_STATE_ELSEWHERE] = "elsewhere",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_OPENING] = "opening",
    [OUTCOME_STAFF] = "staff",
    [OUTCOME_STOCKING] = "stocking",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_FORGED] = "forged",
    [OUTCOME_OTHER_BRANCH] = "other_branch",
    [OUTCOME_OTHER_BANK] = "other_bank",
    [OUTCOME_NOT_STOCKED] = "not_stocked",
    [OUTCOME_TOO_EARLY] = "too_early",
    [OUTCOME_EXPIRED] = "expired",
    [OUTCOME_CANCELLED] = "cancelled",
    [OUTCOME_TRANSFERRED] = "transferred",
    [OUTCOME_COLLECTED] = "collected",
    [OUTCOME_HELD] = "held",
    [OUTCOME_ID_CHECK] = "id_check",
    [OUTCOME_CLOCK] = "clock",
    [OUTCOME_OUT_OF_ORDER] = "out_of_order",
    [OUTCOME_BUSY] = "busy",
    [OUTCOME_NUMBER_SLIP] = "number_slip",
    [OUTCOME_NUMBER_WAIT] = "number_wait",
    [OUTCOME_REFUSED] = "refused",
};

static const char *const size_names[] = {
    [SIZE_S] = "S",
    [SIZE_M] = "M",
    [SIZE_L] = "L",
    [SIZE_XL] = "XL",
};

const char *order_status_name(enum order_status status)
{
    return status_names[status];
}

const char *order_state_name(enum order_state state)
{
    return state_names[state];
}

const char *outcome_name(enum outcome outcome)
{
    return outcome_names[outcome];
}

enum outcome outcome_from_name(const char *name)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (strcmp(outcome_names[i], name) == 0)
            return (enum outcome)i;
    return OUTCOME_COUNT;
}

const char *parcel_size_name(enum parcel_size size)
{
    return size_names[size];
}

int parcel_size_from_name(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(size_names); i++)
        if (strcmp(size_names[i], name) == 0)
            return (int)i;
    return -EINVAL;
}

/* What the parcels of an order add up to. */
struct tally {
    size_t stocked;      /* can be opened here now: stocked, or unconfirmed (promise 3) */
    size_t behind_fault; /* stocked, but the door is jammed or out of service */
    size_t collected;
    size_t elsewhere;
    size_t granted;
    size_t missing;
    int64_t collected_at_ms;
    const char *bank;
};

static struct tally tally(const struct order *order, const struct placement *placements)
{
    struct tally sum = {};

    for (size_t i = 0; i < order->n_parcels; i++) {
        const struct parcel *parcel = &order->parcels[i];
        const struct placement *placement = &placements[i];

        if (placement->granted)
            sum.granted++;
        if (placement->state == PLACEMENT_COLLECTED || parcel->collected_elsewhere) {
            sum.collected++;
            if (placement->state == PLACEMENT_COLLECTED &&
                placement->since_ms > sum.collected_at_ms)
                sum.collected_at_ms = placement->since_ms;
        } else if (placement->state == PLACEMENT_STOCKED ||
                   placement->state == PLACEMENT_UNCONFIRMED) {
            sum.stocked++;
            if (placement->door_faulty)
                sum.behind_fault++;
        } else if (parcel->elsewhere_bank) {
            sum.elsewhere++;
            sum.bank = parcel->elsewhere_bank;
        } else {
            sum.missing++;
        }
    }
    return sum;
}

/* The start of the time in which the order may be collected; 0 = at once. */
static int64_t opens_at(const struct order *order)
{
    int64_t at = order->ready_from;

    if (order->release_at > at)
        at = order->release_at;
    if (order->slot_from > at)
        at = order->slot_from;
    return at;
}

/* The end of that time; 0 = none. A slot ends with the pickup window, not by itself: goods that a
 * late customer has paid for are handed out. */
static int64_t closes_at(const struct order *order)
{
    return order->pickup_until;
}

enum order_state order_state(const struct order *order, const struct placement *placements,
                             int64_t now_ms)
{
    struct tally sum = tally(order, placements);

    if (order->disputed)
        return ORDER_STATE_DISPUTED;
    if (sum.collected == order->n_parcels && order->n_parcels > 0)
        return ORDER_STATE_COLLECTED;
    switch (order->status) {
    case ORDER_CANCELLED:
        return ORDER_STATE_CANCELLED;
    case ORDER_RETURNED:
        return ORDER_STATE_RETURNED;
    case ORDER_MOVED:
        return ORDER_STATE_ELSEWHERE;
    case ORDER_HELD:
        return ORDER_STATE_HELD;
    case ORDER_CONFIRMED:
        break;
    }
    if (sum.granted > 0 || (sum.collected > 0 && sum.stocked > 0))
        return ORDER_STATE_COLLECTING;
    if (closes_at(order) && now_ms >= closes_at(order))
        return ORDER_STATE_EXPIRED;
    if (sum.stocked == 0 && sum.elsewhere > 0 && sum.missing == 0)
        return ORDER_STATE_ELSEWHERE;
    if (sum.stocked == 0 && sum.missing > 0)
        return sum.collected > 0 ? ORDER_STATE_PARTLY_STOCKED : ORDER_STATE_ANNOUNCED;
    if (sum.missing > 0)
        return ORDER_STATE_PARTLY_STOCKED;
    if (opens_at(order) > now_ms)
        return ORDER_STATE_TOO_EARLY;
    return ORDER_STATE_READY;
}

/* What HQ's word alone forbids. */
static enum outcome refused_by_status(const struct order *order)
{
    if (order->disputed)
        return OUTCOME_HELD;
    switch (order->status) {
    case ORDER_CANCELLED:
        return OUTCOME_CANCELLED;
    case ORDER_RETURNED:
    case ORDER_HELD:
        return OUTCOME_HELD;
    case ORDER_MOVED:
        return OUTCOME_TRANSFERRED;
    case ORDER_CONFIRMED:
        break;
    }
    return OUTCOME_OPENING;
}

/* A drop and a booked slot need a clock that can be believed; the ordinary window is checked
 * against the floor all the same (promise 8). */
static enum outcome refused_by_time(const struct order *order,
                                    const struct order_question *question, int64_t *ret_at_ms)
{
    bool drop = order->release_at > 0 || order->slot_from > 0;

    if (question->code_not_after_ms > 0 && question->now_ms > question->code_not_after_ms) {
        *ret_at_ms = question->code_not_after_ms;
        return OUTCOME_EXPIRED;
    }
    if (closes_at(order) && question->now_ms >= closes_at(order)) {
        *ret_at_ms = closes_at(order);
        return OUTCOME_EXPIRED;
    }
    if (!question->clock_trusted)
        return drop ? OUTCOME_CLOCK : OUTCOME_OPENING;
    if (opens_at(order) > question->now_ms) {
        *ret_at_ms = opens_at(order);
        return OUTCOME_TOO_EARLY;
    }
    return OUTCOME_OPENING;
}

enum outcome order_may_open(const struct order *order, const struct placement *placements,
                            const struct order_question *question, int64_t *ret_at_ms,
                            const char **ret_bank)
{
    struct tally sum = tally(order, placements);
    enum outcome outcome;

    if (question->code_epoch < question->bank_epoch)
        return OUTCOME_TRANSFERRED;
    if (sum.collected == order->n_parcels && order->n_parcels > 0) {
        if (sum.collected_at_ms)
            *ret_at_ms = sum.collected_at_ms;
        return OUTCOME_COLLECTED;
    }
    outcome = refused_by_status(order);
    if (outcome != OUTCOME_OPENING)
        return outcome;
    outcome = refused_by_time(order, question, ret_at_ms);
    if (outcome != OUTCOME_OPENING)
        return outcome;
    if (sum.stocked == 0 && sum.elsewhere > 0) {
        *ret_bank = sum.bank;
        return OUTCOME_OTHER_BANK;
    }
    if (sum.stocked == 0)
        return OUTCOME_NOT_STOCKED;
    if (order->id_check && !question->id_seen)
        return OUTCOME_ID_CHECK;
    if (sum.behind_fault == sum.stocked)
        return OUTCOME_OUT_OF_ORDER;
    return OUTCOME_OPENING;
}
