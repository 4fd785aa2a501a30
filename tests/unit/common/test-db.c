#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/db-wal.h"
#include "common/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define APPLICATION_ID 0x50494B31

static const char *const migrations[] = {
    ("CREATE TABLE door (door INTEGER PRIMARY KEY, note TEXT) STRICT;"
     "INSERT INTO door VALUES (1, 'first');"),
    "ALTER TABLE door ADD COLUMN faulty INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE grip (door INTEGER NOT NULL REFERENCES door) STRICT;",
};

struct folder {
    char path[64], file[96];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (!folder)
        return -1;
    strcpy(folder->path, "/tmp/test-db-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof(folder->file), "%s/bank.db", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s%s", folder->file, suffixes[i]);
        unlink(path);
    }
    rmdir(folder->path);
    free(folder);
    return 0;
}

static struct db *open_ok(const char *path, size_t n_migrations)
{
    struct db *db = NULL;
    char *error = NULL;
    int r = db_open(path, APPLICATION_ID, migrations, n_migrations, &db, &error);

    if (r < 0)
        fail_msg("db_open: %d %s", r, error);
    assert_null(error);
    return db;
}

/* Opens, expects a failure, and a sentence that names the file and what to do. */
static void open_fails(const char *path, int expected, const char *word)
{
    struct db *db = NULL;
    _cleanup_free_ char *error = NULL;

    assert_int_equal(db_open(path, APPLICATION_ID, migrations, 3, &db, &error), expected);
    assert_null(db);
    assert_non_null(error);
    assert_non_null(strstr(error, path));
    assert_non_null(strstr(error, word));
}

