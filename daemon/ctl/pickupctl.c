/* pickupctl: what staff and engineers ask of a bank, over D-Bus. */
#include "daemon/ctl/ctl.h"

#include "common/nearest.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "pickupctl [OPTIONS] VERB [ARGUMENTS]\n\n"
    "  status                          how the bank is\n"
    "  session                         what goes on at the kiosk\n"
    "  orders [--state=S] [--text=T] [--limit=N] [--offset=N]\n"
    "  order ORDER                     one order with its placements\n"
    "  doors                           every door with what lies in it\n"
    "  events [--after=N] [--limit=N]  the log of the bank\n"
    "  present CODE                    as if the code were held to the camera\n"
    "  number DIGITS                   as if the pickup number were typed\n"
    "  stock PARCEL [DOOR]             opens a door for the parcel, waits until it is in\n"
    "  retrieve [PARCEL]               takes a parcel out; without one: what should be taken out\n"
    "  inspect DOOR                    opens a door to look into it\n"
    "  resolve DOOR empty|parcel       what was found in it\n"
    "  door DOOR out-of-service --reason=TEXT | in-service\n"
    "  id-check ORDER                  the document was seen: ten minutes to collect\n"
    "  clock floor TIME --reason=TEXT  no time before TIME is believed (now, or 2026-11-25 08:30)\n"
    "  dispute ORDER TEXT              something is missing\n"
    "  watch                           what happens, as it happens; Ctrl-C ends it\n"
    "  camera [--camera=N] [--save=FILE]  how well the cameras see; --save keeps one picture\n"
    "  test-card FILE.svg              a card to print, for setting a camera up\n"
    "  check-config [FILE…]            every mistake in pickupd.conf, kiosk.conf, doors.conf\n\n"
    "  --bus=ADDRESS   D-Bus address, or system (standard)\n"
    "  --json          answers for programs\n"
    "  --help, --version\n\n"
    "Ends with 0 when done, 1 when the bank refused, 2 for a wrong call, 3 when pickupd cannot be "
    "reached.\n";

struct verb {
    const char *name;
    int min, max; /* arguments */
    bool offline;
    ctl_fn fn;
};

static const struct verb verbs[] = {
    {"status", 0, 0, false, ctl_status},      {"session", 0, 0, false, ctl_session},
    {"orders", 0, 0, false, ctl_orders},      {"order", 1, 1, false, ctl_order},
    {"doors", 0, 0, false, ctl_doors},        {"events", 0, 0, false, ctl_events},
    {"present", 1, 1, false, ctl_present},    {"number", 1, 1, false, ctl_number},
    {"stock", 1, 2, false, ctl_stock},        {"retrieve", 0, 1, false, ctl_retrieve},
    {"inspect", 1, 1, false, ctl_inspect},    {"resolve", 2, 2, false, ctl_resolve},
    {"door", 2, 2, false, ctl_door},          {"id-check", 1, 1, false, ctl_id_check},
    {"dispute", 2, 2, false, ctl_dispute},    {"check-config", 0, 16, true, ctl_check_config},
    {"watch", 0, 0, false, ctl_watch},        {"camera", 0, 0, false, ctl_camera},
    {"test-card", 1, 1, true, ctl_test_card}, {"clock", 2, 2, false, ctl_clock},
};

static const struct verb *find_verb(const char *name)
{
    const char *names[ELEMENTSOF(verbs)], *near;

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
        names[i] = verbs[i].name;
    }
    near = nearest_word(name, names, ELEMENTSOF(names));
    fprintf(stderr, "pickupctl: there is no verb '%s'%s%s%s; see --help\n", name,
            near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

static bool parse_number(const char *option, const char *text, int64_t max, int64_t *ret)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < 0 || value > max) {
        fprintf(stderr, "pickupctl: --%s must be a number from 0, not '%s'\n", option, text);
        return false;
    }
    *ret = value;
    return true;
}

/* Returns 1 = go on, 0 = done, -EINVAL = usage. */
static int parse_words(int argc, char **argv, struct ctl *ctl, const char **ret_bus)
{
    static const struct option options[] = {
        {"bus", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {"reason", required_argument, NULL, 'r'},
        {"state", required_argument, NULL, 's'},
        {"text", required_argument, NULL, 't'},
        {"after", required_argument, NULL, 'a'},
        {"limit", required_argument, NULL, 'l'},
        {"offset", required_argument, NULL, 'o'},
        {"camera", required_argument, NULL, 'c'},
        {"save", required_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {},
    };
    bool good = true;
    int option;

    while (good && (option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (option) {
        case 'b':
            *ret_bus = optarg;
            break;
        case 'j':
            ctl->json = true;
            break;
        case 'r':
            ctl->reason = optarg;
            break;
        case 's':
            ctl->state = optarg;
            break;
        case 't':
            ctl->text = optarg;
            break;
        case 'a':
            good = parse_number("after", optarg, INT64_MAX, &ctl->after);
            break;
        case 'l':
            good = parse_number("limit", optarg, 1000, &ctl->limit);
            break;
        case 'o':
            good = parse_number("offset", optarg, UINT32_MAX, &ctl->offset);
            break;
        case 'c':
            good = parse_number("camera", optarg, 4, &ctl->camera);
            break;
        case 'S':
            ctl->save = optarg;
            break;
        case 'h':
            fputs(help_text, stdout);
            return 0;
        case 'v':
            puts("pickupctl " PICKUP_VERSION);
            return 0;
        default:
            return -EINVAL;
        }
    }
    return good ? 1 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.limit = 100};
    const struct verb *verb;
    const char *bus = "system";
    int r, code = CTL_DONE, n;

    setlocale(LC_ALL, "");
    r = parse_words(argc, argv, &ctl, &bus);
    if (r <= 0)
        return r < 0 ? CTL_USAGE : CTL_DONE;
    if (optind == argc) {
        fputs(help_text, stderr);
        return CTL_USAGE;
    }
    verb = find_verb(argv[optind]);
    if (!verb)
        return CTL_USAGE;
    n = argc - optind - 1;
    if (n < verb->min || n > verb->max) {
        fprintf(stderr, "pickupctl: %s takes %d to %d arguments, not %d; see --help\n", verb->name,
                verb->min, verb->max, n);
        return CTL_USAGE;
    }
    if (!verb->offline)
        code = ctl_connect(&ctl, bus);
    if (code == CTL_DONE)
        code = verb->fn(&ctl, n, argv + optind + 1);
    sd_bus_flush_close_unref(ctl.bus);
    return code;
}
