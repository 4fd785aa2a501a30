/* What the faulty VFS is to do wrong, read from the file that PICKUP_FAULTS names
 * (docs/development.md, "A faulty disk"). The file is read again whenever it changes, and the
 * counters then start anew, so a test can break and mend the disk of a running program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault_op {
    FAULT_OP_OPEN,
    FAULT_OP_READ,
    FAULT_OP_WRITE,
    FAULT_OP_GROW, /* a write behind the end of the file; counted beside the write */
    FAULT_OP_SYNC,
    FAULT_OP_TRUNCATE,
    FAULT_OP_DELETE,
    FAULT_OP_COUNT,
};

enum fault_action {
    FAULT_NONE,
    FAULT_FULL,       /* ENOSPC */
    FAULT_EIO,        /* the device failed */
    FAULT_READONLY,   /* EROFS, as after a remount */
    FAULT_FLIP,       /* a read brings one wrong byte */
    FAULT_KILL,       /* SIGKILL before the operation */
    FAULT_KILL_AFTER, /* SIGKILL after it */
    FAULT_POWER,      /* SIGKILL, and every write since the file's last sync is gone */
    FAULT_TORN,       /* the same, but each sector of them is lost or kept by chance */
};

enum fault_file_kind { FAULT_FILE_OTHER, FAULT_FILE_DB, FAULT_FILE_WAL };

/* Counts the operation and says what is to go wrong with it. */
enum fault_action fault_rules_judge(enum fault_op op, enum fault_file_kind kind);
/* The most that all files together may hold; INT64_MAX without a rule `quota`. */
int64_t fault_rules_quota(void);
/* Notes in FILE.hits that a rule has struck, for the test to see. */
void fault_rules_note(const char *what, const char *path);
