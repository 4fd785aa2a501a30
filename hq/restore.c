/* pickup-hq restore: takes up a backup as the database of this headquarters. What has happened
 * since the backup is not in it, so HQ's history is another one from here on: it gets a new feed,
 * the banks fetch everything anew and send again the events that the backup lacks. */
#include "hq/hq.h"
#include "hq/keys.h"
#include "hq/verbs.h"

#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define WORK_FOLDER ".restore" /* in the state folder, so that rename() moves it into place */

struct restore {
    struct context *context;
    const char *file;
    char *folder, *copy, *place; /* working folder, hq.db in it, hq.db in the state folder */
    char *aside;                 /* where the old database went; NULL = there was none */
    char feed[UUID_LENGTH + 1];
};

static char *join(const char *format, ...) _printf_(1, 2);
static char *join(const char *format, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

static int rename_if_there(const char *from, const char *to)
{
    return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* A run that was cut off leaves its copy behind; it is of no use. */
static int make_work_folder(struct restore *restore)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

    if ((mkdir(restore->context->state, 0750) < 0 && errno != EEXIST) ||
        (mkdir(restore->folder, 0700) < 0 && errno != EEXIST)) {
        log_error("%s cannot be made: %s. Check the folder above it.", restore->folder,
                  strerror(errno));
        return -errno;
    }
    for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
        _cleanup_free_ char *path = join("%s%s", restore->copy, ends[i]);

        if (!path)
            return -ENOMEM;
        (void)unlink(path);
    }
    return 0;
}

/* An empty file would do as a database without tables. */
static int check_mark(struct db *db)
{
    sqlite3_stmt *mark = NULL;
    int r = db_prepare(db, "PRAGMA application_id", &mark);

    if (r >= 0)
        r = db_step(mark);
    if (r > 0 && sqlite3_column_int64(mark, 0) != STORE_APPLICATION_ID)
        r = -EUCLEAN;
    sqlite3_finalize(mark);
    return r < 0 ? r : 0;
}

static const char *why(const struct db *db, int r)
{
    int code = db->handle ? sqlite3_errcode(db->handle) : SQLITE_NOMEM;

    if (r == -EUCLEAN && code == SQLITE_OK)
        return "it is not a database of pickup-hq";
    return code == SQLITE_OK || code == SQLITE_DONE ? strerror(-r) : sqlite3_errmsg(db->handle);
}

/* Reads every page of the backup, whatever journal mode it was left in. */
static int copy_in(struct restore *restore)
{
    struct db db = {0};
    int r = db_error(sqlite3_open_v2(restore->file, &db.handle,
                                     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));

    if (r >= 0)
        r = check_mark(&db);
    if (r >= 0)
        r = hq_copy_database(&db, restore->copy);
    if (r < 0)
        log_error("%s cannot be taken as a backup: %s. Check the path, or take an older backup.",
                  restore->file, why(&db, r));
    sqlite3_close(db.handle);
    return r;
}

static int check(struct store *store, const char *file)
{
    sqlite3_stmt *check = NULL;
    int r = db_prepare(store->db, "PRAGMA integrity_check(1)", &check);

    if (r >= 0)
        r = db_step(check);
    if (r > 0 && strcmp(db_text(check, 0), "ok") != 0) {
        log_error("%s is damaged: %s. Take an older backup.", file, db_text(check, 0));
        r = -EUCLEAN;
    }
    sqlite3_finalize(check);
    return r < 0 ? r : 0;
}

/* Makes the copy a database with a history of its own. */
static int adopt(struct restore *restore)
{
    _cleanup_(store_freep) struct store *store = NULL;
    _cleanup_free_ char *error = NULL;
    int r = store_open(restore->folder, false, &store, &error);

    if (r < 0) {
        log_error("%s is not a backup of pickup-hq: %s.", restore->file, error ?: strerror(-r));
        return r;
    }
    r = check(store, restore->file);
    if (r == -EUCLEAN)
        return r;
    if (r >= 0)
        r = store_begin(store);
    if (r >= 0)
        r = store_new_feed(store, restore->feed);
    if (r >= 0)
        r = store_all_banks_offline(store);
    if (r >= 0)
        r = store_commit(store);
    if (r >= 0)
        r = db_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (r < 0)
        log_error("%s cannot be taken up: %s.", restore->file, strerror(-r));
    return r;
}

/* Brings what its log still holds into the old file, so that one file is all there is to keep. A
 * damaged one stays as it is. */
