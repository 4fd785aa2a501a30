/* What HQ itself has done to orders, and how far the banks are with it. */
#include "hq/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int store_add_change(struct store *store, int64_t order_id, const struct store_change *change)
{
    int r = db_bind(store->sql[S_CHANGE_ADD], "issiiss", order_id, change->kind, change->branch,
                    change->seq, change->at, change->actor, change->reason);

    return r < 0 ? r : db_run(store->sql[S_CHANGE_ADD]);
}

static int each_change(sqlite3_stmt *s, store_change_fn each, void *userdata)
{
    int r;

    while ((r = db_step(s)) > 0) {
        const struct store_change change = {
            .id = sqlite3_column_int64(s, 0),
            .kind = db_text(s, 1),
            .branch = db_text(s, 2),
            .seq = sqlite3_column_int64(s, 3),
            .at = sqlite3_column_int64(s, 4),
            .actor = db_text(s, 5),
            .reason = db_text(s, 6),
            .outcome = db_text(s, 7),
            .settled_at = sqlite3_column_int64(s, 8),
            .order = db_text(s, 9),
        };

        r = each(userdata, &change);
        if (r <= 0)
            break;
    }
    return r;
}

int store_changes_of_order(struct store *store, const char *order, store_change_fn each,
                           void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_CHANGES_OF_ORDER];
    int r = db_bind(s, "s", order);

    return r < 0 ? r : each_change(s, each, userdata);
}

int store_changes_pending(struct store *store, store_change_fn each, void *userdata)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_CHANGES_PENDING];

    return each_change(s, each, userdata);
}

int store_changes_open(struct store *store, const char *branch, struct store_open_change **ret_list,
                       size_t *ret_n)
{
    _cleanup_(db_resetp) sqlite3_stmt *s = store->sql[S_CHANGES_OPEN];
    _cleanup_free_ struct store_open_change *list = NULL;
    size_t n = 0;
    int r = db_bind(s, "s", branch);

    while (r >= 0 && (r = db_step(s)) > 0) {
        struct store_open_change *more = reallocarray(list, n + 1, sizeof(*list));

        if (!more)
            return -ENOMEM;
        list = more;
        list[n].id = sqlite3_column_int64(s, 0);
        snprintf(list[n].kind, sizeof(list[n].kind), "%s", db_text(s, 1));
        list[n].seq = sqlite3_column_int64(s, 3);
        snprintf(list[n].order, sizeof(list[n].order), "%s", db_text(s, 4));
        n++;
    }
    if (r < 0)
        return r;
    *ret_list = TAKE_PTR(list);
    *ret_n = n;
    return 0;
}

int store_settle_change(struct store *store, int64_t id, const char *outcome, int64_t now_ms)
{
    int r = db_bind(store->sql[S_CHANGE_SETTLE], "sii", outcome, now_ms, id);

    return r < 0 ? r : db_run(store->sql[S_CHANGE_SETTLE]);
}
