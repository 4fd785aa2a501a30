#include "fault-undo.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

/* One sector as it was. */
struct before {
    struct before *older;
    int64_t at;
    uint8_t bytes[SECTOR];
};

struct fault_undo {
    struct fault_undo *next;
    char *path;
    struct before *newest;
    int64_t synced_bytes; /* -1 = nothing has changed since the last sync */
};

static struct fault_undo *all;

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

struct fault_undo *fault_undo_of(const char *path)
{
    struct fault_undo *undo;

    for (undo = all; undo; undo = undo->next)
        if (strcmp(undo->path, path) == 0)
            return undo;
    undo = must(calloc(1, sizeof(*undo)));
    undo->path = must(strdup(path));
    undo->synced_bytes = -1;
    undo->next = all;
    all = undo;
    return undo;
}

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? 0 : st.st_size;
}

void fault_undo_change(struct fault_undo *undo, sqlite3_file *file, int64_t at, int64_t n)
{
    int64_t size = size_of(undo->path), end = n < 0 ? size : at + n;

    if (undo->synced_bytes < 0)
        undo->synced_bytes = size;
    for (int64_t sector = at - at % SECTOR; sector < end; sector += SECTOR) {
        struct before *before = must(calloc(1, sizeof(*before)));

        before->at = sector;
        /* Through SQLite's own descriptor: closing another one would drop its locks. */
        (void)file->pMethods->xRead(file, before->bytes, SECTOR, sector);
        before->older = undo->newest;
        undo->newest = before;
    }
}

void fault_undo_forget(struct fault_undo *undo)
{
    while (undo->newest) {
        struct before *before = undo->newest;

        undo->newest = before->older;
        free(before);
    }
    undo->synced_bytes = -1;
}

/* The same sector must always be judged the same way, however often it was written. */
static bool kept(unsigned seed, int64_t sector)
{
    uint64_t x = ((uint64_t)sector / SECTOR + 1) * UINT64_C(0x9E3779B97F4A7C15) + seed;

    x ^= x >> 31;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    return x >> 63;
}

static void restore(struct fault_undo *undo, bool torn, unsigned seed)
{
    int64_t size = size_of(undo->path);
    int fd;

    if (undo->synced_bytes < 0)
        return;
    fd = open(undo->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* it was deleted */
    for (struct before *before = undo->newest; before; before = before->older)
        if (!torn || !kept(seed, before->at))
            if (pwrite(fd, before->bytes, SECTOR, before->at) < 0)
                abort();
    if (torn && size > undo->synced_bytes && kept(seed, -SECTOR))
        undo->synced_bytes = size; /* the longer size was on the disk, its bytes were not */
    if (ftruncate(fd, undo->synced_bytes) < 0)
        abort();
    close(fd);
}

void fault_undo_cut_power(bool torn)
{
    unsigned seed = (unsigned)getpid();

    for (struct fault_undo *undo = all; undo; undo = undo->next)
        restore(undo, torn, seed);
    for (;;)
        kill(getpid(), SIGKILL);
}

int64_t fault_undo_total_bytes(void)
{
    int64_t bytes = 0;

    for (struct fault_undo *undo = all; undo; undo = undo->next)
        bytes += size_of(undo->path);
    return bytes;
}
