/* What every branch's feed begins with, and the wake-up of the running `serve`. */
#pragma once

#include "hq/hq-config.h"
#include "hq/store.h"

/* Publishes keys and policy of every branch as far as the feed does not say the same already,
 * inside the caller's transaction. Returns 1 when something changed, 0, or -errno; *ret_error is a
 * sentence when a key cannot be read. */
int hq_publish(struct store *store, const struct hq_config *config, const char *state,
               char **ret_error);

#define HQ_SOCKET "serve.socket"

/* Tells `serve` on the same state folder that there is something new. It may be lost, and nobody
 * may be listening: `serve` looks for itself every second. */
void hq_poke(const char *state);

/* Only one process serves a state folder, and nobody replaces its database meanwhile. The lock ends
 * with the process, or when *ret_fd is closed. Logs; -EBUSY = another one has it. */
int hq_lock(const char *state, int *ret_fd);

/* Does a `serve` run on the state folder at this moment? */
bool hq_is_served(const char *state);

/* Whoever opens the database holds this until it is closed again: SQLite finds the log of a
 * database by name, so one that is replaced while it is open spoils the one that takes its place.
 * With `replace` waits until nobody else has it open, and says so; without, until nobody replaces
 * it. *ret_fd is -1 when there is no folder `state`. Logs. The lock ends with the process, or when
 * *ret_fd is closed. */
int hq_hold_database(const char *state, bool replace, int *ret_fd);

/* --- files (backup.c) ------------------------------------------------------------------------- */

/* Writes all of `db` as it is at this moment to the file `path` (mode 0600), and on to the disk.
 * Other connections may write meanwhile. A broken file may be left behind after a failure. */
int hq_copy_database(struct db *db, const char *path);
/* Onto the disk: a file or folder; the names in the folder that `path` lies in. */
int hq_sync(const char *path);
int hq_sync_folder_of(const char *path);
