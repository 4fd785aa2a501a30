/* What a power cut takes away: for every file the bytes that were there at its last sync. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fault_undo;

/* The record of the file at `path`; one for all that have it open, kept to the end. */
struct fault_undo *fault_undo_of(const char *path);
/* Before `n` bytes at `at` are written, or the file is cut to `at` bytes (n = -1); `file` is open
 * on it. */
void fault_undo_change(struct fault_undo *undo, sqlite3_file *file, int64_t at, int64_t n);
/* The file was synced, or is gone: nothing of it can be lost any more. */
void fault_undo_forget(struct fault_undo *undo);
/* Takes away what no sync has saved, of every file: all of it, or with `torn` each sector by
 * chance. Then ends the process with SIGKILL. */
_Noreturn void fault_undo_cut_power(bool torn);
/* Bytes that all known files hold together. */
int64_t fault_undo_total_bytes(void);
