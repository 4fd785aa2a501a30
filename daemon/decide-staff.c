#include "daemon/decide-inner.h"

#include "daemon/door-book.h"
#include "daemon/visit.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Is the badge's holder still who HQ says? Sets the refusal, or returns 1. */
static int check_badge(struct manager *manager, const struct code *code, struct answer *answer)
{
    json_t *document = NULL;
    const char *role;
    bool revoked;
    char name[16];
    int64_t valid_from_s;
    int r;

    if (code->branch != manager->config.branch_number) {
        answer->outcome = OUTCOME_OTHER_BRANCH;
        answer->branch = code->branch;
        return 0;
    }
    snprintf(name, sizeof(name), "%u", code->staff);
    r = store_find_document(manager->store, "staff", name, &document);
    if (r < 0)
        return answer_failed(manager, r, answer);
    if (r == 0)
        return answer_refuse(answer, "staff %s is not known at this bank yet", name);
    role = json_string_value(json_object_get(document, "role"));
    revoked = json_is_true(json_object_get(document, "revoked"));
    valid_from_s = json_integer_value(json_object_get(document, "valid_from_s"));
    r = 0;
    if (revoked || code->serial < valid_from_s)
        answer_refuse(answer, "this badge has been revoked");
    else if (code->role == STAFF_MANAGER && (!role || strcmp(role, "manager") != 0))
        answer_refuse(answer, "staff %s is not a manager any more", name);
    else if (code->not_after_s && timekeeper_now_ms(manager) > code->not_after_s * 1000) {
        answer->outcome = OUTCOME_EXPIRED;
        answer->at_ms = code->not_after_s * 1000;
    } else {
        r = 1;
    }
    json_decref(document);
    return r;
}

int decide_badge(struct manager *manager, const struct code *code, struct answer *answer)
{
    struct session session = {
        .kind = SESSION_STAFF,
        .staff = code->staff,
        .role = code->role,
    };
    int r = check_badge(manager, code, answer);

    if (r <= 0)
        return r;
    snprintf(session.actor, sizeof(session.actor), "staff:%u", code->staff);
    r = visit_begin_staff(manager, &session);
    if (r < 0)
        return answer_failed(manager, r, answer);
    answer->outcome = OUTCOME_STAFF;
    answer->session = manager->session.id;
    return 0;
}

/* Opens one door for staff: in the running staff session, or in a session of its own. */
static int open_door(struct manager *manager, enum session_kind kind, const char *parcel,
                     uint32_t door, const char *actor, struct answer *answer)
{
    struct session_item item = {.door = door};
    struct session session = {.kind = kind};
    int r;

    snprintf(item.parcel, sizeof(item.parcel), "%s", parcel);
    snprintf(session.actor, sizeof(session.actor), "%s", actor);
    if (manager->session.kind == SESSION_STAFF)
        session = manager->session;
    if (disk_refuses_grant(manager, answer))
        return 0;
    r = visit_begin(manager, &session, kind, &item, 1);
    if (r < 0)
        return answer_failed(manager, r, answer);
    answer->outcome = kind == SESSION_STOCK ? OUTCOME_STOCKING : OUTCOME_OPENING;
    answer->session = manager->session.id;
    return 0;
}

/* Says why no door can be opened for staff at this moment; 1 = it can. */
static int staff_free(struct manager *manager, struct answer *answer)
{
    enum session_state state = manager->session.state;

    if (disk_refuses(manager, answer))
        return 0;
    if (session_can_be_replaced(&manager->session) || state == SESSION_WAITING ||
        state == SESSION_STOCK_CONFIRM)
        return 1;
    if (manager->session.kind == SESSION_STAFF)
        return answer_refuse(answer, "close door %u first",
                             manager->session.items[manager->session.index].door);
    answer->outcome = OUTCOME_BUSY;
    return 0;
}

/* Says why the parcel must not be put into a door; 1 = it may. */
static int may_stock(const struct order_record *record, const struct parcel *parcel,
                     const struct placement *placement, struct answer *answer)
{
    if (placement->state == PLACEMENT_COLLECTED || parcel->collected_elsewhere)
        return answer_refuse(answer, "parcel %s has been collected", parcel->id);
    if (placement->state == PLACEMENT_STOCKED)
        return answer_refuse(answer, "parcel %s lies in door %u already", parcel->id,
                             placement->door);
    if (placement->state == PLACEMENT_UNCONFIRMED)
        return answer_refuse(answer, "parcel %s may lie in door %u: look into that door first",
                             parcel->id, placement->door);
    if (record->order->status != ORDER_CONFIRMED && record->order->status != ORDER_HELD)
        return answer_refuse(answer, "order %s is %s: put the parcel aside", record->order->id,
                             order_status_name(record->order->status));
    if (parcel->personalised && !parcel->quality_checked)
        return answer_refuse(answer, "parcel %s has not passed its quality check yet", parcel->id);
    return 1;
}

