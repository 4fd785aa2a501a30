#include "daemon/session.h"

#include <string.h>

static const char *const kind_names[] = {
    [SESSION_NONE] = "none",   [SESSION_COLLECTION] = "collection", [SESSION_STAFF] = "staff",
    [SESSION_STOCK] = "stock", [SESSION_RETRIEVE] = "retrieve",     [SESSION_INSPECT] = "inspect",
};

static const char *const state_names[] = {
    [SESSION_IDLE] = "idle",
    [SESSION_OPENING] = "opening",
    [SESSION_TAKE] = "take",
    [SESSION_LEFT_OPEN] = "left_open",
    [SESSION_NOT_OPENED] = "not_opened",
    [SESSION_COLLECTED] = "collected",
    [SESSION_FAILED] = "failed",
    [SESSION_WAITING] = "staff",
    [SESSION_STOCK_OPENING] = "stock_opening",
    [SESSION_STOCK_PLACE] = "stock_place",
    [SESSION_STOCK_CONFIRM] = "stock_confirm",
    [SESSION_RETRIEVE_OPENING] = "retrieve_opening",
    [SESSION_RETRIEVE_TAKE] = "retrieve_take",
    [SESSION_INSPECT_OPENING] = "inspect_opening",
    [SESSION_INSPECT_OPEN] = "inspect_open",
};

const char *session_kind_name(enum session_kind kind)
{
    return kind_names[kind];
}

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

bool session_opening(const struct session *session)
{
    switch (session->state) {
    case SESSION_OPENING:
    case SESSION_STOCK_OPENING:
    case SESSION_RETRIEVE_OPENING:
    case SESSION_INSPECT_OPENING:
        return true;
    default:
        return false;
    }
}

bool session_can_be_replaced(const struct session *session)
{
    return session->state == SESSION_IDLE || session->state == SESSION_COLLECTED ||
           session->state == SESSION_FAILED;
}

static enum session_state opening_state(enum session_kind kind)
{
    switch (kind) {
    case SESSION_STOCK:
        return SESSION_STOCK_OPENING;
    case SESSION_RETRIEVE:
        return SESSION_RETRIEVE_OPENING;
    case SESSION_INSPECT:
        return SESSION_INSPECT_OPENING;
    default:
        return SESSION_OPENING;
    }
}

struct session_effect session_begin(struct session *session, enum session_kind kind,
                                    const struct session_item *items, unsigned n)
{
    memcpy(session->items, items, n * sizeof(*items));
    session->n_items = n;
    session->index = 0;
    session->grant = 0;
    session->state = opening_state(kind);
    return (struct session_effect){.grant = true};
}

/* Staff work is done with this door: back to the badge's session, or the end of a single verb. */
static struct session_effect work_done(struct session *session)
{
    if (session->kind == SESSION_STAFF && !session->ending) {
        session->state = SESSION_WAITING;
        return (struct session_effect){};
    }
    return (struct session_effect){.end = true};
}

/* The next parcel, or the result when this was the last. */
static struct session_effect next_parcel(struct session *session)
{
    if (session->ending)
        return (struct session_effect){.end = true};
    if (session->index + 1 < session->n_items) {
        session->index++;
        session->state = SESSION_OPENING;
        return (struct session_effect){.grant = true};
    }
    session->state = session->opened > 0 ? SESSION_COLLECTED : SESSION_FAILED;
    return (struct session_effect){};
}

static struct session_effect step_opening(struct session *session, enum session_event event)
{
    struct session_effect effect = {};

    switch (event) {
    case SESSION_OPENED:
        session->opened++;
        if (session->ending)
            return (struct session_effect){.end = true};
        session->state = SESSION_TAKE;
        return effect;
    case SESSION_FAILED_TO_OPEN:
        session->failed++;
        effect = next_parcel(session);
        effect.tell_failed = true;
        return effect;
    case SESSION_WITHDRAWN:
        session->failed++;
        return next_parcel(session);
    case SESSION_END:
        session->ending = true;
        return effect;
    default:
        return effect;
    }
}

static struct session_effect step_take(struct session *session, enum session_event event)
{
    switch (event) {
    case SESSION_CLOSED:
        return next_parcel(session);
    case SESSION_STAYED_OPEN:
        if (session->index + 1 < session->n_items)
            return next_parcel(session);
        session->state = SESSION_LEFT_OPEN;
        return (struct session_effect){};
    case SESSION_END:
        return (struct session_effect){.end = true};
    default:
        return (struct session_effect){};
    }
}

static struct session_effect step_work_opening(struct session *session, enum session_event event)
{
    switch (event) {
    case SESSION_OPENED:
        session->opened++;
        session->state = session->state == SESSION_STOCK_OPENING      ? SESSION_STOCK_PLACE
                         : session->state == SESSION_RETRIEVE_OPENING ? SESSION_RETRIEVE_TAKE
                                                                      : SESSION_INSPECT_OPEN;
        return (struct session_effect){};
    case SESSION_FAILED_TO_OPEN: {
        struct session_effect effect;

        session->failed++;
        effect = work_done(session);
        effect.tell_failed = true;
        return effect;
    }
    case SESSION_END:
        session->ending = true;
        return (struct session_effect){};
    default:
        return (struct session_effect){};
    }
}

/* The parcel is being put in. A single `Stock` counts it when the door has closed; at the kiosk the
 * next scan says so. */
static struct session_effect step_stock_place(struct session *session, enum session_event event)
{
    switch (event) {
    case SESSION_CLOSED:
        if (session->kind == SESSION_STAFF && !session->ending) {
            session->state = SESSION_STOCK_CONFIRM;
            return (struct session_effect){};
        }
        session->stocked++;
        return (struct session_effect){.confirm = true, .end = true};
    case SESSION_END:
        return (struct session_effect){.end = true};
    default:
        return (struct session_effect){};
    }
}

static struct session_effect step_stock_confirm(struct session *session, enum session_event event)
{
    switch (event) {
    case SESSION_CONFIRM:
        session->stocked++;
        session->state = SESSION_WAITING;
        return (struct session_effect){.confirm = true};
    case SESSION_END:
        return (struct session_effect){.end = true};
    default:
        return (struct session_effect){};
    }
}

static struct session_effect step_work_open(struct session *session, enum session_event event)
{
    if (event == SESSION_CLOSED)
        return work_done(session);
    return (struct session_effect){.end = event == SESSION_END};
}

struct session_effect session_step(struct session *session, enum session_event event)
{
    switch (session->state) {
    case SESSION_OPENING:
        return step_opening(session, event);
    case SESSION_TAKE:
        return step_take(session, event);
    case SESSION_STOCK_OPENING:
    case SESSION_RETRIEVE_OPENING:
    case SESSION_INSPECT_OPENING:
        return step_work_opening(session, event);
    case SESSION_STOCK_PLACE:
        return step_stock_place(session, event);
    case SESSION_STOCK_CONFIRM:
        return step_stock_confirm(session, event);
    case SESSION_RETRIEVE_TAKE:
    case SESSION_INSPECT_OPEN:
        return step_work_open(session, event);
    case SESSION_LEFT_OPEN:
        if (event == SESSION_CLOSED) {
            session->state = SESSION_COLLECTED;
            return (struct session_effect){};
        }
        return (struct session_effect){.end = event == SESSION_END};
    case SESSION_WAITING:
    case SESSION_COLLECTED:
    case SESSION_FAILED:
        return (struct session_effect){.end = event == SESSION_END};
    case SESSION_IDLE:
    case SESSION_NOT_OPENED:
        break;
    }
    return (struct session_effect){};
}
