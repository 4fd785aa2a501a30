#include "common/clock.h"
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define READING_SPREAD_US 20000 /* between the two clocks of one reading */
#define READING_TRIES     5

/* What $PICKUP_CLOCK_FILE says. */
struct turned {
    int64_t offset_ms, boot_offset_ms;
    int synchronised, rtc; /* -1 = as it is */
};

static int yes_or_no(const char *word)
{
    return strcmp(word, "yes") == 0 ? 1 : strcmp(word, "no") == 0 ? 0 : -1;
}

static void take_word(const char *word, struct turned *turned)
{
    if (strncmp(word, "offset_ms=", 10) == 0)
        turned->offset_ms = strtoll(word + 10, NULL, 10);
    else if (strncmp(word, "boot_offset_ms=", 15) == 0)
        turned->boot_offset_ms = strtoll(word + 15, NULL, 10);
    else if (strncmp(word, "synchronised=", 13) == 0)
        turned->synchronised = yes_or_no(word + 13);
    else if (strncmp(word, "rtc=", 4) == 0)
        turned->rtc = yes_or_no(word + 4);
}

static struct turned read_turned(void)
{
    struct turned turned = {.synchronised = -1, .rtc = -1};
    const char *path = secure_getenv("PICKUP_CLOCK_FILE");
    _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char text[256], *rest = text;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return turned;
    text[n] = '\0';
    for (char *word; (word = strsep(&rest, " \t\n"));)
        take_word(word, &turned);
    return turned;
}

int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + read_turned().offset_ms;
}

uint64_t clock_boot_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 +
           (uint64_t)read_turned().boot_offset_ms * 1000;
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

/* chronyd (with rtcsync), ntpd and systemd-timesyncd clear STA_UNSYNC once they follow a server;
 * the kernel sets it when nobody has steered the clock for some hours, and whenever it is set by
 * hand. adjtimex(2) */
static bool read_kernel(int64_t *ret_wall_ms)
{
    struct timex state = {.modes = 0};
    int r = adjtimex(&state);

    if (r < 0) {
        *ret_wall_ms = clock_now_ms();
        return false;
    }
    *ret_wall_ms = (int64_t)state.time.tv_sec * 1000 +
                   state.time.tv_usec / (state.status & STA_NANO ? 1000000 : 1000);
    return !(state.status & STA_UNSYNC);
}

/* A time in the future is no better than an old one: the clock went back since. */
static bool is_fresh(const char *path, int64_t age_ms, int64_t wall_ms)
{
    struct stat st;
    int64_t touched_ms;

    if (stat(path, &st) < 0)
        return false;
    touched_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return touched_ms <= wall_ms + 1000 && wall_ms - touched_ms <= age_ms;
}

/* Did the kernel set its clock from an RTC at boot? Documentation/admin-guide/rtc.rst, hctosys. */
static bool read_rtc(void)
{
    glob_t found = {};
    bool set = false;

    if (glob("/sys/class/rtc/rtc*/hctosys", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            _cleanup_close_ int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
            char digit = '0';

            set = set || (fd >= 0 && read(fd, &digit, 1) == 1 && digit == '1');
        }
    }
    globfree(&found);
    return set;
}

void clock_read(const struct clock_source *source, struct clock_reading *ret_reading)
{
    const char *override = secure_getenv("PICKUP_CLOCK");
    struct turned turned = read_turned();
    struct clock_reading reading = {0};
    uint64_t before_us, after_us;
    int tries = 0;

    do {
        before_us = clock_boot_us();
        reading.synchronised = read_kernel(&reading.wall_ms);
        after_us = clock_boot_us();
    } while (after_us - before_us > READING_SPREAD_US && ++tries < READING_TRIES);
    reading.boot_us = before_us;
    if (source->file)
        reading.synchronised = is_fresh(source->file, source->file_age_ms, reading.wall_ms);
    if (override)
        reading.synchronised = strcmp(override, "trusted") == 0;
    if (turned.synchronised >= 0)
        reading.synchronised = turned.synchronised;
    if (tries == READING_TRIES)
        reading.synchronised = false; /* nobody knows what happened between the two */
    reading.wall_ms += turned.offset_ms;
    reading.rtc = turned.rtc >= 0 ? turned.rtc : read_rtc();
    *ret_reading = reading;
}
