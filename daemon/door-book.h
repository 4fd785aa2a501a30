/* What state each door is in, and which one to take for a parcel. */
#pragma once

#include "daemon/manager.h"

enum door_state {
    DOOR_FREE,
    DOOR_OCCUPIED,
    DOOR_UNCONFIRMED, /* staff have to look into it */
    DOOR_OPEN,
    DOOR_JAMMED,
    DOOR_OUT_OF_SERVICE,
    DOOR_FAULTY,
};

struct door_view {
    enum door_state state;
    struct door_content content; /* parcel "" = empty */
    struct door_trouble trouble;
};

const char *door_state_name(enum door_state state);

int door_book_view(struct manager *manager, uint32_t door, struct door_view *ret_view);

/* Free doors, and those with a fault (jammed, faulty, out of service). */
int door_book_count(struct manager *manager, unsigned *ret_free, unsigned *ret_faults);

/* The smallest free door that fits `size`, a low one when asked for; of equals the lowest number.
 * 1 = found, 0 = none. */
int door_book_pick(struct manager *manager, enum parcel_size size, bool low, uint32_t *ret_door);

/* The following change a door and write the event, inside a transaction; nothing happens twice. */
int door_book_jam(struct manager *manager, uint32_t door);
int door_book_set_faulty(struct manager *manager, uint32_t door, bool faulty);
/* `reason` NULL = back into service. */
int door_book_set_service(struct manager *manager, uint32_t door, const char *reason,
                          const char *actor);
/* Staff have looked: ends jammed and unconfirmed. `empty`: what was thought to be in there is not.
 */
int door_book_resolve(struct manager *manager, uint32_t door, bool empty, const char *actor);
/* Opened without a grant: nobody knows what is still in there. */
int door_book_tamper(struct manager *manager, uint32_t door);
