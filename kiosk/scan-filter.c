#include "kiosk/scan-filter.h"

#include <stdio.h>
#include <string.h>

static size_t find(const struct scan_filter *filter, const char *text)
{
    size_t i = 0;

    while (i < SCAN_FILTER_TEXTS &&
           (filter->texts[i].seen_us == 0 || strcmp(filter->texts[i].text, text) != 0))
        i++;
    return i;
}

static size_t oldest(const struct scan_filter *filter)
{
    size_t found = 0;

    for (size_t i = 1; i < SCAN_FILTER_TEXTS; i++)
        if (filter->texts[i].seen_us < filter->texts[found].seen_us)
            found = i;
    return found;
}

bool scan_filter_see(struct scan_filter *filter, const char *text, uint64_t now_us)
{
    size_t i = find(filter, text);
    bool counts = true;

    if (i < SCAN_FILTER_TEXTS) {
        uint64_t retry_us = filter->texts[i].retry_us, seen_us = filter->texts[i].seen_us;

        /* Pictures of two cameras may come in another order than they were taken. */
        if (now_us < seen_us)
            now_us = seen_us;
        counts = now_us - seen_us >= SCAN_FILTER_AWAY_US || (retry_us != 0 && now_us >= retry_us);
    } else {
        i = oldest(filter);
        snprintf(filter->texts[i].text, sizeof(filter->texts[i].text), "%s", text);
    }
    filter->texts[i].seen_us = now_us;
    if (counts)
        filter->texts[i].retry_us = 0;
    return counts;
}

void scan_filter_retry(struct scan_filter *filter, const char *text, uint64_t retry_us)
{
    size_t i = find(filter, text);

    if (i < SCAN_FILTER_TEXTS)
        filter->texts[i].retry_us = retry_us;
}
