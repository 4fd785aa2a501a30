/* pickup-simbank: a bank of locks without hardware, for tests, demo and training. */
#include "common/clock.h"
#include "common/config.h"
#include "common/doors.h"
#include "common/log.h"
#include "kiosk/simbank/address.h"
#include "kiosk/simbank/client.h"
#include "kiosk/simbank/serve.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "pickup-simbank: a bank of lockers without hardware\n"
    "\n"
    "  pickup-simbank --socket=PATH --doors=N [--seed=N] [--auto-close=MS]\n"
    "                                     simulate a bank until SIGTERM\n"
    "  pickup-simbank --socket=PATH do \"open 5\"\n"
    "                                     one command\n"
    "  pickup-simbank --socket=PATH shell\n"
    "                                     commands from the keyboard; help lists them\n"
    "\n"
    "  --socket=PATH     where the bank listens ([lock] socket of kiosk.conf)\n"
    "  --doors=N         number of doors, 1 to 512\n"
    "  --seed=N          repeats the same bounces and delays (standard 1)\n"
    "  --auto-close=MS   somebody closes an open door after so long (standard: nobody does)\n"
    "  --help, --version\n";

struct options {
    const char *socket;
    int64_t doors, seed, auto_close_ms;
};

static int read_number(const char *name, int64_t min, int64_t max, int64_t *ret)
{
    if (config_parse_integer(optarg, ret) == 0 && *ret >= min && *ret <= max)
        return 0;
    log_error("--%s=%s must be a whole number from %lld to %lld.", name, optarg, (long long)min,
              (long long)max);
    return -EINVAL;
}

/* Returns 1 when there is nothing more to do. */
static int read_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option table[] = {{"socket", required_argument, NULL, 's'},
                                          {"doors", required_argument, NULL, 'd'},
                                          {"seed", required_argument, NULL, 'r'},
                                          {"auto-close", required_argument, NULL, 'a'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {}};
    int option, r = 0;

    /* "+": options end at the verb. */
    while (r == 0 && (option = getopt_long(argc, argv, "+h", table, NULL)) != -1)
        switch (option) {
        case 's':
            ret_options->socket = optarg;
            break;
        case 'd':
            r = read_number("doors", 1, DOORS_MAX, &ret_options->doors);
            break;
        case 'r':
            r = read_number("seed", 0, INT64_MAX, &ret_options->seed);
            break;
        case 'a':
            r = read_number("auto-close", 0, 86400000, &ret_options->auto_close_ms);
            break;
        case 'h':
            fputs(help, stdout);
            return 1;
        case 'v':
            puts("pickup-simbank " PICKUP_VERSION);
            return 1;
        default:
            log_error("See pickup-simbank --help.");
            r = -EINVAL;
        }
    return r;
}

static int serve(const struct options *options)
{
    struct simbank *bank;
    int fd, r;

    if (options->doors == 0) {
        log_error("Write --doors=N, or a verb (do, shell). See pickup-simbank --help.");
        return EXIT_FAILURE;
    }
    fd = simbank_listen(options->socket);
    if (fd == -EADDRINUSE)
        log_error("Another simulated bank listens on %s already.", options->socket);
    else if (fd < 0)
        log_errno(fd, "Cannot listen on %s", options->socket);
    if (fd < 0)
        return EXIT_FAILURE;
    bank = simbank_new((size_t)options->doors, (uint64_t)options->seed, clock_boot_us());
    if (bank)
        bank->auto_close_us = (uint64_t)options->auto_close_ms * 1000;
    log_info("%lld doors on %s", (long long)options->doors, options->socket);
    r = bank ? simbank_serve(bank, fd) : -ENOMEM;
    simbank_free(bank);
    unlink(options->socket);
    if (r < 0)
        log_errno(r, "The simulated bank has ended");
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The words after the verb with single spaces, so that quoting them is a matter of taste. */
static int do_words(const char *socket, char **words)
{
    _cleanup_free_ char *command = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&command, &size);

    if (!stream)
        return EXIT_FAILURE;
    for (char **word = words; *word; word++)
        fprintf(stream, "%s%s", word == words ? "" : " ", *word);
    fclose(stream);
    return simbank_client_do(socket, command);
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1};
    const char *verb;
    int r;

    log_set_program("pickup-simbank");
    r = read_options(argc, argv, &options);
    if (r != 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (!options.socket) {
        log_error("Write --socket=PATH. See pickup-simbank --help.");
        return EXIT_FAILURE;
    }
    verb = argv[optind];
    if (!verb)
        return serve(&options);
    if (strcmp(verb, "do") == 0 && argv[optind + 1])
        return do_words(options.socket, argv + optind + 1);
    if (strcmp(verb, "shell") == 0 && !argv[optind + 1])
        return simbank_client_shell(options.socket);
    log_error("Write do COMMAND, or shell. See pickup-simbank --help.");
    return EXIT_FAILURE;
}
