#include "common/db.h"
#include "common/db-checkpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DB_BUSY_TIMEOUT_MS 5000
#define CHECKPOINT_PAGES   1000 /* 4 MiB, as wal_autocheckpoint below */
#define LOG_FULL_PAGES     2000 /* half of journal_size_limit below */

/* What can be set before anything is written. */
static const char session_pragmas[] = "PRAGMA foreign_keys = ON;"
                                      "PRAGMA secure_delete = ON;"
                                      "PRAGMA cell_size_check = ON;"
                                      "PRAGMA trusted_schema = OFF;"
                                      "PRAGMA cache_size = -6000;"
                                      "PRAGMA recursive_triggers = ON;";

/* The write-ahead log is checkpointed every 1000 pages (4 MiB) and cut back to 16 MiB after a large
 * transaction, so that a surge does not leave a large file behind. */
static const char wal_pragmas[] = "PRAGMA synchronous = FULL;"
                                  "PRAGMA wal_autocheckpoint = 1000;"
                                  "PRAGMA journal_size_limit = 16777216;";

static void fail(char **ret_error, const char *format, ...) _printf_(2, 3);
static void fail(char **ret_error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_error, format, ap) < 0)
        *ret_error = NULL;
    va_end(ap);
}

int db_error(int sqlite_code)
{
    switch (sqlite_code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
        return -EIO;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

/* What the operating system said last of the write-ahead log or the file; 0 = nothing. A COMMIT
 * does not leave it in sqlite3_system_errno(). */
static int file_errno(sqlite3 *handle)
{
    static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};

    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        sqlite3_file *file = NULL;
        int error = 0;

        if (sqlite3_file_control(handle, "main", files[i], &file) == SQLITE_OK && file &&
            file->pMethods &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
            error)
            return error;
    }
    return sqlite3_system_errno(handle);
}

/* As db_error(), and what SQLite often calls an I/O error only. */
static int error_of(sqlite3 *handle, int code)
{
    int kind = code & 0xFF;

    if (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN) {
        switch (file_errno(handle)) {
        case ENOSPC:
        case EDQUOT:
            return -ENOSPC;
        case EROFS:
            return -EROFS;
        default:
            return -EIO;
        }
    }
    return db_error(code);
}

int db_exec(struct db *db, const char *sql)
{
    return error_of(db->handle, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_begin(struct db *db)
{
    return db_exec(db, "BEGIN IMMEDIATE");
}

int db_commit(struct db *db)
{
    int r = db_exec(db, "COMMIT");

    if (r < 0)
        db_rollback(db);
    return r;
}

void db_rollback(struct db *db)
{
    /* SQLite may have rolled back by itself after a full disk. */
    if (!sqlite3_get_autocommit(db->handle))
        (void)db_exec(db, "ROLLBACK");
}

int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret_statement)
{
    return error_of(db->handle, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                   ret_statement, NULL));
}

void db_resetp(sqlite3_stmt **statement)
{
    if (!*statement)
        return;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
}

int db_step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    return code == SQLITE_ROW ? 1 : error_of(sqlite3_db_handle(statement), code);
}

int db_run(sqlite3_stmt *statement)
{
    int r = db_step(statement);

    db_resetp(&statement);
    return r > 0 ? -EPROTO : r;
}

const char *db_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

/* First column of the first row of `sql`. */
static int query_integer(struct db *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int r;

    r = error_of(db->handle, sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL));
    if (r >= 0)
        r = db_step(statement);
    if (r > 0)
        *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return r < 0 ? r : r == 0 ? -EPROTO : 0;
}

static int set_pragma(struct db *db, const char *name, int64_t value)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "PRAGMA %s = %lld", name, (long long)value);
    return db_exec(db, sql);
}

static uint32_t header_integer(const uint8_t *header, size_t offset)
{
    uint32_t value;

    memcpy(&value, header + offset, sizeof(value));
    return ntohl(value);
}

/* True when the file is shorter than its own header says (https://sqlite.org/fileformat.html,
 * section 1.3.8), which SQLite itself notices only when it happens to read past the end. Says
 * nothing while a write-ahead log is left, because pages may live there. Reads through SQLite's own
 * descriptor: closing another one of the same file would drop the locks of the process. */
static bool file_truncated(struct db *db, const char *path)
{
    _cleanup_free_ char *wal = NULL;
    sqlite3_file *file = NULL;
    uint8_t header[100];
    sqlite3_int64 size, page_bytes;
    struct stat st;

    if (asprintf(&wal, "%s-wal", path) < 0) {
        wal = NULL;
        return false;
    }
    if (stat(wal, &st) == 0 && st.st_size > 0)
        return false;
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods || file->pMethods->xFileSize(file, &size) != SQLITE_OK ||
        file->pMethods->xRead(file, header, sizeof(header), 0) != SQLITE_OK)
        return false;
    if (header_integer(header, 24) != header_integer(header, 92))
        return false;
    page_bytes = header[16] << 8 | header[17];
    if (page_bytes == 1)
        page_bytes = 65536;
    return size < page_bytes * header_integer(header, 28);
}

