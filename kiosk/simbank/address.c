#include "kiosk/simbank/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Names the socket by an open folder: /proc/self/fd/N/NAME. *ret_folder must stay open. */
static int make_address(const char *path, const char *suffix, struct sockaddr_un *ret_address,
                        int *ret_folder)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    _cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
    int fd, n;

    if (!folder)
        return -ENOMEM;
    fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    n = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/%s%s", fd,
                 name, suffix);
    if (n < 0 || (size_t)n >= sizeof(ret_address->sun_path)) {
        close(fd);
        return -ENAMETOOLONG;
    }
    *ret_folder = fd;
    return 0;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd < 0 ? -errno : fd;
}

int simbank_connect(const char *path)
{
    _cleanup_close_ int folder = -1, fd = -1;
    struct sockaddr_un address;
    int r = make_address(path, "", &address, &folder);

    if (r < 0)
        return r;
    fd = new_socket();
    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int simbank_listen(const char *path)
{
    _cleanup_close_ int folder = -1, fd = -1, probe = simbank_connect(path);
    struct sockaddr_un address, beside;
    int r, beside_folder;

    if (probe >= 0)
        return -EADDRINUSE;
    r = make_address(path, "", &address, &folder);
    if (r < 0)
        return r;
    /* Bound beside its place and moved there when it listens: who sees the file can connect. */
    r = make_address(path, ".new", &beside, &beside_folder);
    if (r < 0)
        return r;
    fd = new_socket();
    unlink(beside.sun_path);
    if (fd < 0)
        r = fd;
    else if (bind(fd, (const struct sockaddr *)&beside, sizeof(beside)) < 0 || listen(fd, 32) < 0 ||
             rename(beside.sun_path, address.sun_path) < 0)
        r = -errno;
    close(beside_folder);
    return r < 0 ? r : TAKE_FD(fd);
}
