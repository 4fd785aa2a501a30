/* The bank's store: HQ's documents, placements, doors, sessions, grants and the audit chain, in one
 * SQLite file (<state>/bank.db).
 *
 * Every change is made between store_begin() and store_commit(), together with the event that
 * reports it; a commit is on the disk when it returns 0. Reading needs no transaction. All
 * functions return 0 or a positive outcome, or -errno (db_error()); the store logs nothing. */
#pragma once

#include "common/db.h"
#include "common/order.h"
#include "common/page-scan.h"

struct store;

/* Opens or makes the store in the folder `state` (made when missing). `bank` is this bank's name,
 * `boot` the boot id that events and grants carry. On failure *ret_error is a sentence to show. */
int store_open(const char *state, const char *bank, const char *boot, struct store **ret_store,
               char **ret_error);
struct store *store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free);

/* A running batch is joined: the commit ends both with one write to the disk, so that a customer
 * waits neither for the rest of it nor twice. A rollback takes back only one's own part. */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);
/* Ends what store_begin() began, or could not begin: commits when `r` is not negative, else undoes
 * it. Returns `r`, or the failure of the commit. */
int store_finish(struct store *store, int r);

/* The batch of the feed: a transaction that stays open over several messages. Returns 1 when it was
 * begun now, 0 when it was open already. */
int store_batch_begin(struct store *store);
bool store_in_batch(const struct store *store);
/* The log is being copied: a new batch had better wait for a moment; anything else need not. */
bool store_wants_pause(struct store *store);
/* Commits the batch, if one is open. After a failure everything since its begin is undone. */
int store_batch_end(struct store *store);

/* Was a batch undone since the last call? Whoever ends a batch (a customer may, in store_begin())
 * cannot know what was in it: the feed asks, and takes its cursor from the disk again. */
bool store_take_batch_lost(struct store *store);

/* UUID of this bank's log of events. */
const char *store_log(const struct store *store);
int64_t store_last_event(const struct store *store);
/* When the newest event was written that the store was opened with; 0 = the clock was not trusted.
 */
int64_t store_newest_trusted_ms(const struct store *store);
int64_t store_order_count(const struct store *store);
/* Orders that an earlier feed of HQ has named and the present one not (yet). */
int64_t store_orphan_count(const struct store *store);

/* What events say about the clock at the time of writing. */
void store_set_clock_trusted(struct store *store, bool trusted);

/* Small values by name. Reading: 1 = there, 0 = not there. */
int store_get_integer(struct store *store, const char *key, int64_t *ret_value);
int store_set_integer(struct store *store, const char *key, int64_t value);
int store_get_text(struct store *store, const char *key, char **ret_value);
int store_set_text(struct store *store, const char *key, const char *value);

/* ---- orders and other documents (store-order.c) ---- */

/* An order with all that the bank knows of it. */
struct order_record {
    struct order *order;
    json_t *document;
    struct placement *placements; /* parallel to order->parcels */
    uint8_t epoch;                /* highest one heard of */
    uint64_t id_seen_until_us;    /* CLOCK_BOOTTIME; 0 = not in this boot */
    bool orphan;                  /* the present feed has not named it */
    bool erased;
};

struct order_record *order_record_free(struct order_record *record);
DEFINE_CLEANUP(struct order_record *, order_record_free);

/* Finders: 1 = found, 0 = not there. The label of a parcel is its number or its barcode. */
int store_find_order(struct store *store, const char *number, struct order_record **ret_record);
int store_find_handle(struct store *store, uint64_t handle, struct order_record **ret_record);
int store_find_digest(struct store *store, const uint8_t digest[16],
                      struct order_record **ret_record);
int store_find_label(struct store *store, const char *label, struct order_record **ret_record);

/* Calls `fn` for orders in the order of their arrival; `text` (NULL = any) is looked for in order
 * and parcel numbers; `placed_only` leaves out what has never been in a door. A return other than 0
 * ends the walk and is returned. */