/* Refuses what is not ours before anything in the file is changed. */
static int check_identity(struct db *db, const char *path, int32_t application_id,
                          size_t n_migrations, char **ret_error)
{
    int64_t id = 0, version = 0, tables = 0;
    int r;

    r = query_integer(db, "PRAGMA application_id", &id);
    if (r >= 0)
        r = query_integer(db, "PRAGMA user_version", &version);
    if (r >= 0)
        r = query_integer(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0) {
        fail(ret_error, "%s cannot be read as a database (%s); move it away or restore a backup",
             path, sqlite3_errmsg(db->handle));
        return r;
    }
    if (id == 0 && version == 0 && tables == 0)
        return 0;
    if (id != application_id) {
        fail(ret_error, "%s is the database of another program; check the path", path);
        return -EUCLEAN;
    }
    if (version > (int64_t)n_migrations) {
        fail(ret_error,
             "%s has schema %lld, but this version knows only %zu; install the newer version again",
             path, (long long)version, n_migrations);
        return -ENOTSUP;
    }
    if (file_truncated(db, path)) {
        fail(ret_error, "%s is shorter than its header says; restore a backup", path);
        return -EUCLEAN;
    }
    return 0;
}

#define QUICK_CHECK_BYTES (INT64_C(8) << 20)

/* Every page of a small file: 1 = good. */
static int quick_check(struct db *db)
{
    sqlite3_stmt *check = NULL;
    int r = error_of(db->handle,
                     sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &check, NULL));

    if (r >= 0)
        r = db_step(check);
    if (r > 0 && strcmp(db_text(check, 0), "ok") != 0)
        r = -EUCLEAN;
    sqlite3_finalize(check);
    return r;
}

static int check_edges(struct db *db)
{
    sqlite3_stmt *names = NULL;
    int r;

    r = db_error(sqlite3_prepare_v2(db->handle,
                                    "SELECT format('SELECT (SELECT min(rowid) FROM \"%w\"), "
                                    "(SELECT max(rowid) FROM \"%w\")', name, name) "
                                    "FROM pragma_table_list "
                                    "WHERE schema = 'main' AND type = 'table' AND NOT wr",
                                    -1, &names, NULL));
    while (r >= 0 && (r = db_step(names)) > 0) {
        int64_t unused;

        r = query_integer(db, db_text(names, 0), &unused);
    }
    sqlite3_finalize(names);
    return r;
}

/* A file that is small is read whole; else to the first and last leaf of every table: a few pages
 * each, so that start-up stays short whatever the size. */
static int check_damage(struct db *db, const char *path, char **ret_error)
{
    int64_t used = 0, spare = 0;
    int r = db_size(db, &used, &spare);

    if (r >= 0 && used + spare <= QUICK_CHECK_BYTES)
        r = quick_check(db);
    if (r >= 0)
        r = check_edges(db);
    if (r < 0)
        fail(ret_error, "%s is damaged (%s); restore a backup", path,
             r == -EUCLEAN ? "its pages contradict each other" : sqlite3_errmsg(db->handle));
    return r < 0 ? r : 0;
}

static int migrate_one(struct db *db, const char *path, int32_t application_id,
                       const char *const *migrations, size_t n_migrations, bool *ret_more,
                       char **ret_error)
{
    int64_t version;
    int r;

    r = db_begin(db);
    /* Read under the lock: another worker may have been first. */
    if (r >= 0)
        r = query_integer(db, "PRAGMA user_version", &version);
    if (r >= 0 && version < (int64_t)n_migrations) {
        r = db_exec(db, migrations[version]);
        if (r >= 0)
            r = set_pragma(db, "user_version", version + 1);
        if (r >= 0)
            r = set_pragma(db, "application_id", application_id);
    }
    if (r >= 0)
        r = db_exec(db, "COMMIT");
    if (r < 0) {
        fail(ret_error, "%s cannot be brought to the newest schema (%s); it stays as it was", path,
             sqlite3_errmsg(db->handle));
        db_rollback(db);
        return r;
    }
    *ret_more = version + 1 < (int64_t)n_migrations;
    return 0;
}

static int migrate(struct db *db, const char *path, int32_t application_id,
                   const char *const *migrations, size_t n_migrations, char **ret_error)
{
    int64_t version = 0;
    bool more;
    int r;

    r = query_integer(db, "PRAGMA user_version", &version);
    more = version < (int64_t)n_migrations;
    while (r >= 0 && more)
        r = migrate_one(db, path, application_id, migrations, n_migrations, &more, ret_error);
    return r;
}

