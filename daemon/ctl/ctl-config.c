/* pickupctl check-config: every mistake of every file at once. */
#include "daemon/ctl/ctl.h"

#include "common/bank-config.h"
#include "common/doors.h"
#include "common/kiosk-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BANK_FILE  "/etc/pickup/pickupd.conf"
#define KIOSK_FILE "/etc/pickup/kiosk.conf"

static int check_doors(const char *path, size_t *ret_n)
{
    struct config_mistakes mistakes = {};
    struct doors doors = {};
    int r = doors_load(path, &doors, &mistakes);

    config_mistakes_print(&mistakes);
    config_mistakes_done(&mistakes);
    *ret_n = doors.n;
    doors_done(&doors);
    return r;
}

static int check_bank(const char *path)
{
    struct config_mistakes mistakes = {};
    struct bank_config config;
    size_t n = 0;
    int r = bank_config_load(path, &config, &mistakes), q = 0;

    config_mistakes_print(&mistakes);
    if (config.doors_file)
        q = check_doors(config.doors_file, &n);
    if (r == 0 && q == 0)
        printf("%s and %s are good: bank %s, %zu doors.\n", path, config.doors_file, config.name,
               n);
    config_mistakes_done(&mistakes);
    bank_config_done(&config);
    return r < 0 ? r : q;
}

static int check_kiosk(const char *path)
{
    struct config_mistakes mistakes = {};
    struct kiosk_config config;
    size_t n = 0;
    int r = kiosk_config_load(path, &config, &mistakes), q = 0;

    config_mistakes_print(&mistakes);
    if (config.doors_file)
        q = check_doors(config.doors_file, &n);
    if (r == 0 && q == 0)
        printf("%s and %s are good: %zu doors.\n", path, config.doors_file, n);
    config_mistakes_done(&mistakes);
    kiosk_config_done(&config);
    return r < 0 ? r : q;
}

static int check_door_table(const char *path)
{
    size_t n;
    int r = check_doors(path, &n);

    if (r == 0)
        printf("%s is good: %zu doors.\n", path, n);
    return r;
}

/* Which file it is, its sections tell. */
static int check_file(const char *path)
{
    static const struct {
        const char *section;
        int (*check)(const char *path);
    } kinds[] = {
        {"[bank]", check_bank},       {"[hq]", check_bank},      {"[keys]", check_bank},
        {"[kiosk]", check_kiosk},     {"[camera", check_kiosk},  {"[decoder]", check_kiosk},
        {"[lock]", check_kiosk},      {"[screen]", check_kiosk}, {"[doors]", check_door_table},
        {"[door ", check_door_table},
    };
    FILE *file = fopen(path, "re");
    char line[256];

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -errno;
    }
    while (fgets(line, sizeof(line), file))
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
            if (strncmp(line, kinds[i].section, strlen(kinds[i].section)) == 0) {
                fclose(file);
                return kinds[i].check(path);
            }
    fclose(file);
    fprintf(stderr,
            "%s: has no section that tells what it is. pickupd.conf has [bank], kiosk.conf has "
            "[kiosk] or [camera], doors.conf has [door 1].\n",
            path);
    return -EINVAL;
}

int ctl_check_config(struct ctl *ctl, int argc, char **argv)
{
    int r = 0, q = 0;

    if (argc == 0) {
        r = check_bank(BANK_FILE);
        /* A bank's daemon may run without a kiosk, at an engineer's desk. */
        if (access(KIOSK_FILE, F_OK) == 0)
            q = check_kiosk(KIOSK_FILE);
    }
    for (int i = 0; i < argc; i++) {
        int s = check_file(argv[i]);

        r = r < 0 ? r : s;
    }
    return r == 0 && q == 0 ? CTL_DONE : CTL_REFUSED;
}
