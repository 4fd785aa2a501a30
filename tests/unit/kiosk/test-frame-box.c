/* The hand-over of pictures: the newest one, never waiting, never torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/frame-box.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct bench {
    struct frame_box *writer, *reader;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench || frame_box_new(2, &bench->writer) < 0 ||
        frame_box_open(dup(frame_box_fd(bench->writer)), &bench->reader) < 0)
        return -1;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    frame_box_free(bench->writer);
    frame_box_free(bench->reader);
    free(bench);
    return 0;
}

static int put_in(struct bench *bench, unsigned lane, const char *text, uint64_t number)
{
    struct frame frame = {.format = FRAME_JPEG,
                          .data = (const uint8_t *)text,
                          .n_bytes = strlen(text),
                          .captured_us = number * 10};

    return frame_box_put(bench->writer, lane, &frame, number, FRAME_WISH_LABELS);
}

static int put(struct bench *bench, const char *text, uint64_t number)
{
    return put_in(bench, 0, text, number);
}

static void assert_takes(struct bench *bench, const char *text, uint64_t number)
{
    struct frame_taken taken;

    assert_true(frame_box_take(bench->reader, &taken));
    assert_int_equal(taken.number, number);
    assert_int_equal(taken.wish, FRAME_WISH_LABELS);
    assert_int_equal(taken.frame.captured_us, number * 10);
    assert_int_equal(taken.frame.n_bytes, strlen(text));
    assert_memory_equal(taken.frame.data, text, strlen(text));
}

static void assert_empty(struct bench *bench)
{
    struct frame_taken taken;

    assert_false(frame_box_take(bench->reader, &taken));
}

static void test_newest_wins_and_is_taken_once(void **state)
{
    struct bench *bench = *state;

    assert_empty(bench);
    assert_int_equal(put(bench, "first", 1), 0);
    assert_int_equal(put(bench, "second", 2), 0);
    assert_takes(bench, "second", 2);
    assert_empty(bench);
    for (uint64_t i = 3; i < 20; i++) {
        assert_int_equal(put(bench, i % 2 ? "odd" : "even", i), 0);
        if (i % 3 == 0)
            assert_takes(bench, i % 2 ? "odd" : "even", i);
    }
}

/* What is being read stays as it is, however many pictures come meanwhile. */
static void test_taken_picture_is_left_alone(void **state)
{
    struct bench *bench = *state;
    struct frame_taken taken;

    put(bench, "stays", 1);
    assert_true(frame_box_take(bench->reader, &taken));
    for (uint64_t i = 2; i < 10; i++)
        put_in(bench, i % 2, "other", i);
    assert_memory_equal(taken.frame.data, "stays", 5);
}

static void test_too_large_is_refused(void **state)
{
    struct bench *bench = *state;
    struct frame frame = {.n_bytes = FRAME_BYTES_MAX + 1};

    assert_int_equal(frame_box_put(bench->writer, 0, &frame, 1, FRAME_WISH_CODES), -EMSGSIZE);
    assert_int_equal(frame_box_put(bench->writer, 2, &(struct frame){}, 1, FRAME_WISH_CODES),
                     -EINVAL);
    assert_empty(bench);
}

/* A camera that gives many pictures does not keep another one from being looked at. */
static void test_cameras_are_served_in_turn(void **state)
{
    struct bench *bench = *state;

    put_in(bench, 1, "slow", 1);
    for (uint64_t i = 2; i < 10; i++)
        put_in(bench, 0, "fast", i);
    assert_takes(bench, "slow", 1);
    assert_takes(bench, "fast", 9);
    put_in(bench, 0, "fast", 10);
    put_in(bench, 1, "slow", 11);
    put_in(bench, 0, "fast", 12);
    assert_takes(bench, "slow", 11);
    put_in(bench, 1, "slow", 13);
    assert_takes(bench, "fast", 12);
    assert_takes(bench, "slow", 13);
    assert_empty(bench);
}

/* What killed the process: the lane that it was looking at. */
static void test_lane_at_work(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(frame_box_at_work(bench->writer), -1);
    put_in(bench, 1, "poison", 1);
    assert_takes(bench, "poison", 1);
    assert_int_equal(frame_box_at_work(bench->writer), 1);
    assert_empty(bench);
    assert_int_equal(frame_box_at_work(bench->writer), -1);
}

/* The reader was led astray by a picture and writes nonsense over the shared memory. */
static void test_destroyed_box_is_told(void **state)
{
    struct bench *bench = *state;
    int fd = frame_box_fd(bench->writer);
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    memset(memory, 0xff, 4096);
    assert_int_equal(put(bench, "text", 1), -EBADMSG);
    munmap(memory, 4096);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
}

static void test_foreign_memory_is_refused(void **state)
{
    struct frame_box *box;
    int fd = memfd_create("small", MFD_CLOEXEC);

    assert_int_equal(frame_box_open(fd, &box), -EINVAL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_newest_wins_and_is_taken_once), TEST(test_taken_picture_is_left_alone),
        TEST(test_cameras_are_served_in_turn),    TEST(test_lane_at_work),
        TEST(test_too_large_is_refused),          TEST(test_destroyed_box_is_told),
        TEST(test_foreign_memory_is_refused),
    };

    return cmocka_run_group_tests_name("frame-box", tests, NULL, NULL);
}
