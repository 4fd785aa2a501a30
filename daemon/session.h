/* What goes on at the bank: a customer collects, or staff work. One session at a time. Pure: it is
 * told what happened and says what to do; the words of its states are those of docs/dbus.md. */
#pragma once

#include "common/code.h"
#include "common/order.h"

enum session_kind {
    SESSION_NONE,
    SESSION_COLLECTION, /* a customer */
    SESSION_STAFF,      /* a badge at the kiosk: any number of doors, until the badge again */
    SESSION_STOCK,      /* one door, asked for over the bus … */
    SESSION_RETRIEVE,
    SESSION_INSPECT,
};

enum session_state {
    SESSION_IDLE,
    SESSION_OPENING,
    SESSION_TAKE,
    SESSION_LEFT_OPEN,
    SESSION_NOT_OPENED,
    SESSION_COLLECTED,
    SESSION_FAILED,
    SESSION_WAITING, /* "staff": waits for a label */
    SESSION_STOCK_OPENING,
    SESSION_STOCK_PLACE,
    SESSION_STOCK_CONFIRM,
    SESSION_RETRIEVE_OPENING,
    SESSION_RETRIEVE_TAKE,
    SESSION_INSPECT_OPENING,
    SESSION_INSPECT_OPEN,
};

/* One door to open. */
struct session_item {
    char parcel[ORDER_ID_MAX + 1]; /* "" = none */
    uint32_t door;
};

struct session {
    uint64_t id; /* 0 = none */
    enum session_kind kind;
    enum session_state state;
    char order[ORDER_ID_MAX + 1];
    char display[132], lang[36]; /* of the customer */
    uint32_t staff;
    enum staff_role role;
    char actor[48]; /* for the audit chain: "customer", "staff:17", "uid:1000", … */
    struct session_item items[ORDER_PARCELS_MAX];
    unsigned n_items, index; /* items[index] is the door that is open or opening */
    unsigned opened, failed, stocked;
    uint64_t grant; /* the one that is out, or the last one */
    bool ending;    /* to be ended as soon as the grant that is out has its outcome */
};

enum session_event {
    SESSION_OPENED,
    SESSION_FAILED_TO_OPEN, /* not opened, or nobody knows */
    SESSION_WITHDRAWN,      /* items[index] must not be opened any more; no grant was written */
    SESSION_CLOSED,
    SESSION_STAYED_OPEN, /* longer than close_timeout */
    SESSION_CONFIRM,     /* staff: the parcel is in */
    SESSION_END,         /* the customer or staff left, or nobody came */
};

/* What the caller carries out, in this order. */
struct session_effect {
    bool tell_failed; /* announce `not_opened` before the state that follows */
    bool confirm;     /* the parcel of session->grant counts as stocked */
    bool grant;       /* grant items[index] */
    bool end;         /* the session is over */
};

/* Begins the doors of `items`; sets the opening state of `kind` and asks for the first grant. In a
 * SESSION_STAFF the same session goes on with the purpose of `kind`. */
struct session_effect session_begin(struct session *session, enum session_kind kind,
                                    const struct session_item *items, unsigned n);

struct session_effect session_step(struct session *session, enum session_event event);

/* Is a grant out? */
bool session_opening(const struct session *session);
/* May a new collection or staff verb begin now? Results (collected, failed) make room. */
bool session_can_be_replaced(const struct session *session);

const char *session_kind_name(enum session_kind kind);
const char *session_state_name(enum session_state state);
