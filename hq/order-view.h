/* HQ's view of an order: its state, computed from the document, in which the banks' reports are
 * reflected, by the same rules as at the bank. Pure. */
#pragma once

#include "common/order.h"

struct order_view {
    enum order_state state;
    size_t parcels, stocked, collected;
};

/* Returns 0; -EBADMSG when the document cannot be read; -ENOMEM. */
int order_view(const json_t *document, int64_t now_ms, struct order_view *ret_view);