static void close_old(struct restore *restore)
{
    _cleanup_(store_freep) struct store *old = NULL;
    _cleanup_free_ char *error = NULL;

    if (store_open(restore->context->state, false, &old, &error) >= 0)
        (void)db_exec(old->db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* A name that nothing has yet, not even what an earlier restore of this second has set aside. */
static int name_aside(struct restore *restore)
{
    time_t now = time(NULL);
    char when[32];
    struct tm tm;

    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    for (unsigned i = 1;; i++) {
        char *aside = i == 1 ? join("%s.aside-%s", restore->place, when)
                             : join("%s.aside-%s-%u", restore->place, when, i);

        if (!aside)
            return -ENOMEM;
        if (access(aside, F_OK) < 0) {
            restore->aside = aside;
            return 0;
        }
        free(aside);
    }
}

/* The database goes first: without it nothing is served, so that a cut between two of these steps
 * cannot go unnoticed. Its log must be gone before another database has its name. */
static int set_aside(struct restore *restore)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    int r;

    if (access(restore->place, F_OK) == 0)
        close_old(restore);
    r = name_aside(restore);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(ends) && r >= 0; i++) {
        _cleanup_free_ char *from = join("%s%s", restore->place, ends[i]);
        _cleanup_free_ char *to = join("%s%s", restore->aside, ends[i]);

        r = from && to ? rename_if_there(from, to) : -ENOMEM;
    }
    return r < 0 ? r : hq_sync_folder_of(restore->place);
}

static int put_in_place(struct restore *restore)
{
    int r = hq_sync(restore->copy);

    if (r >= 0)
        r = hq_hold_database(restore->context->state, true, &restore->context->database_lock);
    if (r >= 0)
        r = set_aside(restore);
    if (r >= 0 && rename(restore->copy, restore->place) < 0)
        r = -errno;
    if (r >= 0)
        r = hq_sync_folder_of(restore->place);
    if (r < 0)
        log_error("%s cannot be put into place: %s. Nothing was deleted; look into %s.",
                  restore->place, strerror(-r), restore->context->state);
    else
        (void)rmdir(restore->folder);
    return r;
}

static void report(const struct restore *restore)
{
    bool kept = restore->aside && access(restore->aside, F_OK) == 0;
    _cleanup_free_ char *error = NULL;
    uint8_t seed[KEY_BYTES];
    json_auto_t *all = NULL;

    if (key_load(restore->context->state, KEY_FEED, seed, &error) < 0)
        log_warning("%s. Put the keys of this headquarters back before it serves: the banks "
                    "believe no others.",
                    error ?: "The feed key cannot be read");
    explicit_bzero(seed, sizeof(seed));
    if (restore->context->json) {
        all = json_pack("{s:s,s:s,s:s?}", "file", restore->file, "feed", restore->feed, "aside",
                        kept ? restore->aside : NULL);
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    printf("%s was taken up with the new feed %s.\n", restore->file, restore->feed);
    if (kept)
        printf("The database before it is %s.\n", restore->aside);
    puts("Start pickup-hq serve: the banks send again what happened since. Then import again what "
         "the shop has exported since.");
}

static int run(struct restore *restore)
{
    int r = make_work_folder(restore);

    if (r >= 0)
        r = copy_in(restore);
    if (r >= 0)
        r = adopt(restore);
    if (r >= 0)
        r = put_in_place(restore);
    if (r < 0)
        return EXIT_FAILED;
    report(restore);
    return EXIT_GOOD;
}

int verb_restore(struct context *context, int argc, char **argv)
{
    bool force = false;
    const struct verb_option options[] = {{"force", .flag = &force}};
    struct restore restore = {.context = context};
    _cleanup_close_ int lock = -1;
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    restore.file = argv[1];
    restore.folder = join("%s/" WORK_FOLDER, context->state);
    restore.copy = join("%s/" WORK_FOLDER "/hq.db", context->state);
    restore.place = join("%s/hq.db", context->state);
    r = EXIT_FAILED;
    if (!restore.folder || !restore.copy || !restore.place) {
        log_error("There is no memory.");
    } else if (!force && access(restore.place, F_OK) == 0) {
        log_error("%s is there already. Write --force to set it aside and take up the backup.",
                  restore.place);
    } else if (access(argv[1], R_OK) < 0) {
        log_error("%s cannot be read: %s. Check the path and its owner.", argv[1], strerror(errno));
    } else if (access(context->state, F_OK) < 0 || hq_lock(context->state, &lock) >= 0) {
        r = run(&restore);
    }
    free(restore.folder);
    free(restore.copy);
    free(restore.place);
    free(restore.aside);
    return r;
}
