#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/kiosk-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct place {
    char folder[64], file[96];
    struct kiosk_config config;
    struct config_mistakes mistakes;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    strcpy(place->folder, "/tmp/test-kiosk-config-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->file, sizeof(place->file), "%s/kiosk.conf", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    kiosk_config_done(&place->config);
    config_mistakes_done(&place->mistakes);
    unlink(place->file);
    rmdir(place->folder);
    free(place);
    return 0;
}

static int load(struct place *place, const char *text)
{
    FILE *file = fopen(place->file, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return kiosk_config_load(place->file, &place->config, &place->mistakes);
}

static void assert_in_folder(const struct place *place, const char *path, const char *name)
{
    size_t n = strlen(place->folder);

    assert_memory_equal(path, place->folder, n);
    assert_int_equal(path[n], '/');
    assert_string_equal(path + n + 1, name);
}

static void test_an_empty_file_is_a_real_bank(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, ""), 0);
    assert_int_equal(place->config.cameras[0].backend, KIOSK_CAMERA_V4L2);
    assert_int_equal(place->config.lock_backend, KIOSK_LOCK_GPIOD);
    assert_int_equal(place->config.screen_backend, KIOSK_SCREEN_SDL);
    assert_string_equal(place->config.cameras[0].device, "/dev/pickup-camera");
    assert_int_equal(place->config.frame_limit_ms, 2000);
    assert_int_equal(place->config.rest_ms, 100);
    assert_int_equal(place->config.pulse_max_ms, 500);
    assert_in_folder(place, place->config.doors_file, "doors.conf");
}

static void test_simulated_bank(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[camera]\nbackend=files\nfolder=camera\nfps=10\n"
                                 "[decoder]\nprogram=/opt/decode\n"
                                 "[lock]\nbackend=sim\nsocket=bank.socket\nrest=50ms\n"
                                 "[screen]\nbackend=mem\nfolder=/var/screens\nwidth=1280\n"
                                 "height=800\nlanguage=zh-Hans\n"),
                     0);
    assert_int_equal(place->config.cameras[0].backend, KIOSK_CAMERA_FILES);
    assert_in_folder(place, place->config.cameras[0].folder, "camera");
    assert_int_equal(place->config.cameras[0].fps, 10);
    assert_string_equal(place->config.decoder_program, "/opt/decode");
    assert_int_equal(place->config.lock_backend, KIOSK_LOCK_SIM);
    assert_in_folder(place, place->config.lock_socket, "bank.socket");
    assert_int_equal(place->config.rest_ms, 50);
    assert_int_equal(place->config.screen_backend, KIOSK_SCREEN_MEM);
    assert_string_equal(place->config.screen_folder, "/var/screens");
    assert_int_equal(place->config.screen_width, 1280);
    assert_string_equal(place->config.language, "zh-Hans");
}

static void test_backends_miss_what_they_need(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[camera]\nbackend=files\n[lock]\nbackend=sim\n"
                                 "[screen]\nbackend=mem\n"),
                     -EINVAL);
    assert_int_equal(place->mistakes.n, 3);
    assert_non_null(strstr(place->mistakes.items[0].text, "pickup-simbank"));
    assert_non_null(strstr(place->mistakes.items[1].text, "[screen]"));
    assert_non_null(strstr(place->mistakes.items[2].text, "[camera]"));
}

static void test_several_cameras(void **state)
{
    struct place *place = *state;
    const struct kiosk_camera_config *cameras = place->config.cameras;

    assert_int_equal(load(place, "[camera]\ndevice=/dev/video0\n[camera 4]\nfps=5\n"
                                 "device=/dev/video2\nexposure_us=0\npower_line=60\n"),
                     0);
    assert_int_equal(place->config.n_cameras, 2);
    assert_int_equal(cameras[0].number, 1);
    assert_string_equal(cameras[0].device, "/dev/video0");
    assert_int_equal(cameras[0].exposure_us, 10000);
    assert_int_equal(cameras[0].power_line, KIOSK_POWER_LINE_50);
    assert_int_equal(cameras[1].number, 4);
    assert_string_equal(cameras[1].device, "/dev/video2");
    assert_int_equal(cameras[1].fps, 5);
    assert_int_equal(cameras[1].exposure_us, 0);
    assert_int_equal(cameras[1].focus, -1);
    assert_int_equal(cameras[1].power_line, KIOSK_POWER_LINE_60);
}

static void test_cameras_that_cannot_be(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[camera 2]\nfps=5\n[camera 3]\ndevice=/dev/pickup-camera\n"),
                     -EINVAL);
    assert_int_equal(place->mistakes.n, 2);
    assert_non_null(strstr(place->mistakes.items[0].text, "[camera 2] device is empty"));
    assert_non_null(strstr(place->mistakes.items[1].text, "[camera] and [camera 3]"));
}

/* A coil that is held for a second burns: no configuration may ask for more. */
static void test_out_of_range(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[lock]\npulse_max=1001ms\n[screen]\nlanguage=de\n"), -EINVAL);
    assert_int_equal(place->mistakes.n, 2);
    assert_int_equal(place->mistakes.items[0].line, 2);
    assert_int_equal(place->mistakes.items[1].line, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_file_is_a_real_bank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_simulated_bank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backends_miss_what_they_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_cameras, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cameras_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_range, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("kiosk-config", tests, NULL, NULL);
}
