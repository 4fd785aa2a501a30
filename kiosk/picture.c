#include "kiosk/picture.h"

#include "common/cleanup.h"
#include "kiosk/decode/pixels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

static int write_all(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, data, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        data += written;
        n -= (size_t)written;
    }
    return 0;
}

static int write_pgm(int fd, const struct frame *frame)
{
    struct gray gray = {};
    char head[48];
    int n, r = pixels_to_gray(frame, &gray);

    if (r == 0) {
        n = snprintf(head, sizeof(head), "P5\n%u %u\n255\n", gray.width, gray.height);
        r = write_all(fd, (const uint8_t *)head, (size_t)n);
    }
    if (r == 0)
        r = write_all(fd, gray.pixels, (size_t)gray.width * gray.height);
    gray_done(&gray);
    return r;
}

int picture_write(const struct frame *frame, int *ret_fd, const char **ret_kind)
{
    _cleanup_close_ int fd = memfd_create("pickup-picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool jpeg = frame->format == FRAME_JPEG;
    int r;

    if (fd < 0)
        return -errno;
    r = jpeg ? write_all(fd, frame->data, frame->n_bytes) : write_pgm(fd, frame);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    *ret_kind = jpeg ? "jpg" : "pgm";
    return 0;
}
