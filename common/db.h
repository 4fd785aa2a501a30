/* SQLite, opened the one way this product opens it (docs/architecture.md): WAL, synchronous=FULL,
 * secure_delete, foreign_keys, busy_timeout, numbered migrations in user_version. Silent. A
 * connection belongs to the thread that opened it. */
#pragma once

#include "common/cleanup.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

struct db_checkpointer;

struct db {
    sqlite3 *handle;
    struct db_checkpointer *checkpointer; /* NULL = whoever commits does it */
    int log_pages;                        /* in the write-ahead log after the last commit */
};

/* Opens or makes `path` and brings it to the newest schema: `migrations[i]` is the SQL that leads
 * from user_version i to i+1, each run in a transaction of its own. `application_id` marks the file
 * (PRAGMA application_id) so that another program's database is refused. ":memory:" is allowed, for
 * tests.
 * Returns 0; -EUCLEAN when the file is not a database of ours or is damaged; -ENOTSUP when it was
 * written by a newer version; else -errno. On failure *ret_error is a sentence to show (owned by
 * the caller, may be NULL when memory ran out). */
int db_open(const char *path, int32_t application_id, const char *const *migrations,
            size_t n_migrations, struct db **ret_db, char **ret_error);
struct db *db_free(struct db *db);

/* From now on a thread does the checkpoints (db-checkpoint.h). Nothing for a database in memory. */
int db_checkpoint_aside(struct db *db);
/* The log has grown and is being copied: who has no hurry waits with the next transaction until
 * this is false, so that the log can start again. Never true for long after the last commit. */
bool db_log_is_full(struct db *db);
DEFINE_CLEANUP(struct db *, db_free);

/* Maps an SQLite result code to -errno: FULL → -ENOSPC, IOERR → -EIO, READONLY → -EROFS,
 * CORRUPT/NOTADB → -EUCLEAN, BUSY/LOCKED → -EBUSY, CONSTRAINT → -EEXIST, NOMEM → -ENOMEM,
 * else -EPROTO; 0 for OK, ROW and DONE. The functions below also ask the operating system, so that
 * a full or read-only disk behind an I/O error comes out as -ENOSPC or -EROFS. */
int db_error(int sqlite_code);

int db_begin(struct db *db);     /* BEGIN IMMEDIATE */
int db_commit(struct db *db);    /* on failure the transaction is rolled back */
void db_rollback(struct db *db); /* harmless outside a transaction */
/* Bytes of the file that hold something, and that could be given back; without the write-ahead log.
 */
int db_size(struct db *db, int64_t *ret_used_bytes, int64_t *ret_free_bytes);
/* Gives up to `pages` free pages back to the file system; outside a transaction. */
int db_give_back(struct db *db, int pages);
/* Moves the write-ahead log into the file and cuts it to nothing, so that nothing which was erased
 * lives on in it. -EBUSY when somebody reads. */
int db_truncate_wal(struct db *db);
/* Closing will not touch the file any more: for one that is damaged. */
void db_abandon(struct db *db);
/* Several statements without results. */
int db_exec(struct db *db, const char *sql);
/* Prepares once (SQLITE_PREPARE_PERSISTENT). The caller finalises before db_free(). */
int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret_statement);
/* A prepared statement that resets itself when the variable goes out of scope:
 *     _cleanup_(db_resetp) sqlite3_stmt *s = store->by_handle;   */
void db_resetp(sqlite3_stmt **statement);
/* Steps: 1 = row, 0 = done, else -errno. */
int db_step(sqlite3_stmt *statement);
/* Steps a statement that has no rows, then resets it: 0 or -errno. */
int db_run(sqlite3_stmt *statement);
/* A NUL-terminated column that may be NULL; valid until the next step or reset. */
const char *db_text(sqlite3_stmt *statement, int column);

/* Binds parameters 1, 2, … in the order of `types`: 'i' int64_t, 's' const char * (NULL binds
 * NULL), 't' const char * and size_t (NULL binds NULL), 'b' const void * and size_t. Text and blobs
 * must stay valid until the statement is reset.
 */
int db_bind(sqlite3_stmt *statement, const char *types, ...);

/* A new copy of a text column, or NULL for NULL; -ENOMEM. */
int db_copy_text(sqlite3_stmt *statement, int column, char **ret_text);

/* Prepares `n` statements into an array that starts zeroed; db_finalize_all() in every case. */
int db_prepare_all(struct db *db, const char *const *sql, size_t n, sqlite3_stmt **ret_statements);
void db_finalize_all(sqlite3_stmt **statements, size_t n);
