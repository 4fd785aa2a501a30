#include "daemon/door-book.h"

#include "daemon/audit.h"

#include <errno.h>
#include <stdio.h>

static const char *const state_names[] = {
    [DOOR_FREE] = "free",
    [DOOR_OCCUPIED] = "occupied",
    [DOOR_UNCONFIRMED] = "unconfirmed",
    [DOOR_OPEN] = "open",
    [DOOR_JAMMED] = "jammed",
    [DOOR_OUT_OF_SERVICE] = "out_of_service",
    [DOOR_FAULTY] = "faulty",
};

const char *door_state_name(enum door_state state)
{
    return state_names[state];
}

int door_book_view(struct manager *manager, uint32_t door, struct door_view *ret_view)
{
    struct door_view view = {};
    int r = store_get_trouble(manager->store, door, &view.trouble);

    if (r >= 0)
        r = store_door_content(manager->store, door, &view.content);
    if (r < 0)
        return r;
    if (*view.trouble.reason)
        view.state = DOOR_OUT_OF_SERVICE;
    else if (view.trouble.faulty)
        view.state = DOOR_FAULTY;
    else if (view.trouble.jammed)
        view.state = DOOR_JAMMED;
    else if (manager->sensors[door - 1] == SENSOR_OPEN)
        view.state = DOOR_OPEN;
    else if (r > 0)
        view.state = view.content.state == PLACEMENT_UNCONFIRMED ? DOOR_UNCONFIRMED : DOOR_OCCUPIED;
    else
        view.state = DOOR_FREE;
    *ret_view = view;
    return 0;
}

int door_book_count(struct manager *manager, unsigned *ret_free, unsigned *ret_faults)
{
    unsigned n_free = 0, faults = 0;

    for (uint32_t door = 1; door <= manager->doors.n; door++) {
        struct door_view view;
        int r = door_book_view(manager, door, &view);

        if (r < 0)
            return r;
        n_free += view.state == DOOR_FREE;
        faults += view.state >= DOOR_JAMMED;
    }
    *ret_free = n_free;
    *ret_faults = faults;
    return 0;
}

static bool better(const struct door *candidate, const struct door *best, bool low)
{
    if (!best)
        return true;
    if (candidate->low != best->low)
        return candidate->low == low;
    return candidate->size < best->size;
}

int door_book_pick(struct manager *manager, enum parcel_size size, bool low, uint32_t *ret_door)
{
    const struct door *best = NULL;

    for (size_t i = 0; i < manager->doors.n; i++) {
        const struct door *door = &manager->doors.items[i];
        struct door_view view;
        int r;

        if (door->size < size || (low && !door->low))
            continue;
        /* A low door is kept for who needs it, unless it is the only one that fits. */
        if (!better(door, best, low))
            continue;
        r = door_book_view(manager, door->number, &view);
        if (r < 0)
            return r;
        if (view.state == DOOR_FREE)
            best = door;
    }
    if (!best)
        return 0;
    *ret_door = best->number;
    return 1;
}

static int change(struct manager *manager, uint32_t door, struct door_trouble *trouble,
                  const char *event)
{
    int r;

    trouble->since_ms = clock_now_ms();
    r = store_set_trouble(manager->store, door, trouble);
    if (r == 0 && event)
        r = audit_add(manager->store, event, json_pack("{sI}", "door", (json_int_t)door));
    return r;
}

int door_book_jam(struct manager *manager, uint32_t door)
{
    struct door_trouble trouble;
    int r = store_get_trouble(manager->store, door, &trouble);

    if (r < 0 || trouble.jammed)
        return r < 0 ? r : 0;
    trouble.jammed = true;
    return change(manager, door, &trouble, "door_jammed");
}

int door_book_set_faulty(struct manager *manager, uint32_t door, bool faulty)
{
    struct door_trouble trouble;
    int r = store_get_trouble(manager->store, door, &trouble);

    if (r < 0 || trouble.faulty == faulty)
        return r < 0 ? r : 0;
    trouble.faulty = faulty;
    return change(manager, door, &trouble, faulty ? "door_faulty" : "door_restored");
}

int door_book_set_service(struct manager *manager, uint32_t door, const char *reason,
                          const char *actor)
{
    struct door_trouble trouble;
    int r = store_get_trouble(manager->store, door, &trouble);

    if (r < 0)
        return r;
    if (!reason && !*trouble.reason)
        return 0;
    snprintf(trouble.reason, sizeof(trouble.reason), "%s", reason ? reason : "");
    r = change(manager, door, &trouble, NULL);
    if (r < 0)
        return r;
    return audit_add(
        manager->store, reason ? "door_out_of_service" : "door_in_service",
        json_pack("{sI ss* ss}", "door", (json_int_t)door, "reason", reason, "actor", actor));
}

/* The parcel that was thought to be in the door, after a look: there, or not. */
static int resolve_content(struct manager *manager, uint32_t door, bool empty, const char *actor)
{
    struct door_content content;
    int r = store_door_content(manager->store, door, &content);

    if (r <= 0)
        return r;
    if (empty) {
        r = store_delete_placement(manager->store, content.parcel);
        if (r < 0)
            return r;
        return audit_add(manager->store, "unstocked",
                         json_pack("{ss ss sI ss ss}", "parcel", content.parcel, "order",
                                   content.number, "door", (json_int_t)door, "actor", actor, "why",
                                   "found empty"));
    }
    if (content.state != PLACEMENT_UNCONFIRMED)
        return 0;
    r = store_set_placement(manager->store, content.parcel, content.number, door, PLACEMENT_STOCKED,
                            content.since_ms);
    if (r < 0)
        return r;
    return audit_add(manager->store, "stocked",
                     json_pack("{ss ss sI ss}", "parcel", content.parcel, "order", content.number,
                               "door", (json_int_t)door, "actor", actor));
}

int door_book_resolve(struct manager *manager, uint32_t door, bool empty, const char *actor)
{
    struct door_trouble trouble;
    int r = store_get_trouble(manager->store, door, &trouble);

    if (r < 0)
        return r;
    if (trouble.jammed) {
        trouble.jammed = false;
        r = change(manager, door, &trouble, NULL);
        if (r < 0)
            return r;
    }
    r = audit_add(manager->store, "door_resolved",
                  json_pack("{sI ss ss}", "door", (json_int_t)door, "finding",
                            empty ? "empty" : "parcel", "actor", actor));
    return r < 0 ? r : resolve_content(manager, door, empty, actor);
}

int door_book_tamper(struct manager *manager, uint32_t door)
{
    struct door_content content;
    int r = audit_add(manager->store, "tamper", json_pack("{sI}", "door", (json_int_t)door));

    if (r == 0)
        r = store_door_content(manager->store, door, &content);
    if (r <= 0)
        return r;
    return store_set_placement(manager->store, content.parcel, content.number, door,
                               PLACEMENT_UNCONFIRMED, clock_now_ms());
}
