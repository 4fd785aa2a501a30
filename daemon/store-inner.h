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
    ORDER_ERASABLE,
    ORDER_ERASE,
    PARCELS_CLEAR,
    PARCEL_INSERT,
    DOCUMENT_REV,
    DOCUMENT_SET,
    DOCUMENT_GET,
    DOCUMENT_LIST,
    EPOCH_RAISE,
    EPOCH_GET,
    PLACEMENT_GET,
    PLACEMENT_SET,
    PLACEMENT_DELETE,
    PLACEMENT_AT_DOOR,
    DOOR_GET,
    DOOR_SET,
    SESSION_INSERT,
    SESSION_END,
    SESSION_LIVE,
    GRANT_INSERT,
    GRANT_GET,
    GRANT_SAVE,
    GRANTS_OUT,
    GRANTS_OF_SESSION,
    EVENT_INSERT,
    EVENT_LIST,
    EVENT_LAST,
    EVENT_OLDEST,
    EVENT_PERSONAL,
    EVENT_ERASE,
    EVENT_PRUNE,
    COMMAND_GET,
    COMMAND_ADD,
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
    int64_t n_orders, generation;
};

struct store {
    struct db *db;
    sqlite3_stmt *statements[STORE_STATEMENTS];
    char log[37];
    char boot[33];
    char *bank;
    int64_t n_orders, generation;
    struct store_chain chain;
    struct store_memory at_begin, at_join;
    bool in_transaction, in_batch;
    bool joined;     /* store_begin() found a batch and works inside it */
    bool batch_lost; /* a batch was undone and the feed has not heard of it yet */
    bool clock_trusted;
};
