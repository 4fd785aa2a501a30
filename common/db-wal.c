#include "common/db-wal.h"

#include "common/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES       32
#define FRAME_HEADER_BYTES 24
#define MAGIC              0x377F0682u /* the lowest bit says that checksums are big-endian */
#define PAGE_BYTES_MAX     65536

struct reading {
    bool big_endian;
    uint32_t page_bytes;
    uint8_t salts[8];
    uint32_t sum[2];
};

static uint32_t big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t little(const uint8_t *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* Section 4.2 of the file format: runs over `n` bytes, a multiple of 8. */
static void add_sum(struct reading *reading, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint32_t a = reading->big_endian ? big(bytes + i) : little(bytes + i);
        uint32_t b = reading->big_endian ? big(bytes + i + 4) : little(bytes + i + 4);

        reading->sum[0] += a + reading->sum[1];
        reading->sum[1] += b + reading->sum[0];
    }
}

static bool sum_is(const struct reading *reading, const uint8_t *bytes)
{
    return reading->sum[0] == big(bytes) && reading->sum[1] == big(bytes + 4);
}

/* False when the header is no valid one: SQLite then ignores the whole log. */
static bool read_header(FILE *file, struct reading *ret)
{
    uint8_t header[HEADER_BYTES];
    struct reading reading = {};

    if (fread(header, sizeof(header), 1, file) != 1 || (big(header) & ~1u) != MAGIC)
        return false;
    reading.big_endian = big(header) & 1;
    reading.page_bytes = big(header + 8);
    memcpy(reading.salts, header + 16, sizeof(reading.salts));
    add_sum(&reading, header, 24);
    if (!sum_is(&reading, header + 24) || reading.page_bytes < 512 ||
        reading.page_bytes > PAGE_BYTES_MAX || (reading.page_bytes & (reading.page_bytes - 1)))
        return false;
    *ret = reading;
    return true;
}

/* Does a frame continue the checksums of the one before it, as that one stores them? */
static bool continues(struct reading *reading, const uint8_t *frame)
{
    add_sum(reading, frame, 8);
    add_sum(reading, frame + FRAME_HEADER_BYTES, reading->page_bytes);
    return sum_is(reading, frame + 16);
}

/* Are there two commits behind a wrong frame, one after the other in one run of right frames? What
 * a commit that failed left behind is a run of its own, with one commit at most. */
static bool commits_behind_damage(FILE *file, struct reading *reading, uint8_t *frame)
{
    size_t frame_bytes = FRAME_HEADER_BYTES + reading->page_bytes;
    bool damaged = false;
    int commits = 0, foreign = 0;

    /* Two frames in a row of an earlier round: the rest is of it too. */
    while (commits < 2 && foreign < 2 && fread(frame, frame_bytes, 1, file) == 1) {
        bool own = memcmp(frame + 8, reading->salts, sizeof(reading->salts)) == 0;
        bool right = continues(reading, frame) && own, commit = own && big(frame + 4) != 0;

        foreign = own ? 0 : foreign + 1;
        damaged = damaged || !right;
        commits = !damaged ? 0 : (right ? commits : 0) + commit;
        reading->sum[0] = big(frame + 16);
        reading->sum[1] = big(frame + 20);
    }
    return commits >= 2;
}

int db_wal_check(const char *path)
{
    _cleanup_free_ uint8_t *frame = NULL;
    FILE *file = fopen(path, "re");
    struct reading reading;
    bool damaged = false;
    int r = 0;

    if (!file)
        return errno == ENOENT ? 0 : -errno;
    if (read_header(file, &reading)) {
        frame = malloc(FRAME_HEADER_BYTES + reading.page_bytes);
        if (frame)
            damaged = commits_behind_damage(file, &reading, frame);
        else
            r = -ENOMEM;
    }
    if (r == 0 && ferror(file))
        r = -EIO;
    fclose(file);
    return r < 0 ? r : damaged ? -EUCLEAN : 0;
}
