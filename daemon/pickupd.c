/* pickupd: the daemon of one bank of lockers. This file only wires. */
#include "common/log.h"
#include "daemon/manager.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static const char help_text[] =
    "pickupd [OPTIONS]\n"
    "The daemon of one bank of lockers: syncs orders, decides, records.\n\n"
    "  --config=FILE   configuration (standard: /etc/pickup/pickupd.conf)\n"
    "  --state=DIR     folder of the store (standard: /var/lib/pickupd)\n"
    "  --bus=ADDRESS   D-Bus address, or system (standard)\n"
    "  --help, --version\n";

struct words {
    const char *config, *state, *bus;
};

/* Returns 1 = go on, 0 = done, negative = usage. */
static int parse_words(int argc, char **argv, struct words *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 's'},
        {"bus", required_argument, NULL, 'b'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {},
    };
    int option;

    *ret = (struct words){"/etc/pickup/pickupd.conf", "/var/lib/pickupd", "system"};
    while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case 's':
            ret->state = optarg;
            break;
        case 'b':
            ret->bus = optarg;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        case 'v':
            puts("pickupd " PICKUP_VERSION);
            return 0;
        default:
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "pickupd takes no argument '%s'; see --help\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}

static int run(const struct words *words)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(manager_freep) struct manager *manager = NULL;
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    r = sd_event_new(&event);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_set_watchdog(event, 1);
    if (r < 0)
        return log_errno(r, "cannot make the event loop");
    r = manager_new(event, words->config, words->state, &manager);
    if (r == 0)
        r = manager_start(manager, words->bus);
    if (r < 0)
        return r;
    log_info("bank %s of branch %s is ready: %zu doors, %" PRId64 " orders", manager->config.name,
             manager->config.branch, manager->doors.n, store_order_count(manager->store));
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
    log_set_program("pickupd");
    if (sodium_init() < 0) {
        log_error("libsodium cannot start");
        return EXIT_FAILURE;
    }
    return run(&words) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