typedef int (*store_order_fn)(void *userdata, const struct order_record *record);
int store_each_order(struct store *store, const char *text, bool placed_only, int64_t limit,
                     int64_t offset, store_order_fn fn, void *userdata);

/* Stores a document of HQ that order_parse() accepted. Returns 1 = stored, 0 = not newer than what
 * is there, -EEXIST = one of its parcels or its handle belongs to another order, and nothing of it
 * was stored. */
int store_put_order(struct store *store, const struct order *order, const json_t *document,
                    int64_t seq, int64_t now_ms);
/* The same for a plain order of a page; its bytes are stored as they came. */
int store_put_scanned(struct store *store, const struct scanned_order *order, int64_t now_ms);
/* The tombstone of an order that left the branch. Returns 1 = stored, 0 = not newer, or unknown. */
int store_put_moved(struct store *store, const char *number, int64_t rev, int64_t seq,
                    int64_t now_ms);
int store_order_ended(struct store *store, const char *number, int64_t now_ms);
/* The document check is released until then (CLOCK_BOOTTIME), in this boot only. */
int store_set_id_seen(struct store *store, const char *number, uint64_t until_us);

/* Documents of the other kinds. store_put_document: 1 = stored, 0 = not newer. */
int store_put_document(struct store *store, const char *kind, const char *name, int64_t rev,
                       const json_t *document);
int store_find_document(struct store *store, const char *kind, const char *name,
                        json_t **ret_document);
typedef int (*store_document_fn)(void *userdata, const json_t *document);
int store_each_document(struct store *store, const char *kind, store_document_fn fn,
                        void *userdata);
/* Documents that are stored from now on belong to a new feed and replace those of the old one. */
int store_new_generation(struct store *store);
/* How many feeds this bank has followed. */
int64_t store_generation(const struct store *store);

/* Highest epoch that a genuine code has shown; raising never lowers. */
int store_raise_epoch(struct store *store, uint64_t handle, uint8_t epoch);
int store_get_epoch(struct store *store, uint64_t handle, uint8_t *ret_epoch);

/* ---- what is kept how long (store-keep.c) ---- */

/* A walk over all orders, a slice at a time. Zeroed at first; kept by the caller. */
struct store_sweep {
    int64_t after;       /* row where the next slice begins */
    int erased, dropped; /* by the last slice */
    bool more;           /* the slice was cut short: there is more to do at once */
};
/* Looks at the next slice of the orders that lie in no door: erases what identifies a person in
 * those that ended before `erase_ms`, and drops those that ended before `drop_ms` whole. */
int store_sweep_ended(struct store *store, int64_t erase_ms, int64_t drop_ms,
                      struct store_sweep *sweep);
/* Since when the oldest event after `acked` waits for HQ, INT64_MAX = none does; events rescued
 * from an old store count as waiting since ever (0). */
int store_waiting_since(struct store *store, int64_t acked, int64_t *ret_ms);
/* Drops sessions, grants with an outcome, and ids of commands from before `before_ms`; a few
 * hundred of each. */
int store_prune(struct store *store, int64_t before_ms);

/* Bytes on the disk. */
struct store_size {
    int64_t used_bytes, spare_bytes; /* of the file; spare = free pages inside it */
    int64_t wal_bytes;
    int64_t disk_free_bytes; /* of the file system */
};
int store_size(struct store *store, struct store_size *ret_size);
/* Outside a transaction: cuts the write-ahead log to nothing, gives some free pages back. */
int store_tidy(struct store *store, bool erased);

/* ---- a store that is damaged (store-damage.c, store-rescue.c; docs/protocol.md) ---- */

/* An empty store in memory that stands in while the real one cannot be opened; its log is "". */
int store_open_standin(const char *bank, const char *boot, struct store **ret_store);
/* Closes without touching the file any more. */
struct store *store_abandon(struct store *store);
/* Puts the store of the folder aside under a name with the time; it is never deleted. The next
 * store_open() makes a new one and rescues into it what can be read. 0 also when a power cut
 * interrupted it: store_open() then ends it. */
