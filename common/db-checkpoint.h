/* Checkpoints of the write-ahead log in a thread of its own, so that whoever commits never waits
 * for one: under a flood of orders a checkpoint costs several times as much as a commit. The thread
 * has its own connection and touches nothing else. Inner part of common/db.h.
 *
 * A log starts again at its begin only when all of it was copied before a transaction began
 * (https://sqlite.org/wal.html, section 2.2), so somebody who writes without a pause must make one
 * now and then: db_log_is_full(). */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>

struct db_checkpointer;

/* Starts the thread for the database in the file `path`. */
int db_checkpointer_new(const char *path, struct db_checkpointer **ret_checkpointer);
/* Waits for a checkpoint that is under way. */
struct db_checkpointer *db_checkpointer_free(struct db_checkpointer *checkpointer);
/* Asks for a checkpoint of what is committed now; returns at once. */
void db_checkpointer_ask(struct db_checkpointer *checkpointer);
/* One is asked for or under way. */
bool db_checkpointer_busy(struct db_checkpointer *checkpointer);
