/* What an order is and what state it is in. Pure: the state is computed from HQ's document and the
 * bank's placements by one function and never stored (design section 3). */
#pragma once

#include "common/cleanup.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ORDER_ID_MAX      64 /* bytes of an order or parcel number, without terminator */
#define ORDER_PARCELS_MAX 64

enum order_status { /* HQ's word, `status` of the document */
                    ORDER_CONFIRMED,
                    ORDER_HELD,
                    ORDER_CANCELLED,
                    ORDER_RETURNED,
                    ORDER_MOVED, /* tombstone: the order left this branch */
};

enum order_state {
    ORDER_STATE_ANNOUNCED,
    ORDER_STATE_PARTLY_STOCKED,
    ORDER_STATE_READY,
    ORDER_STATE_COLLECTING,
    ORDER_STATE_COLLECTED,
    ORDER_STATE_HELD,
    ORDER_STATE_TOO_EARLY,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_CANCELLED,
    ORDER_STATE_DISPUTED,
    ORDER_STATE_RETURNED,
    ORDER_STATE_ELSEWHERE, /* every remaining parcel lies in another bank of the branch */
};

/* The closed list of answers to somebody who presents a code or types a number. The names are
 * stable: D-Bus, events, screens and docs use them. */
enum outcome {
    OUTCOME_OPENING,      /* granted: doors are opening */
    OUTCOME_STAFF,        /* a valid badge: staff session begins or goes on */
    OUTCOME_STOCKING,     /* a staff scan was taken as a parcel label: door opens */
    OUTCOME_UNKNOWN,      /* no such code, number or parcel here */
    OUTCOME_FORGED,       /* signature or structure wrong */
    OUTCOME_OTHER_BRANCH, /* info: branch */
    OUTCOME_OTHER_BANK,   /* info: bank */
    OUTCOME_NOT_STOCKED,  /* genuine, but its parcels are not in the doors yet */
    OUTCOME_TOO_EARLY,    /* info: at */
    OUTCOME_EXPIRED,      /* info: at */
    OUTCOME_CANCELLED,
    OUTCOME_TRANSFERRED,  /* the right to collect has moved to a newer code */
    OUTCOME_COLLECTED,    /* info: at */
    OUTCOME_HELD,         /* a problem that staff must settle; includes disputed and returned */
    OUTCOME_ID_CHECK,     /* staff must see a document first */
    OUTCOME_CLOCK,        /* cannot be decided while the clock is untrusted */
    OUTCOME_OUT_OF_ORDER, /* bank cannot open doors or cannot record it now */
    OUTCOME_BUSY,         /* another collection is going on */
    OUTCOME_NUMBER_SLIP,  /* typing error told by the check digit; not a wrong try */
    OUTCOME_NUMBER_WAIT,  /* keypad closed after wrong tries; info: wait_ms */
    OUTCOME_REFUSED,      /* staff verb that does not apply; info: reason */
    OUTCOME_COUNT,
};

enum parcel_size { SIZE_S, SIZE_M, SIZE_L, SIZE_XL };

struct parcel {
    char *id;      /* shop's parcel number */
    char *barcode; /* what the label carries; NULL = same as id */
    enum parcel_size size;
    bool personalised, quality_checked; /* personalised goods are stocked only once checked */
    char *elsewhere_bank; /* `placed.bank` of HQ when that is not this bank, else NULL */
    uint32_t elsewhere_door;
    bool collected_elsewhere; /* HQ says that another bank gave this parcel out */
};

/* A parsed document of kind "order". Times are ms UTC, 0 = not set. */
struct order {
    char *id;
    uint64_t handle;
    int64_t rev;
    enum order_status status;
    char *display, *lang; /* masked name; BCP 47 tag */
    int64_t ready_from, pickup_until, release_at, slot_from, slot_to, departure_at;
    uint8_t epoch;
    bool p1_opens, p2_opens; /* code.kinds */
    bool id_check, low_door, disputed;
    bool has_number;
    uint8_t number_digest[16];
    char *member_tag; /* NULL = none */
    struct parcel *parcels;
    size_t n_parcels;
};

/* Reads a document. `bank` is this bank's name, to tell own placements from others'. Returns 0, or
 * -EBADMSG with *ret_reason a static sentence fragment that names the member ("parcels[2].size must
 * be one of S, M, L, XL"; owned by the caller); -ENOMEM. Unknown members are ignored. */
int order_parse(const json_t *document, const char *bank, struct order **ret_order,
                char **ret_reason);
struct order *order_free(struct order *order);
DEFINE_CLEANUP(struct order *, order_free);

enum placement_state {
    PLACEMENT_NONE, /* never here, or taken out by staff */
    PLACEMENT_STOCKED,
    PLACEMENT_UNCONFIRMED, /* rebuilt from HQ, or the outcome of a grant is unknown: staff must look
                            */
    PLACEMENT_COLLECTED,
};

/* What the bank knows of one parcel of the order; parallel to order->parcels. */
struct placement {
    enum placement_state state;
    uint32_t door; /* 1…, valid for STOCKED and UNCONFIRMED; last door for COLLECTED */
    int64_t since_ms;
    bool door_faulty; /* the door is jammed or out of service */
    bool granted;     /* a grant for it has no outcome yet */
};

/* `now_ms` is the time that promise 8 lets one believe (clock_trust_time_ms). */
enum order_state order_state(const struct order *order, const struct placement *placements,
                             int64_t now_ms);

/* May the holder of a genuine code (or number) of this order have the doors opened now? Returns
 * OUTCOME_OPENING, or the refusal; *ret_at_ms is the time to tell (too_early, expired, collected),
 * *ret_bank the bank to send to (other_bank; points into `order`), each untouched otherwise.
 * `code_epoch` and `bank_epoch`: see promise in design section 5; the caller has already raised
 * bank_epoch for a genuine higher one. `id_seen`: staff have released the document check. With an
 * untrusted clock, `release_at`, slots are refused with OUTCOME_CLOCK. */
struct order_question {
    int64_t now_ms;
    bool clock_trusted;
    uint8_t code_epoch, bank_epoch;
    int64_t code_not_after_ms; /* 0 = none */
    bool id_seen;
};
enum outcome order_may_open(const struct order *order, const struct placement *placements,
                            const struct order_question *question, int64_t *ret_at_ms,
                            const char **ret_bank);

const char *order_status_name(enum order_status status);
const char *order_state_name(enum order_state state);
const char *outcome_name(enum outcome outcome);
enum outcome outcome_from_name(const char *name); /* OUTCOME_COUNT when unknown */
const char *parcel_size_name(enum parcel_size size);
int parcel_size_from_name(const char *name); /* or -EINVAL */