static int set_up(struct db *db, const char *path, char **ret_error)
{
    int r;

    sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    r = db_exec(db, session_pragmas);
    if (r < 0)
        fail(ret_error, "%s cannot be read as a database (%s); move it away or restore a backup",
             path, sqlite3_errmsg(db->handle));
    return r;
}

static int set_up_wal(struct db *db, const char *path, char **ret_error)
{
    int r;

    /* Only a file that is still empty takes the first one: pages that are freed later can then be
     * given back bit by bit (db_give_back()). */
    r = db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL;");
    if (r >= 0)
        r = db_exec(db, "PRAGMA journal_mode = WAL;");
    if (r >= 0)
        r = db_exec(db, wal_pragmas);
    if (r < 0)
        fail(ret_error, "%s cannot be written (%s); check owner, free space and mount options",
             path, sqlite3_errmsg(db->handle));
    return r;
}

/* One process at a time opens databases in a folder: SQLite's switch to WAL does not wait for a
 * lock, so that workers who start together on a new file would fail. The lock is on the folder
 * because closing another descriptor of the file would drop SQLite's locks. */
static int lock_folder(const char *path, char **ret_error)
{
    _cleanup_free_ char *copy = strdup(path);
    int fd, r;

    if (!copy)
        return -ENOMEM;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    r = -errno;
    closep(&fd);
    fail(ret_error, "%s cannot be opened: %s; check the folder and its owner", path, strerror(-r));
    return r;
}

/* Makes a missing file ourselves, because SQLite would make it readable to everybody. */
static int make_file(const char *path, char **ret_error)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0 && errno != EEXIST) {
        int r = -errno;

        fail(ret_error, "%s cannot be made: %s; check the folder and its owner", path,
             strerror(-r));
        return r;
    }
    return 0;
}

int db_open(const char *path, int32_t application_id, const char *const *migrations,
            size_t n_migrations, struct db **ret_db, char **ret_error)
{
    _cleanup_close_ int lock = -1;
    _cleanup_(db_freep) struct db *db = NULL;
    int r;

    *ret_error = NULL;
    if (strcmp(path, ":memory:") != 0) {
        lock = lock_folder(path, ret_error);
        if (lock < 0)
            return lock;
        r = make_file(path, ret_error);
        if (r < 0)
            return r;
    }
    db = calloc(1, sizeof(*db));
    if (!db)
        return -ENOMEM;
    r = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    r = db->handle ? error_of(db->handle, r) : -ENOMEM;
    if (r < 0) {
        fail(ret_error, "%s cannot be opened: %s", path,
             db->handle ? sqlite3_errmsg(db->handle) : "no memory");
        return r;
    }
    r = set_up(db, path, ret_error);
    if (r >= 0)
        r = check_identity(db, path, application_id, n_migrations, ret_error);
    if (r >= 0)
        r = set_up_wal(db, path, ret_error);
    if (r >= 0)
        r = migrate(db, path, application_id, migrations, n_migrations, ret_error);
    if (r >= 0)
        r = check_damage(db, path, ret_error);
    if (r < 0)
        return r;
    *ret_db = TAKE_PTR(db);
    return 0;
}

int db_size(struct db *db, int64_t *ret_used_bytes, int64_t *ret_free_bytes)
{
    int64_t page = 0, pages = 0, unused = 0;
    int r = query_integer(db, "PRAGMA page_size", &page);

    if (r == 0)
        r = query_integer(db, "PRAGMA page_count", &pages);
    if (r == 0)
        r = query_integer(db, "PRAGMA freelist_count", &unused);
    if (r < 0)
        return r;
    *ret_used_bytes = (pages - unused) * page;
    *ret_free_bytes = unused * page;
    return 0;
}

int db_give_back(struct db *db, int pages)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", pages);
    return db_exec(db, sql);
}

int db_truncate_wal(struct db *db)
{
    return db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

void db_abandon(struct db *db)
{
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static int on_commit(void *userdata, sqlite3 *handle, const char *name, int log_pages)
{
    struct db *db = userdata;

    db->log_pages = log_pages;
    if (log_pages >= CHECKPOINT_PAGES)
        db_checkpointer_ask(db->checkpointer);
    return SQLITE_OK;
}

int db_checkpoint_aside(struct db *db)
{
    const char *path = sqlite3_db_filename(db->handle, "main");
    int r;

    if (!path || !*path)
        return 0;
    r = db_checkpointer_new(path, &db->checkpointer);
    if (r < 0)
        return r;
    sqlite3_wal_hook(db->handle, on_commit, db); /* in the place of the automatic one */
    return 0;
}

bool db_log_is_full(struct db *db)
{
    return db->log_pages >= LOG_FULL_PAGES && db_checkpointer_busy(db->checkpointer);
}

struct db *db_free(struct db *db)
{
    if (!db)
        return NULL;
    db_checkpointer_free(db->checkpointer);
    sqlite3_close_v2(db->handle);
    free(db);
    return NULL;
}