/* The parcel with that label; 1 = found, else *answer says why not. */
static int find_label(struct manager *manager, const char *label, struct order_record **ret_record,
                      size_t *ret_index, struct answer *answer)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r = store_find_label(manager->store, label, &record);

    if (r < 0)
        return answer_failed(manager, r, answer);
    for (size_t i = 0; r > 0 && i < record->order->n_parcels; i++) {
        const struct parcel *parcel = &record->order->parcels[i];

        if (strcmp(parcel->id, label) != 0 &&
            (!parcel->barcode || strcmp(parcel->barcode, label) != 0))
            continue;
        *ret_index = i;
        *ret_record = TAKE_PTR(record);
        return 1;
    }
    answer->outcome = OUTCOME_UNKNOWN;
    return 0;
}

/* The given door, if it is free and fits, or the best one. 1 = *ret_door is set. */
static int choose_door(struct manager *manager, const struct parcel *parcel, bool low,
                       uint32_t wanted, uint32_t *ret_door, struct answer *answer)
{
    const struct door *door;
    struct door_view view;
    int r;

    if (!wanted) {
        r = door_book_pick(manager, parcel->size, low, ret_door);
        if (r == 0)
            return answer_refuse(answer, "no free door fits a parcel of size %s",
                                 parcel_size_name(parcel->size));
        return r < 0 ? answer_failed(manager, r, answer) : 1;
    }
    door = doors_find(&manager->doors, wanted);
    if (!door)
        return answer_refuse(answer, "there is no door %u; the last one is %zu", wanted,
                             manager->doors.n);
    if (door->size < parcel->size)
        return answer_refuse(answer, "door %u has size %s, the parcel %s", wanted,
                             parcel_size_name(door->size), parcel_size_name(parcel->size));
    r = door_book_view(manager, wanted, &view);
    if (r < 0)
        return answer_failed(manager, r, answer);
    if (view.state != DOOR_FREE)
        return answer_refuse(answer, "door %u is not free: %s", wanted,
                             door_state_name(view.state));
    *ret_door = wanted;
    return 1;
}

int decide_stock(struct manager *manager, const char *label, uint32_t wanted, const char *actor,
                 struct answer *ret_answer)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    const struct parcel *parcel;
    uint32_t door = 0;
    size_t i;
    int r;

    memset(ret_answer, 0, sizeof(*ret_answer));
    r = staff_free(manager, ret_answer);
    if (r > 0)
        r = find_label(manager, label, &record, &i, ret_answer);
    if (r <= 0)
        return r;
    parcel = &record->order->parcels[i];
    r = may_stock(record, parcel, &record->placements[i], ret_answer);
    if (r > 0)
        r = choose_door(manager, parcel, record->order->low_door, wanted, &door, ret_answer);
    if (r <= 0)
        return r;
    return open_door(manager, SESSION_STOCK, parcel->id, door, actor, ret_answer);
}

int decide_label(struct manager *manager, const char *label, struct answer *ret_answer)
{
    return decide_stock(manager, label, 0, manager->session.actor, ret_answer);
}

int decide_retrieve(struct manager *manager, const char *label, const char *actor,
                    struct answer *ret_answer)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    size_t i;
    int r;

    memset(ret_answer, 0, sizeof(*ret_answer));
    r = staff_free(manager, ret_answer);
    if (r > 0)
        r = find_label(manager, label, &record, &i, ret_answer);
    if (r <= 0)
        return r;
    if (record->placements[i].state != PLACEMENT_STOCKED &&
        record->placements[i].state != PLACEMENT_UNCONFIRMED)
        return answer_refuse(ret_answer, "parcel %s lies in no door of this bank", label);
    return open_door(manager, SESSION_RETRIEVE, record->order->parcels[i].id,
                     record->placements[i].door, actor, ret_answer);
}

int decide_inspect(struct manager *manager, uint32_t door, const char *actor,
                   struct answer *ret_answer)
{
    struct door_content content = {};
    int r;

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (!doors_find(&manager->doors, door))
        return answer_refuse(ret_answer, "there is no door %u; the last one is %zu", door,
                             manager->doors.n);
    r = staff_free(manager, ret_answer);
    if (r <= 0)
        return r;
    r = store_door_content(manager->store, door, &content);
    if (r < 0)
        return answer_failed(manager, r, ret_answer);
    return open_door(manager, SESSION_INSPECT, content.parcel, door, actor, ret_answer);
}
