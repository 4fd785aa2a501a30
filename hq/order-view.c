#include "hq/order-view.h"

#include <errno.h>

int order_view(const json_t *document, int64_t now_ms, struct order_view *ret_view)
{
    _cleanup_(order_freep) struct order *order = NULL;
    _cleanup_free_ struct placement *placements = NULL;
    _cleanup_free_ char *reason = NULL;
    struct order_view view = {0};
    int r = order_parse(document, "", &order, &reason); /* for HQ every bank is elsewhere */

    if (r < 0)
        return r;
    placements = calloc(order->n_parcels + 1, sizeof(*placements));
    if (!placements)
        return -ENOMEM;
    view.parcels = order->n_parcels;
    for (size_t i = 0; i < order->n_parcels; i++) {
        if (order->parcels[i].collected_elsewhere) {
            placements[i].state = PLACEMENT_COLLECTED;
            view.collected++;
        } else if (order->parcels[i].elsewhere_bank) {
            placements[i].state = PLACEMENT_STOCKED;
            placements[i].door = order->parcels[i].elsewhere_door;
            view.stocked++;
        }
    }
    view.state = order_state(order, placements, now_ms);
    *ret_view = view;
    return 0;
}
