/* The peer of `./dev bench latency`: what zbar's default scan of a picture costs, and what one
 * durable write of a page costs in a folder. Prints both as JSON, in microseconds.
 *
 *     latency-peer PICTURE.jpg FOLDER ROUNDS */
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <turbojpeg.h>
#include <zbar.h>

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static unsigned char *read_gray(const char *path, unsigned *ret_width, unsigned *ret_height)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ unsigned char *jpeg = NULL;
    unsigned char *gray;
    int width, height, subsampling, colours;
    struct stat st;
    tjhandle tj;

    if (fd < 0 || fstat(fd, &st) < 0 || !(jpeg = malloc((size_t)st.st_size)) ||
        read(fd, jpeg, (size_t)st.st_size) != st.st_size)
        return NULL;
    tj = tjInitDecompress();
    if (tjDecompressHeader3(tj, jpeg, (unsigned long)st.st_size, &width, &height, &subsampling,
                            &colours) < 0 ||
        !(gray = malloc((size_t)width * (size_t)height)) ||
        tjDecompress2(tj, jpeg, (unsigned long)st.st_size, gray, width, width, height, TJPF_GRAY,
                      0) < 0)
        return NULL;
    tjDestroy(tj);
    *ret_width = (unsigned)width;
    *ret_height = (unsigned)height;
    return gray;
}

/* One scan with zbar as it comes; returns the number of codes found. */
static int scan(const unsigned char *gray, unsigned width, unsigned height)
{
    zbar_image_scanner_t *scanner = zbar_image_scanner_create();
    zbar_image_t *image = zbar_image_create();
    int found;

    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, width, height);
    zbar_image_set_data(image, gray, (unsigned long)width * height, NULL);
    found = zbar_scan_image(scanner, image);
    zbar_image_destroy(image);
    zbar_image_scanner_destroy(scanner);
    return found;
}

static int write_durably(int fd, unsigned round)
{
    char page[4096];

    memset(page, (int)round, sizeof(page));
    if (pwrite(fd, page, sizeof(page), (off_t)round * (off_t)sizeof(page)) != sizeof(page))
        return -errno;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static void print(const char *name, int64_t *us, unsigned n, const char *end)
{
    qsort(us, n, sizeof(*us), compare);
    printf("\"%s\":{\"p50_us\":%lld,\"p99_us\":%lld}%s", name, (long long)us[n / 2],
           (long long)us[n * 99 / 100], end);
}

int main(int argc, char **argv)
{
    unsigned width = 0, height = 0, rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    _cleanup_free_ unsigned char *gray = argc > 3 ? read_gray(argv[1], &width, &height) : NULL;
    _cleanup_free_ int64_t *scans = calloc(rounds + 1, sizeof(int64_t));
    _cleanup_free_ int64_t *syncs = calloc(rounds + 1, sizeof(int64_t));
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    int found = 0;

    if (argc < 4 || rounds == 0 || !gray || !scans || !syncs ||
        asprintf(&path, "%s/latency-peer.tmp", argv[2]) < 0) {
        fprintf(stderr, "usage: latency-peer PICTURE.jpg FOLDER ROUNDS\n");
        return 2;
    }
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    for (unsigned i = 0; i < rounds; i++) {
        int64_t begin = now_us();

        found += scan(gray, width, height);
        scans[i] = now_us() - begin;
        begin = now_us();
        if (write_durably(fd, i) < 0)
            return 1;
        syncs[i] = now_us() - begin;
    }
    unlink(path);
    printf("{\"found\":%d,", found);
    print("zbar", scans, rounds, ",");
    print("fsync", syncs, rounds, "}\n");
    return 0;
}
