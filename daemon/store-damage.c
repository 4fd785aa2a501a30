/* Setting a damaged store aside, so that a power cut at any moment leaves either the old store or
 * the new one, never the log of one beside the file of the other. A marker file says what is under
 * way: it is made before the first rename and goes after what could be read is in the new store. */
#include "daemon/store-damage.h"

#include "daemon/store-inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MARKER      "bank.db.aside"
#define MARKER_NEXT MARKER ".next"

static int open_folder(const char *state)
{
    int fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int sync_folder(int folder)
{
    return fsync(folder) < 0 ? -errno : 0;
}

static int rename_if_there(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* Moves the files of the damaged store to their new names, as far as that is still to be done. */
static int move(int folder, const char *name)
{
    char wal[STORE_ASIDE_MAX + 24];
    int r;

    if (faccessat(folder, name, F_OK, 0) == 0)
        return 0; /* what bears the old name is the new store already */
    snprintf(wal, sizeof(wal), "%s-wal", name);
    r = rename_if_there(folder, STORE_FILE "-wal", wal);
    if (r == 0 && unlinkat(folder, STORE_FILE "-shm", 0) < 0 && errno != ENOENT)
        r = -errno;
    if (r == 0)
        r = rename_if_there(folder, STORE_FILE, name);
    return r < 0 ? r : sync_folder(folder);
}

static int write_marker(int folder, const char *name)
{
    _cleanup_close_ int fd =
        openat(folder, MARKER_NEXT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    size_t n = strlen(name);

    if (fd < 0)
        return -errno;
    if (write(fd, name, n) != (ssize_t)n)
        return errno ? -errno : -ENOSPC;
    if (fsync(fd) < 0 || renameat(folder, MARKER_NEXT, folder, MARKER) < 0)
        return -errno;
    return sync_folder(folder);
}

static int read_marker(int folder, char ret_name[STORE_ASIDE_MAX])
{
    _cleanup_close_ int fd = openat(folder, MARKER, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    n = read(fd, ret_name, STORE_ASIDE_MAX - 1);
    if (n < 0)
        return -errno;
    ret_name[n] = '\0';
    return n > 0 && !strchr(ret_name, '/') ? 1 : -EUCLEAN;
}

/* The new store went bad before anything was rescued into it: out of the way with it too. */
static int move_again(int folder, const char *name)
{
    char again[STORE_ASIDE_MAX + 16];
    int i = 1;

    do
        snprintf(again, sizeof(again), "%s-again-%d", name, i++);
    while (faccessat(folder, again, F_OK, 0) == 0);
    return move(folder, again);
}

int store_set_aside(const char *state, int64_t now_ms)
{
    _cleanup_close_ int folder = open_folder(state);
    char name[STORE_ASIDE_MAX], when[32];
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    int r;

    if (folder < 0)
        return folder;
    r = read_marker(folder, name);
    if (r > 0)
        return faccessat(folder, name, F_OK, 0) == 0 ? move_again(folder, name)
                                                     : move(folder, name);
    if (r < 0)
        return r;
    if (!gmtime_r(&seconds, &tm) || strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0)
        return -EINVAL;
    /* Two within a second must not meet. */
    for (int i = 0; i == 0 || faccessat(folder, name, F_OK, 0) == 0; i++)
        snprintf(name, sizeof(name), i ? STORE_FILE ".damaged-%s-%d" : STORE_FILE ".damaged-%s",
                 when, i);
    r = write_marker(folder, name);
    return r < 0 ? r : move(folder, name);
}

int store_aside_resume(const char *state, char ret_name[STORE_ASIDE_MAX])
{
    _cleanup_close_ int folder = open_folder(state);
    int r;

    if (folder < 0)
        return folder;
    r = read_marker(folder, ret_name);
    if (r <= 0)
        return r;
    r = move(folder, ret_name);
    return r < 0 ? r : 1;
}

int store_aside_done(const char *state)
{
    _cleanup_close_ int folder = open_folder(state);

    if (folder < 0)
        return folder;
    if (unlinkat(folder, MARKER, 0) < 0 && errno != ENOENT)
        return -errno;
    return sync_folder(folder);
}
