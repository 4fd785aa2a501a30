/* camera-probe: the eyes of pickup-kiosk alone: cameras, decoder, filter and hints as its
 * configuration says, and what they give as lines of JSON. For tests on a real V4L2 device; ends
 * when its standard input is closed. */
#include "common/clock.h"
#include "common/log.h"
#include "kiosk/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define TELL_US UINT64_C(500000)

static void on_text(void *userdata, const struct decoder_text *text)
{
    printf("{\"text\":\"%s\",\"age_ms\":%" PRIu64 "}\n", text->text,
           (clock_boot_us() - text->captured_us) / 1000);
    fflush(stdout);
}

static void on_hint(void *userdata, enum hint hint)
{
    printf("{\"hint\":\"%s\"}\n", hint_name(hint));
    fflush(stdout);
}

static int on_tell(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct scan *scan = *(struct scan **)userdata;
    struct scan_camera camera;
    int r;

    scan_tick(scan);
    scan_camera(scan, 0, &camera);
    printf("{\"sees\":%s,\"format\":\"%s\",\"frames\":%" PRIu64 ",\"damaged\":%" PRIu64
           ",\"opened\":%u,\"stalled\":%u,\"controls\":\"%s\"}\n",
           camera.sees ? "true" : "false", camera.about ? camera.about->format : "",
           camera.counts.frames, camera.counts.damaged, camera.counts.opened, camera.counts.stalled,
           camera.about ? camera.about->controls : "");
    fflush(stdout);
    r = sd_event_source_set_time_relative(source, TELL_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    char byte;

    return read(fd, &byte, 1) > 0 ? 0 : sd_event_exit(sd_event_source_get_event(source), 0);
}

static int probe(const struct kiosk_config *config)
{
    static const struct scan_events events = {.text = on_text, .hint = on_hint};
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(scan_freep) struct scan *scan = NULL;
    sd_event_source *tell = NULL;
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    r = sd_event_new(&event);
    if (r >= 0)
        r = scan_new(event, config, &events, NULL, &scan);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &tell, CLOCK_BOOTTIME, 0, 0, on_tell, &scan);
    if (r >= 0)
        r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL);
    if (r >= 0)
        r = sd_event_loop(event);
    sd_event_source_disable_unref(tell);
    return r;
}

int main(int argc, char **argv)
{
    struct config_mistakes mistakes = {};
    struct kiosk_config config = {};
    int r = -EINVAL;

    log_set_program("camera-probe");
    if (argc == 2)
        r = kiosk_config_load(argv[1], &config, &mistakes);
    else
        fputs("camera-probe KIOSK.CONF\n", stderr);
    config_mistakes_print(&mistakes);
    config_mistakes_done(&mistakes);
    if (r == 0)
        r = probe(&config);
    kiosk_config_done(&config);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
