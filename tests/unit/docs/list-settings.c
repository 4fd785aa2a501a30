/* Prints every setting of the configuration's tables as the manual pages must tell it: page,
 * section, key and the sentence about its standard and range, separated by tabs. */
#include "common/bank-config.h"
#include "common/config-value.h"
#include "common/doors.h"
#include "common/kiosk-config.h"
#include "hq/hq-config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_range(const struct config_item *item)
{
    char min[32], max[32];

    if (item->type == CONFIG_CHOICE) {
        for (size_t i = 0; item->choices[i]; i++)
            printf("%s%s", i ? ", " : "; one of ", item->choices[i]);
    } else if (item->min != 0 || item->max != 0) {
        config_value_write(item, item->min, min);
        config_value_write(item, item->max, max);
        printf("; from %s to %s", min, max);
    }
}

static void print_items(const char *page, const struct config_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* [camera 2] and on have the keys of [camera]; the page says so once. */
        if (strncmp(items[i].section, "camera ", 7) == 0)
            continue;
        printf("%s\t%s\t%s\t", page, items[i].section, items[i].key);
        if (!items[i].standard)
            printf("Required");
        else
            printf("Default: %s", *items[i].standard ? items[i].standard : "none");
        print_range(&items[i]);
        puts(".");
    }
}

int main(void)
{
    const struct config_item *items;
    size_t n;

    items = bank_config_items(&n);
    print_items("pickupd.conf.5", items, n);
    items = kiosk_config_items(&n);
    print_items("kiosk.conf.5", items, n);
    items = doors_items(&n);
    print_items("doors.conf.5", items, n);
    items = hq_config_items(&n);
    print_items("hq.conf.5", items, n);
    return 0;
}
