/* The bank's log of events: the up feed and the audit chain in one (common/event.h). */
#pragma once

#include "daemon/store.h"

/* Appends one event inside the running transaction. `members` is its own reference to an object
 * with the members of the type (docs/protocol.md); it is taken in every case, and NULL is -ENOMEM,
 * so that json_pack() can stand in the call. Adds n, at, trusted, boot, mono, type and hash. */
int audit_add(struct store *store, const char *type, json_t *members);

/* The same with personal data beside it, which can be erased later; `personal` is taken too. */
int audit_add_personal(struct store *store, const char *type, json_t *members, json_t *personal);

/* Events after `after`, oldest first: as many as fit into `max_bytes` of JSON and `limit`, at least
 * one. The array is a new reference. */
int audit_list(struct store *store, int64_t after, int64_t limit, size_t max_bytes,
               json_t **ret_events);

/* The oldest event that is still held; 0 = none. */
int audit_oldest(struct store *store, int64_t *ret_n);

/* Drops acknowledged events (n <= through) from before `before_ms`, oldest first and without a
 * gap, at most 1,000; the newest event always stays. */
int audit_prune(struct store *store, int64_t through, int64_t before_ms);
