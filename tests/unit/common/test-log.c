#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/log.h"

#include <errno.h>
#include <string.h>

/* stderr of this process, caught in a pipe. */
struct caught {
    int read_fd, saved_fd;
    char text[8192];
};

static int catch (void **state)
{
    struct caught *caught = calloc(1, sizeof(*caught));
    int fds[2];

    if (!caught || pipe(fds) < 0)
        return -1;
    caught->read_fd = fds[0];
    caught->saved_fd = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    unsetenv("JOURNAL_STREAM");
    log_set_program("test");
    log_set_max_priority(LOG_INFO);
    *state = caught;
    return 0;
}

static int release(void **state)
{
    struct caught *caught = *state;

    dup2(caught->saved_fd, STDERR_FILENO);
    close(caught->saved_fd);
    close(caught->read_fd);
    free(caught);
    return 0;
}

static const char *written(struct caught *caught)
{
    ssize_t n;

    (void)!write(STDERR_FILENO, "", 1); /* never block on an empty pipe */
    n = read(caught->read_fd, caught->text, sizeof(caught->text) - 1);
    assert_true(n > 0);
    caught->text[n] = '\0';
    return caught->text;
}

static void test_plain_line(void **state)
{
    log_info("door %d opened", 3);
    assert_string_equal(written(*state), "test: door 3 opened\n");
}

static void test_priority(void **state)
{
    log_debug("not shown");
    assert_string_equal(written(*state), "");
    log_set_max_priority(LOG_DEBUG);
    log_debug("shown");
    assert_string_equal(written(*state), "test: shown\n");
}

static void test_fields(void **state)
{
    static const char *const fields[] = {"MESSAGE_ID=0123", "ORDER=HK-1", "DOOR=3", NULL};
    static const char *const only_id[] = {"ORDER=HK-1", "MESSAGE_ID=0123", NULL};

    log_fields(LOG_NOTICE, fields, "granted");
    assert_string_equal(written(*state), "test: granted [ORDER=HK-1 DOOR=3]\n");
    log_fields(LOG_NOTICE, only_id, "granted");
    assert_string_equal(written(*state), "test: granted [ORDER=HK-1]\n");
}

/* A scanned code must not forge a line of the log. */
static void test_control_characters(void **state)
{
    log_info("code %s", "A\nfake: line\x1B[2J");
    assert_string_equal(written(*state), "test: code A?fake: line?[2J\n");
}

static void test_long_line_is_cut(void **state)
{
    char big[5000];
    const char *line;

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_info("%s", big);
    line = written(*state);
    assert_true(strlen(line) > 2000);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static void test_errno(void **state)
{
    errno = EAGAIN;
    assert_int_equal(log_errno(-ENOENT, "open %s", "x"), -ENOENT);
    assert_int_equal(errno, EAGAIN);
    assert_string_equal(written(*state), "test: open x: No such file or directory\n");
    assert_int_equal(log_errno(EIO, "disk"), -EIO);
    assert_string_equal(written(*state), "test: disk: Input/output error\n");
}

#define caught_test(f) cmocka_unit_test_setup_teardown(f, catch, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        caught_test(test_plain_line),       caught_test(test_priority),
        caught_test(test_fields),           caught_test(test_control_characters),
        caught_test(test_long_line_is_cut), caught_test(test_errno),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