static int64_t integer(struct db *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value;

    assert_int_equal(db_prepare(db, sql, &statement), 0);
    assert_int_equal(db_step(statement), 1);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void test_pragmas(void **state)
{
    struct folder *folder = *state;
    _cleanup_(db_freep) struct db *db = open_ok(folder->file, 3);
    sqlite3_stmt *mode = NULL;
    struct stat st;

    assert_int_equal(db_prepare(db, "PRAGMA journal_mode", &mode), 0);
    assert_int_equal(db_step(mode), 1);
    assert_string_equal(db_text(mode, 0), "wal");
    sqlite3_finalize(mode);
    assert_int_equal(integer(db, "PRAGMA synchronous"), 2);
    assert_int_equal(integer(db, "PRAGMA secure_delete"), 1);
    assert_int_equal(integer(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(integer(db, "PRAGMA wal_autocheckpoint"), 1000);
    assert_int_equal(integer(db, "PRAGMA journal_size_limit"), 16777216);
    assert_true(integer(db, "PRAGMA busy_timeout") > 0);
    assert_int_equal(integer(db, "PRAGMA application_id"), APPLICATION_ID);
    assert_int_equal(integer(db, "PRAGMA user_version"), 3);
    assert_int_equal(db_exec(db, "INSERT INTO grip VALUES (99)"), -EEXIST);
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0007, 0);
}

static void test_migrations_go_on_where_they_stopped(void **state)
{
    struct folder *folder = *state;
    struct db *db = open_ok(folder->file, 1);

    assert_int_equal(integer(db, "PRAGMA user_version"), 1);
    assert_int_equal(db_exec(db, "INSERT INTO door VALUES (2, 'kept')"), 0);
    db_free(db);
    db = open_ok(folder->file, 3);
    assert_int_equal(integer(db, "SELECT count(*) FROM door WHERE faulty = 0"), 2);
    db_free(db);
    db = open_ok(folder->file, 3); /* nothing is run twice */
    assert_int_equal(integer(db, "SELECT count(*) FROM door"), 2);
    db_free(db);
}

static void test_failed_migration_changes_nothing(void **state)
{
    static const char *const broken[] = {
        "CREATE TABLE a (x INTEGER) STRICT",
        "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO missing VALUES (1)",
    };
    struct folder *folder = *state;
    struct db *db = NULL;
    char *error = NULL;

    assert_true(db_open(folder->file, APPLICATION_ID, broken, 2, &db, &error) < 0);
    assert_non_null(strstr(error, "missing"));
    free(error);
    assert_int_equal(db_open(folder->file, APPLICATION_ID, broken, 1, &db, &error), 0);
    assert_int_equal(integer(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
    db_free(db);
}

static void test_newer_schema_is_refused(void **state)
{
    struct folder *folder = *state;
    struct db *db = open_ok(folder->file, 3);

    assert_int_equal(db_exec(db, "PRAGMA user_version = 4"), 0);
    db_free(db);
    open_fails(folder->file, -ENOTSUP, "schema 4");
}

static void test_foreign_database_is_refused_untouched(void **state)
{
    struct folder *folder = *state;
    sqlite3 *foreign;
    struct db *db;

    assert_int_equal(sqlite3_open(folder->file, &foreign), SQLITE_OK);
    assert_int_equal(sqlite3_exec(foreign, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(foreign);
    open_fails(folder->file, -EUCLEAN, "another program");
    assert_int_equal(sqlite3_open(folder->file, &foreign), SQLITE_OK);
    db = &(struct db){foreign};
    assert_int_equal(integer(db, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(integer(db, "SELECT count(*) FROM pragma_journal_mode "
                                 "WHERE journal_mode = 'delete'"),
                     1);
    sqlite3_close(foreign);
}

static void write_bytes(const char *path, off_t offset, const void *bytes, size_t n)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, offset), (ssize_t)n);
}

static void test_garbage_is_refused(void **state)
{
    struct folder *folder = *state;
    char garbage[8192];

    memset(garbage, 'G', sizeof(garbage));
    write_bytes(folder->file, 0, garbage, sizeof(garbage));
    open_fails(folder->file, -EUCLEAN, "backup");
}

static void fill(const char *path)
{
    struct db *db = open_ok(path, 3);

    assert_int_equal(db_exec(db, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n "
                                 "WHERE i < 5000) INSERT INTO door SELECT i, "
                                 "hex(zeroblob(40)), 0 FROM n"),
                     0);
    db_free(db);
}

static void test_truncated_file_is_noticed(void **state)
{
    struct folder *folder = *state;
    struct stat st;

    fill(folder->file);
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(truncate(folder->file, st.st_size - 4096), 0);
    open_fails(folder->file, -EUCLEAN, "restore a backup");
}

static void test_damaged_page_is_noticed(void **state)
{
    struct folder *folder = *state;
    struct stat st;
    char zero[4096] = {0};

    fill(folder->file);
    assert_int_equal(stat(folder->file, &st), 0);
    write_bytes(folder->file, st.st_size - 4096, zero, sizeof(zero)); /* last leaf of `door` */
    open_fails(folder->file, -EUCLEAN, "restore a backup");
}

static void test_missing_folder(void **state)
{
    open_fails("/nonexistent/folder/bank.db", -ENOENT, "check the folder");
}

static void test_transactions(void **state)
{
    struct folder *folder = *state;
    _cleanup_(db_freep) struct db *db = open_ok(folder->file, 3);
    sqlite3_stmt *insert = NULL, *select = NULL;

    assert_int_equal(db_prepare(db, "INSERT INTO door VALUES (?1, ?2, 0)", &insert), 0);
    assert_int_equal(db_prepare(db, "SELECT note FROM door WHERE door = ?1", &select), 0);
    assert_int_equal(db_begin(db), 0);
    sqlite3_bind_int(insert, 1, 7);
    assert_int_equal(db_run(insert), 0);
    db_rollback(db);
    db_rollback(db); /* harmless outside a transaction */
    assert_int_equal(integer(db, "SELECT count(*) FROM door"), 1);

    assert_int_equal(db_begin(db), 0);
    sqlite3_bind_int(insert, 1, 7);
    assert_int_equal(db_run(insert), 0);
    sqlite3_bind_int(insert, 1, 7);
    assert_int_equal(db_run(insert), -EEXIST);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(integer(db, "SELECT count(*) FROM door"), 2);
    {
        _cleanup_(db_resetp) sqlite3_stmt *s = select;

        sqlite3_bind_int(s, 1, 7);
        assert_int_equal(db_step(s), 1);
        assert_null(db_text(s, 0));
    }
    assert_int_equal(db_step(select), 0); /* reset, and the binding is gone */
    sqlite3_finalize(insert);
    sqlite3_finalize(select);
}

/* A deferred foreign key fails at COMMIT: nothing may stay open behind it. */
static void test_failed_commit_rolls_back(void **state)
{
    struct folder *folder = *state;
    _cleanup_(db_freep) struct db *db = open_ok(folder->file, 3);

    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_exec(db, "PRAGMA defer_foreign_keys = ON;"
                                 "INSERT INTO grip VALUES (99)"),
                     0);
    assert_int_equal(db_commit(db), -EEXIST);
    assert_int_equal(integer(db, "SELECT count(*) FROM grip"), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_commit(db), 0);
}

/* Several workers start on a fresh database at once. */
static void test_concurrent_first_open(void **state)
{
    struct folder *folder = *state;
    struct db *db;

    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            struct db *mine = NULL;
            char *error = NULL;
            int r = db_open(folder->file, APPLICATION_ID, migrations, 3, &mine, &error);

            if (r < 0)
                fprintf(stderr, "# %s\n", error);
            db_free(mine);
            _exit(r < 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    db = open_ok(folder->file, 3);
    assert_int_equal(integer(db, "SELECT count(*) FROM door"), 1);
    db_free(db);
}

static void test_error_mapping(void **state)
{
    assert_int_equal(db_error(SQLITE_OK), 0);
    assert_int_equal(db_error(SQLITE_ROW), 0);
    assert_int_equal(db_error(SQLITE_DONE), 0);
    assert_int_equal(db_error(SQLITE_FULL), -ENOSPC);
    assert_int_equal(db_error(SQLITE_IOERR_FSYNC), -EIO);
    assert_int_equal(db_error(SQLITE_READONLY_DBMOVED), -EROFS);
    assert_int_equal(db_error(SQLITE_CORRUPT), -EUCLEAN);
    assert_int_equal(db_error(SQLITE_NOTADB), -EUCLEAN);
    assert_int_equal(db_error(SQLITE_BUSY_SNAPSHOT), -EBUSY);
    assert_int_equal(db_error(SQLITE_CONSTRAINT_UNIQUE), -EEXIST);
    assert_int_equal(db_error(SQLITE_NOMEM), -ENOMEM);
    assert_int_equal(db_error(SQLITE_MISUSE), -EPROTO);
}

#define FRAME_BYTES (24 + 4096)

/* Leaves a log of eight commits beside the file, and copies it to `name`. */
static void write_log(const struct folder *folder, char *ret_wal, size_t size)
{
    struct db *db = open_ok(folder->file, 3);
    char command[320];

    snprintf(ret_wal, size, "%s/copy-wal", folder->path);
    assert_int_equal(db_truncate_wal(db), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(db_exec(db, "UPDATE door SET faulty = faulty + 1"), 0);
    snprintf(command, sizeof(command), "cp %s-wal %s", folder->file, ret_wal);
    assert_int_equal(system(command), 0);
    db_free(db);
}

static void spoil(const char *path, off_t at)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "spoilt", 6, at), 6);
    close(fd);
}

/* A wrong frame is what a power cut leaves only when nothing, or one commit, stands behind it. */
static void test_commits_behind_a_wrong_frame(void **state)
{
    static const struct {
        int frame; /* that is spoilt; 0 is the first */
        int expected;
    } cases[] = {{0, -EUCLEAN}, {3, -EUCLEAN}, {5, -EUCLEAN}, {7, 0}};
    const struct folder *folder = *state;
    char wal[128];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        write_log(folder, wal, sizeof(wal));
        assert_int_equal(db_wal_check(wal), 0);
        spoil(wal, 32 + cases[i].frame * FRAME_BYTES + 1000);
        assert_int_equal(db_wal_check(wal), cases[i].expected);
    }
    /* The end of it is missing, as after a power cut. */
    write_log(folder, wal, sizeof(wal));
    assert_int_equal(truncate(wal, 32 + 5 * FRAME_BYTES + 100), 0);
    assert_int_equal(db_wal_check(wal), 0);
    /* A log that SQLite ignores whole, and none. */
    spoil(wal, 8);
    assert_int_equal(db_wal_check(wal), 0);
    assert_int_equal(unlink(wal), 0);
    assert_int_equal(db_wal_check(wal), 0);
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(test_pragmas),
        folder_test(test_migrations_go_on_where_they_stopped),
        folder_test(test_failed_migration_changes_nothing),
        folder_test(test_newer_schema_is_refused),
        folder_test(test_foreign_database_is_refused_untouched),
        folder_test(test_garbage_is_refused),
        folder_test(test_truncated_file_is_noticed),
        folder_test(test_damaged_page_is_noticed),
        cmocka_unit_test(test_missing_folder),
        folder_test(test_transactions),
        folder_test(test_failed_commit_rolls_back),
        folder_test(test_concurrent_first_open),
        folder_test(test_commits_behind_a_wrong_frame),
        cmocka_unit_test(test_error_mapping),
    };

    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