int store_set_aside(const char *state, int64_t now_ms);
/* What opening the store rescued from one that was set aside, as a sentence; NULL = nothing. */
const char *store_rescue_note(const struct store *store);
/* What became of an earlier log: 1 = it was rescued whole, 0 = in part, -ENOENT = never heard of.
 */
int store_knows_log(struct store *store, const char *log);

/* Events of earlier logs that HQ may not have, oldest log first. 1 = there are some. */
int store_old_log(struct store *store, char ret_log[37]);
/* As audit_list(), of that log. It ends before a gap, but may begin behind one. */
int store_old_list(struct store *store, const char *log, int64_t after, int64_t limit,
                   size_t max_bytes, json_t **ret_events);
/* HQ has them: forgets them. */
int store_old_acked(struct store *store, const char *log, int64_t through);
int store_old_count(struct store *store, int64_t *ret_n);

/* ---- placements, doors, sessions, grants (store-door.c) ---- */

int store_get_placement(struct store *store, const char *parcel, struct placement *ret_placement);
int store_set_placement(struct store *store, const char *parcel, const char *number, uint32_t door,
                        enum placement_state state, int64_t since_ms);
int store_delete_placement(struct store *store, const char *parcel);

/* What lies in a door: 1 = something, 0 = nothing. */
struct door_content {
    char parcel[ORDER_ID_MAX + 1], number[ORDER_ID_MAX + 1];
    enum placement_state state;
    int64_t since_ms;
};
int store_door_content(struct store *store, uint32_t door, struct door_content *ret_content);

/* What staff or the sensors have found about a door. */
struct door_trouble {
    bool jammed, faulty;
    char reason[128]; /* "" = in service */
    int64_t since_ms;
};
int store_get_trouble(struct store *store, uint32_t door, struct door_trouble *ret_trouble);
int store_set_trouble(struct store *store, uint32_t door, const struct door_trouble *trouble);

enum grant_purpose {
    GRANT_COLLECT,
    GRANT_STOCK,
    GRANT_RETRIEVE,
    GRANT_INSPECT,
    GRANT_REMOTE,
};
enum grant_outcome {
    GRANT_OUT, /* no outcome yet */
    GRANT_OPENED,
    GRANT_NOT_OPENED,
    GRANT_UNKNOWN,
};
/* The durable permission to open one door once. */
struct grant {
    uint64_t id, session;
    uint32_t door;
    char parcel[ORDER_ID_MAX + 1], number[ORDER_ID_MAX + 1]; /* "" = none */
    enum grant_purpose purpose;
    char actor[48];
    char boot[33];
    uint64_t deadline_us; /* CLOCK_BOOTTIME */
    unsigned pulses;
    int64_t at_ms;
    enum grant_outcome outcome;
    bool pulsed, closed;
    bool confirmed; /* stocking: the parcel was said to be in */
};
const char *grant_purpose_name(enum grant_purpose purpose);

/* Writes a new grant and sets grant->id. */
int store_add_grant(struct store *store, struct grant *grant);
int store_find_grant(struct store *store, uint64_t id, struct grant *ret_grant);
int store_save_grant(struct store *store, const struct grant *grant); /* what happened to it */
/* Oldest first; at most `max`. Returns how many. */
int store_grants_out(struct store *store, struct grant *ret_grants, size_t max);
int store_grants_of_session(struct store *store, uint64_t session, struct grant *ret_grants,
                            size_t max);

/* The row of a session; the rest of it follows from its grants. */
struct session_row {
    uint64_t id;
    int kind;
    char number[ORDER_ID_MAX + 1];
    uint32_t staff;
    int role;
    char actor[48], boot[33];
    uint64_t begun_us;
};
int store_add_session(struct store *store, struct session_row *row);
int store_end_session(struct store *store, uint64_t id, int64_t now_ms);
int store_live_session(struct store *store, struct session_row *ret_row); /* 1 = there is one */

/* Remote commands that were seen, each id once: 1 = seen. */
int store_find_command(struct store *store, const char *id, char **ret_result, char **ret_reason);
int store_add_command(struct store *store, const char *id, int64_t now_ms, const char *result,
                      const char *reason);
