/* The faulty VFS does what its rules say: what the crash tests prove rests on it. */
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the standard headers */
#include <cmocka.h>

struct place {
    char folder[64], rules[96], db[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    /* In memory where there is room: thousands of fsyncs say nothing about a rule. */
    snprintf(place->folder, sizeof(place->folder), "%s/fault-vfs-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->rules, sizeof(place->rules), "%s/rules", place->folder);
    snprintf(place->db, sizeof(place->db), "%s/a.db", place->folder);
    setenv("PICKUP_FAULTS", place->rules, 1);
    *state = place;
    return 0;
}

static int drop_place(void **state)
{
    struct place *place = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", place->folder);
    if (system(command) != 0)
        return -1;
    free(place);
    return 0;
}

static void set_rules(const struct place *place, const char *text)
{
    char next[128];
    FILE *file;

    snprintf(next, sizeof(next), "%s.next", place->rules);
    file = fopen(next, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(next, place->rules), 0);
}

static sqlite3 *open_db(const struct place *place)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place->db, &db), SQLITE_OK);
    (void)sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", NULL, NULL,
                       NULL);
    return db;
}

static int insert(sqlite3 *db, int value)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d, zeroblob(3000))", value);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int value;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void make_table(const struct place *place)
{
    sqlite3 *db = open_db(place);

    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a INTEGER, b BLOB)", NULL, NULL, NULL), 0);
    sqlite3_close(db);
}

/* Inserts 1, 2, 3 … in a child that dies by the rules. Returns how many it saw committed. */
static int insert_until_death(const struct place *place)
{
    int pipes[2], status, seen = 0, value;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        sqlite3 *db = open_db(place);

        for (int i = 1; i <= 5; i++)
            if (insert(db, i) != SQLITE_OK || write(pipes[1], &i, sizeof(i)) < 0)
                _exit(1);
        _exit(0);
    }
    close(pipes[1]);
    while (read(pipes[0], &value, sizeof(value)) == sizeof(value))
        seen = value;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    if (!WIFSIGNALED(status))
        return -1;
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return seen;
}

/* After every death the rows are those that were committed, or one more. */
static void die_everywhere(struct place *place, const char *action)
{
    int deaths = 0;

    for (int at = 1;; at++) {
        char rules[80];
        sqlite3 *db;
        int seen, rows;

        set_rules(place, "");
        (void)unlink(place->db);
        make_table(place);
        snprintf(rules, sizeof(rules), "change %d %s\n", at, action);
        set_rules(place, rules);
        seen = insert_until_death(place);
        set_rules(place, "");
        if (seen < 0)
            break;
        deaths++;
        db = open_db(place);
        rows = number(db, "SELECT count(*) FROM t");
        assert_true(rows == seen || rows == seen + 1);
        assert_int_equal(number(db, "SELECT coalesce(max(a), 0) FROM t"), rows);
        assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check"), 1);
        sqlite3_close(db);
    }
    assert_true(deaths > 10);
}

static void test_killed_at_every_change(void **state)
{
    die_everywhere(*state, "kill");
}

static void test_killed_after_every_change(void **state)
{
    die_everywhere(*state, "kill-after");
}

static void test_power_cut_at_every_change(void **state)
{
    die_everywhere(*state, "power");
}

static void test_torn_at_every_change(void **state)
{
    die_everywhere(*state, "torn");
}

/* Without a sync a power cut must lose what looked committed: else the rule does nothing. */
static void test_a_power_cut_loses_what_was_not_synced(void **state)
{
    struct place *place = *state;
    pid_t child;
    sqlite3 *db;

    make_table(place);
    child = fork();
    if (child == 0) {
        db = open_db(place);
        (void)sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
        for (int i = 1; i <= 5; i++)
            (void)insert(db, i);
        set_rules(place, "write 1 power\n");
        (void)insert(db, 6);
        _exit(1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    set_rules(place, "");
    db = open_db(place);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 0);
    sqlite3_close(db);
}

static void test_errors_come_and_go_with_the_file(void **state)
{
    struct place *place = *state;
    sqlite3 *db;

    make_table(place);
    db = open_db(place);
    set_rules(place, "grow 1+ full\n");
    assert_int_equal(insert(db, 1), SQLITE_FULL);
    set_rules(place, "sync 1 eio\n");
    assert_int_equal(insert(db, 1) & 0xFF, SQLITE_IOERR);
    assert_int_equal(insert(db, 1), SQLITE_OK);
    set_rules(place, "write 1+ readonly\n");
    assert_int_equal(insert(db, 2) & 0xFF, SQLITE_IOERR);
    set_rules(place, "quota 4096\n");
    assert_int_equal(insert(db, 2), SQLITE_FULL);
    set_rules(place, "quota 1000000\n");
    assert_int_equal(insert(db, 2), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 2);
    sqlite3_close(db);
}

static void test_a_flipped_byte_is_read(void **state)
{
    struct place *place = *state;
    sqlite3 *db;

    make_table(place);
    set_rules(place, "read@db 1+ flip\n");
    assert_int_equal(sqlite3_open(place->db, &db), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "SELECT * FROM t", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed_at_every_change, make_place, drop_place),
        cmocka_unit_test_setup_teardown(test_killed_after_every_change, make_place, drop_place),
        cmocka_unit_test_setup_teardown(test_power_cut_at_every_change, make_place, drop_place),
        cmocka_unit_test_setup_teardown(test_torn_at_every_change, make_place, drop_place),
        cmocka_unit_test_setup_teardown(test_a_power_cut_loses_what_was_not_synced, make_place,
                                        drop_place),
        cmocka_unit_test_setup_teardown(test_errors_come_and_go_with_the_file, make_place,
                                        drop_place),
        cmocka_unit_test_setup_teardown(test_a_flipped_byte_is_read, make_place, drop_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
