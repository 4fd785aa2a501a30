#include "common/time-text.h"
#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

int time_text_read(const char *text, int64_t *ret_ms)
{
    static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

    if (strcmp(text, "now") == 0) {
        *ret_ms = clock_now_ms();
        return 0;
    }
    for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
        struct tm local = {.tm_isdst = -1};
        const char *end = strptime(text, formats[i], &local);
        time_t seconds;

        if (!end || *end)
            continue;
        seconds = mktime(&local);
        if (seconds < 0)
            return -EINVAL;
        *ret_ms = (int64_t)seconds * 1000;
        return 0;
    }
    return -EINVAL;
}
