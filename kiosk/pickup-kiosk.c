/* pickup-kiosk: eyes, hands and face of one bank of lockers. This file only wires. */
#include "common/log.h"
#include "kiosk/kiosk.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static const char help_text[] =
    "pickup-kiosk [OPTIONS]\n"
    "Reads codes with the camera, opens the doors that pickupd grants, shows the screen.\n\n"
    "  --config=FILE     configuration (standard: /etc/pickup/kiosk.conf)\n"
    "  --state=DIR       taken for the sake of uniformity; the kiosk keeps no state\n"
    "  --bus=ADDRESS     D-Bus address, or system (standard)\n"
    "  --trace=FILE      append a line of times for each grant (JSON)\n"
    "  --release-locks   make all lock lines inactive, then end\n"
    "  --help, --version\n";

struct words {
    const char *config, *bus, *trace;
    bool release;
};

/* Returns 1 = go on, 0 = done, negative = usage. */
static int parse_words(int argc, char **argv, struct words *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},  {"state", required_argument, NULL, 's'},
        {"bus", required_argument, NULL, 'b'},     {"trace", required_argument, NULL, 't'},
        {"release-locks", no_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},       {},
    };
    int option;

    *ret = (struct words){.config = "/etc/pickup/kiosk.conf", .bus = "system"};
    while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case 's':
            break;
        case 'b':
            ret->bus = optarg;
            break;
        case 't':
            ret->trace = optarg;
            break;
        case 'r':
            ret->release = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        case 'v':
            puts("pickup-kiosk " PICKUP_VERSION);
            return 0;
        default:
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "pickup-kiosk takes no argument '%s'; see --help\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}

static int run(const struct words *words)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(kiosk_freep) struct kiosk *kiosk = NULL;
    sigset_t signals;
    int r;

    /* Before the first thread; SIGCHLD is the decoder's. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    r = sd_event_new(&event);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
    if (r < 0)
        return log_errno(r, "cannot make the event loop");
    r = kiosk_new(event, words->config, words->trace, &kiosk);
    if (r == 0)
        r = kiosk_start(kiosk, words->bus);
    if (r < 0)
        return r;
    log_info("ready: %zu doors", kiosk->doors.n);
    (void)sd_notify(0, "READY=1");
    r = sd_event_loop(event);
    (void)sd_notify(0, "STOPPING=1");
    return r;
}

int main(int argc, char **argv)
{
    struct words words;
    int r = parse_words(argc, argv, &words);

    if (r <= 0)
        return r < 0 ? 2 : EXIT_SUCCESS;
    log_set_program("pickup-kiosk");
    r = words.release ? kiosk_release_locks(words.config) : run(&words);
    /* Positive: the loop's exit code, when the bus went away. */
    return r != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
