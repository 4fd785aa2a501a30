#include "common/clock.h"
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_boot_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Copies the hexadecimal digits of `text`, which may have hyphens between them. */
static int boot_id_copy(const char *text, size_t n, char ret_id[33])
{
    char id[33];
    size_t n_digits = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '-')
            continue;
        if (!strchr("0123456789abcdef", text[i]) || n_digits == 32)
            return -EINVAL;
        id[n_digits++] = text[i];
    }
    if (n_digits != 32)
        return -EINVAL;
    id[32] = '\0';
    memcpy(ret_id, id, sizeof(id));
    return 0;
}

int clock_boot_id(char ret_id[33])
{
    _cleanup_close_ int fd = -1;
    const char *override = secure_getenv("PICKUP_BOOT_ID");
    char text[64];
    ssize_t n;

    if (override)
        return boot_id_copy(override, strlen(override), ret_id);
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text));
    if (n < 0)
        return -errno;
    if (n > 0 && text[n - 1] == '\n')
        n--;
    return boot_id_copy(text, (size_t)n, ret_id);
}

bool clock_synchronised(void)
{
    const char *override = secure_getenv("PICKUP_CLOCK");
    struct timex state = {.modes = 0};

    if (override)
        return strcmp(override, "trusted") == 0;
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

bool clock_trust_update(struct clock_trust *trust, int64_t now_ms, bool synchronised,
                        int64_t holdover_ms)
{
    /* A synchronised clock below the floor is refused too: somebody may feed it a wrong time, and
     * lowering a wrong floor is a manager's act. */
    if (now_ms < trust->floor_ms)
        return false;
    if (synchronised) {
        trust->floor_ms = now_ms;
        trust->trusted_until_ms = now_ms + holdover_ms;
        return true;
    }
    return now_ms < trust->trusted_until_ms;
}

int64_t clock_trust_time_ms(const struct clock_trust *trust, int64_t now_ms, bool trusted)
{
    return trusted ? now_ms : trust->floor_ms;
}
