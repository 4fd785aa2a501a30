/* The folder that plays a camera. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/hw/camera.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct bench {
    char folder[64];
    struct camera *camera;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char *error;

    if (!bench)
        return -1;
    strcpy(bench->folder, "/tmp/test-camera-XXXXXX");
    if (!mkdtemp(bench->folder) ||
        camera_files_open(bench->folder, 100, &bench->camera, &error) < 0)
        return -1;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char command[128];

    camera_close(bench->camera);
    snprintf(command, sizeof(command), "rm -r %s", bench->folder);
    if (system(command) != 0)
        return -1;
    free(bench);
    return 0;
}

static void put(struct bench *bench, const char *name, const char *bytes, size_t n)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int take(struct bench *bench, struct frame *ret)
{
    struct pollfd ready = {.fd = bench->camera->fd, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, 10000), 1);
    return bench->camera->ops->take(bench->camera, ret);
}

static void assert_takes(struct bench *bench, const char *bytes)
{
    struct frame frame;

    assert_int_equal(take(bench, &frame), 1);
    assert_int_equal(frame.n_bytes, strlen(bytes));
    assert_memory_equal(frame.data, bytes, strlen(bytes));
}

static void test_pictures_in_the_order_of_their_names(void **state)
{
    struct bench *bench = *state;
    struct frame frame;

    assert_int_equal(take(bench, &frame), 0);
    put(bench, "b.jpg", "two", 3);
    put(bench, "a.jpeg", "one", 3);
    put(bench, ".c.jpg", "not yet", 7);
    put(bench, "note.txt", "no picture", 10);
    put(bench, "c.jpg", "", 0);
    assert_takes(bench, "one");
    assert_takes(bench, "two");
    assert_int_equal(take(bench, &frame), 0); /* the empty one */
    assert_takes(bench, "one");
}

static void test_pgm(void **state)
{
    struct bench *bench = *state;
    struct frame frame;

    put(bench, "1.pgm", "P5 # made by hand\n2 3\n255\nabcdef", 33);
    assert_int_equal(take(bench, &frame), 1);
    assert_int_equal(frame.format, FRAME_GREY);
    assert_int_equal(frame.width, 2);
    assert_int_equal(frame.height, 3);
    assert_memory_equal(frame.data, "abcdef", 6);
}

static void test_broken_pgm_is_no_picture(void **state)
{
    static const char *const broken[] = {"P5",
                                         "P6 2 3 255\nabcdef",
                                         "P5 2 3 65535\nabcdef",
                                         "P5 2 3 255\nabc",
                                         "P5 99999999 9 255\n",
                                         "P5 2 3 255",
                                         "P5 x 3 255\nabcdef"};
    struct bench *bench = *state;
    struct frame frame;

    for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
        put(bench, "1.pgm", broken[i], strlen(broken[i]));
        assert_int_equal(take(bench, &frame), 0);
    }
}

static void test_folder_that_is_not_there(void **state)
{
    struct camera *camera;
    char *error = NULL;

    assert_int_equal(camera_files_open("/nowhere/at/all", 10, &camera, &error), -ENOENT);
    assert_non_null(strstr(error, "/nowhere/at/all"));
    free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_pictures_in_the_order_of_their_names),
        TEST(test_pgm),
        TEST(test_broken_pgm_is_no_picture),
        TEST(test_folder_that_is_not_there),
    };

    return cmocka_run_group_tests_name("camera-files", tests, NULL, NULL);
}
