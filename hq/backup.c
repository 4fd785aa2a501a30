/* pickup-hq backup: the whole database at one moment, in one file, while everything goes on. */
#include "hq/hq.h"
#include "hq/verbs.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Makes `path` empty and readable by its owner only: it will hold what the customers ordered. */
static int make_private(const char *path)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return fd < 0 || fchmod(fd, 0600) < 0 ? -errno : 0;
}

int hq_sync(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int hq_sync_folder_of(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);

    return copy ? hq_sync(dirname(copy)) : -ENOMEM;
}

int hq_copy_database(struct db *db, const char *path)
{
    sqlite3_stmt *copy = NULL;
    int r = make_private(path);

    if (r >= 0)
        r = db_prepare(db, "VACUUM INTO ?1", &copy);
    if (r >= 0)
        r = db_bind(copy, "s", path);
    if (r >= 0)
        r = db_run(copy);
    sqlite3_finalize(copy);
    return r < 0 ? r : hq_sync(path);
}

static int write_backup(struct context *context, const char *path)
{
    _cleanup_free_ char *part = NULL;
    int r;

    if (asprintf(&part, "%s.part", path) < 0) {
        part = NULL;
        return -ENOMEM;
    }
    r = hq_copy_database(context->store->db, part);
    if (r >= 0 && rename(part, path) < 0)
        r = -errno;
    if (r >= 0)
        return hq_sync_folder_of(path);
    (void)unlink(part);
    return r;
}

int verb_backup(struct context *context, int argc, char **argv)
{
    bool force = false;
    const struct verb_option options[] = {{"force", .flag = &force}};
    json_auto_t *all = NULL;
    struct stat st = {0};
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    if (!force && access(argv[1], F_OK) == 0) {
        log_error("%s is there already. Name another file, or write --force to replace it.",
                  argv[1]);
        return EXIT_FAILED;
    }
    r = write_backup(context, argv[1]);
    if (r < 0 || stat(argv[1], &st) < 0) {
        log_error("%s cannot be written: %s. Check the folder, its owner and free space.", argv[1],
                  strerror(r < 0 ? -r : errno));
        return EXIT_FAILED;
    }
    if (context->json) {
        all = json_pack("{s:s,s:I}", "file", argv[1], "bytes", (json_int_t)st.st_size);
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        printf("%s holds the database (%lld bytes). Keep the keys of %s apart from it.\n", argv[1],
               (long long)st.st_size, context->state);
    }
    return EXIT_GOOD;
}
