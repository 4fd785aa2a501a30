/* Times as people write them on a command line. */
#pragma once

#include <stdint.h>

/* "now", or a local time: 2026-11-25, "2026-11-25 08:30" or "2026-11-25 08:30:15". Sets ms UTC;
 * -EINVAL when it is none of these, or lies before 1970. */
int time_text_read(const char *text, int64_t *ret_ms);
