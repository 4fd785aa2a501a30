/* Inner part of the store, shared by its own files only. */
#pragma once

#include "common/event.h"
#include "daemon/store.h"

#include <sodium.h>

enum store_statement {
    SAVEPOINT,
    SAVEPOINT_UNDO,
    SAVEPOINT_DONE,
    JOIN,
    JOIN_UNDO,
    JOIN_DONE,
    META_GET,
    META_SET,
    ORDER_REV,
    ORDER_INSERT,
    ORDER_UPDATE,
    ORDER_DELETE,
    ORDER_BY_NUMBER,
    ORDER_BY_HANDLE,
    ORDER_BY_DIGEST,
    ORDER_BY_PARCEL,
    ORDER_LIST,
    ORDER_COUNT,
    ORDER_ENDED,
    ORDER_ID_SEEN,
    ORDER_SLICE,
    ORDER_ERASE,
    PARCELS_CLEAR,
    PARCEL_INSERT,
    DOCUMENT_REV,
    DOCUMENT_SET,
    DOCUMENT_GET,
    DOCUMENT_LIST,
    EPOCH_RAISE,
    EPOCH_CLEAR,
    EPOCH_GET,
    PLACEMENT_GET,
    PLACEMENT_SET,
    PLACEMENT_DELETE,
    PLACEMENTS_CLEAR,
    PLACEMENT_AT_DOOR,
    DOOR_GET,
    DOOR_SET,
    SESSION_INSERT,
    SESSION_END,
    SESSIONS_PRUNE,
    SESSION_LIVE,
    GRANT_INSERT,
    GRANT_GET,
    GRANT_SAVE,
    GRANTS_PRUNE,
    GRANTS_OUT,
    GRANTS_OF_SESSION,
    EVENT_INSERT,
    EVENT_LIST,
    EVENT_LAST,
    EVENT_OLDEST,
    EVENT_PERSONAL,
    EVENT_ERASE,
    EVENT_KEPT,
    EVENT_PRUNE,
    EVENT_WAITING_SINCE,
    OLD_LOG,
    OLD_LIST,
    OLD_ADD,
    OLD_FORGET,
    OLD_DELETE,
    OLD_COUNT,
    OLD_PERSONAL,
    OLD_ERASE,
    COMMAND_GET,
    COMMAND_ADD,
    COMMANDS_PRUNE,
    STORE_STATEMENTS,
};

extern const char *const store_migrations[];
extern const size_t store_n_migrations;
extern const char *const store_sql[STORE_STATEMENTS];

struct store_chain {
    int64_t last_n;
    uint8_t hash[EVENT_HASH_BYTES];
};

/* What a transaction changes in memory and a rollback takes back. */
struct store_memory {
    struct store_chain chain;
    int64_t n_orders, n_orphans, generation;
};

struct store {
    struct db *db;
    sqlite3_stmt *statements[STORE_STATEMENTS];
    char log[37];
    char boot[33];
    char *bank;
    char *path;        /* of the file; "" = the stand-in */
    char *rescue_note; /* what opening rescued, as a sentence; NULL = nothing */
    int64_t n_orders, n_orphans, generation;
    struct store_chain chain;
    struct store_memory at_begin, at_join;
    bool in_transaction, in_batch;
    bool joined;     /* store_begin() found a batch and works inside it */
    bool batch_lost; /* a batch was undone and the feed has not heard of it yet */
    int64_t newest_trusted_ms;
    bool clock_trusted;
    bool stands_in; /* takes no transaction */
};

/* Reads rows of (n, event), as many as fit into `max_bytes`, at least one, to the first gap; resets
 * the statement. */
int audit_read(sqlite3_stmt *statement, size_t max_bytes, json_t **ret_events);
