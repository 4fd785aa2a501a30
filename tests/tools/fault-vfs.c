/* An SQLite VFS that fails on demand (docs/development.md, "A faulty disk"). It lies over the
 * operating system's own and is the standard one of every program that this file is linked into:
 * pickupd-faulty and pickup-hq-faulty, which are made for tests only. */
#include "fault-rules.h"
#include "fault-undo.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fault_file {
    sqlite3_file base;
    enum fault_file_kind kind;
    struct fault_undo *undo; /* NULL = a temporary file */
    const char *path;        /* SQLite's, valid while it is open */
    sqlite3_file *real;      /* behind this struct, in the same memory */
};

static sqlite3_vfs *under;
static int last_errno; /* for sqlite3_system_errno() */

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

/* Judges one operation. Returns the SQLite code to fail with, else SQLITE_OK. */
static int judge(enum fault_op op, enum fault_file_kind kind, const char *path, int io_error,
                 enum fault_action *ret_action)
{
    enum fault_action action = fault_rules_judge(op, kind);

    if (ret_action)
        *ret_action = action;
    switch (action) {
    case FAULT_FULL:
        fault_rules_note("full", path);
        last_errno = ENOSPC;
        return op == FAULT_OP_OPEN ? SQLITE_CANTOPEN : SQLITE_FULL;
    case FAULT_EIO:
        fault_rules_note("eio", path);
        last_errno = EIO;
        return io_error;
    case FAULT_READONLY:
        fault_rules_note("readonly", path);
        last_errno = EROFS;
        return io_error;
    case FAULT_KILL:
        fault_rules_note("kill", path);
        kill(getpid(), SIGKILL);
        pause();
        return SQLITE_IOERR;
    case FAULT_POWER:
    case FAULT_TORN:
        fault_rules_note(action == FAULT_TORN ? "torn" : "power", path);
        fault_undo_cut_power(action == FAULT_TORN);
    case FAULT_KILL_AFTER:
    case FAULT_FLIP:
    case FAULT_NONE:
        return SQLITE_OK;
    }
    return SQLITE_OK;
}

static int judge_file(struct fault_file *file, enum fault_op op, int io_error,
                      enum fault_action *ret_action)
{
    return judge(op, file->kind, file->path, io_error, ret_action);
}

/* After the operation was done. */
static int done(const struct fault_file *file, enum fault_action action, int code)
{
    if (action == FAULT_KILL_AFTER) {
        fault_rules_note("kill-after", file->path);
        kill(getpid(), SIGKILL);
        pause();
    }
    return code;
}

static int file_close(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);

    return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
    struct fault_file *fault = (struct fault_file *)file;
    enum fault_action action;
    int code = judge_file(fault, FAULT_OP_READ, SQLITE_IOERR_READ, &action);

    if (code != SQLITE_OK)
        return code;
    code = fault->real->pMethods->xRead(fault->real, bytes, n, at);
    if (action == FAULT_FLIP && n > 0) {
        fault_rules_note("flip", fault->path);
        ((unsigned char *)bytes)[0] ^= 0x5A; /* a page's type, a file's or a frame's header */
    }
    return done(fault, action, code);
}

static int file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct fault_file *fault = (struct fault_file *)file;
    enum fault_action action;
    sqlite3_int64 size = 0;
    int code = judge_file(fault, FAULT_OP_WRITE, SQLITE_IOERR_WRITE, &action);

    if (code == SQLITE_OK && fault->undo) {
        (void)fault->real->pMethods->xFileSize(fault->real, &size);
        if (at + n > size) {
            code = judge_file(fault, FAULT_OP_GROW, SQLITE_IOERR_WRITE, NULL);
            if (code == SQLITE_OK &&
                fault_undo_total_bytes() + at + n - size > fault_rules_quota()) {
                last_errno = ENOSPC;
                code = SQLITE_FULL;
            }
        }
    }
    if (code != SQLITE_OK)
        return code;
    if (fault->undo)
        fault_undo_change(fault->undo, fault->real, at, n);
    return done(fault, action, fault->real->pMethods->xWrite(fault->real, bytes, n, at));
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct fault_file *fault = (struct fault_file *)file;
    enum fault_action action;
    int code = judge_file(fault, FAULT_OP_TRUNCATE, SQLITE_IOERR_TRUNCATE, &action);

    if (code != SQLITE_OK)
        return code;
    if (fault->undo)
        fault_undo_change(fault->undo, fault->real, size, -1);
    return done(fault, action, fault->real->pMethods->xTruncate(fault->real, size));
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct fault_file *fault = (struct fault_file *)file;
    enum fault_action action;
    int code = judge_file(fault, FAULT_OP_SYNC, SQLITE_IOERR_FSYNC, &action);

    if (code != SQLITE_OK)
        return code;
    code = fault->real->pMethods->xSync(fault->real, flags);
    if (code == SQLITE_OK && fault->undo)
        fault_undo_forget(fault->undo);
    return done(fault, action, code);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *ret)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
    if (op == SQLITE_FCNTL_LAST_ERRNO && last_errno) {
        *(int *)argument = last_errno;
        return SQLITE_OK;
    }
    return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file)
{
    /* Nothing is promised that a power cut of ours would break. */
    return 0;
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int drop)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), drop);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static enum fault_file_kind kind_of(int flags)
{
    return flags & SQLITE_OPEN_WAL       ? FAULT_FILE_WAL
           : flags & SQLITE_OPEN_MAIN_DB ? FAULT_FILE_DB
                                         : FAULT_FILE_OTHER;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret)
{
    struct fault_file *fault = (struct fault_file *)file;
    int code;

    memset(fault, 0, sizeof(*fault));
    fault->kind = kind_of(flags);
    fault->path = path;
    fault->real = (sqlite3_file *)(fault + 1);
    code = judge(FAULT_OP_OPEN, fault->kind, path, SQLITE_CANTOPEN, NULL);
    if (code == SQLITE_OK)
        code = under->xOpen(under, path, fault->real, flags, ret);
    if (code != SQLITE_OK)
        return code;
    if (path)
        fault->undo = fault_undo_of(path);
    file->pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    int code = judge(FAULT_OP_DELETE, FAULT_FILE_OTHER, path, SQLITE_IOERR_DELETE, NULL);

    if (code == SQLITE_OK)
        code = under->xDelete(under, path, sync);
    if (code == SQLITE_OK)
        fault_undo_forget(fault_undo_of(path));
    return code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    return under->xAccess(under, path, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int n, char *ret)
{
    return under->xFullPathname(under, path, n, ret);
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *ret)
{
    return under->xRandomness(under, n, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return under->xSleep(under, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    return under->xCurrentTime(under, ret);
}

static int vfs_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    return under->xCurrentTimeInt64(under, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *ret)
{
    return last_errno ? last_errno : under->xGetLastError(under, n, ret);
}

static sqlite3_vfs fault_vfs = {
    .iVersion = 2,
    .zName = "fault",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xCurrentTimeInt64 = vfs_time_int64,
    .xGetLastError = vfs_last_error,
};

/* Before main(): the programs themselves know nothing of it. */
__attribute__((constructor)) static void register_vfs(void)
{
    if (sqlite3_initialize() != SQLITE_OK)
        abort();
    under = sqlite3_vfs_find(NULL);
    if (!under)
        abort();
    fault_vfs.szOsFile = (int)sizeof(struct fault_file) + under->szOsFile;
    fault_vfs.mxPathname = under->mxPathname;
    if (sqlite3_vfs_register(&fault_vfs, 1) != SQLITE_OK)
        abort();
}
