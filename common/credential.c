#include "common/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES 4096
#define KEY_MAX_BYTES  256

static int fail(char **ret_error, int error, const char *format, ...) _printf_(3, 4);
static int fail(char **ret_error, int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_error, format, ap) < 0)
        *ret_error = NULL;
    va_end(ap);
    return error;
}

static int find_file(const char *path, char **ret_path, char **ret_error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int r;

    if (strchr(path, '/')) /* names in $CREDENTIALS_DIRECTORY have no slash */
        r = asprintf(ret_path, "%s", path);
    else if (folder)
        r = asprintf(ret_path, "%s/%s", folder, path);
    else
        return fail(ret_error, -ENOENT,
                    "credential %s was not passed to the service; add LoadCredential=%s:/path to "
                    "the unit, or give a path, such as ./%s",
                    path, path, path);
    if (r < 0) {
        *ret_path = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Reads the whole file, which is small, and terminates it. */
static int read_file(const char *path, bool secret, char ret_text[FILE_MAX_BYTES + 1],
                     char **ret_error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t n = 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(ret_error, -errno, "%s cannot be read: %s; check the path and its owner", path,
                    strerror(errno));
    if (secret && (st.st_mode & 0007))
        return fail(ret_error, -EPERM,
                    "%s is a secret, but everybody can open it; run chmod o-rwx on it and make a "
                    "new one if others may have seen it",
                    path);
    for (;;) {
        ssize_t k = read(fd, ret_text + n, FILE_MAX_BYTES + 1 - n);

        if (k < 0)
            return fail(ret_error, -errno, "%s cannot be read: %s; check what the path names", path,
                        strerror(errno));
        if (k == 0)
            break;
        n += (size_t)k;
        if (n > FILE_MAX_BYTES)
            return fail(ret_error, -EBADMSG, "%s is too long to be a key; check the path", path);
    }
    ret_text[n] = '\0';
    if (strlen(ret_text) != n)
        return fail(ret_error, -EBADMSG,
                    "%s holds binary data; write the key as Base64 or hexadecimal text", path);
    return 0;
}

/* The one line that is neither empty nor a comment; NULL when there is none or more than one. */
static char *only_line(char *text)
{
    char *only = NULL, *rest = text, *line;

    while ((line = strsep(&rest, "\n"))) {
        size_t n;

        line += strspn(line, " \t\r");
        for (n = strlen(line); n > 0 && strchr(" \t\r", line[n - 1]); n--)
            line[n - 1] = '\0';
        if (*line == '\0' || *line == '#')
            continue;
        if (only)
            return NULL;
        only = line;
    }
    return only;
}

static bool decode(const char *text, uint8_t *ret_key, size_t n)
{
    size_t n_text = strlen(text), n_key = 0;
    const char *end;
    int r;

    if (n_text == 2 * n)
        r = sodium_hex2bin(ret_key, n, text, n_text, NULL, &n_key, &end);
    else
        r = sodium_base642bin(ret_key, n, text, n_text, NULL, &n_key, &end,
                              sodium_base64_VARIANT_ORIGINAL);
    return r == 0 && n_key == n && *end == '\0';
}

int credential_load(const char *path, bool secret, uint8_t *ret_key, size_t n, char **ret_error)
{
    _cleanup_free_ char *file = NULL;
    char text[FILE_MAX_BYTES + 1];
    uint8_t key[KEY_MAX_BYTES];
    const char *line;
    int r;

    *ret_error = NULL;
    if (n == 0 || n > sizeof(key))
        return -EINVAL;
    r = find_file(path, &file, ret_error);
    if (r < 0)
        return r;
    r = read_file(file, secret, text, ret_error);
    if (r >= 0) {
        line = only_line(text);
        if (line && decode(line, key, n))
            memcpy(ret_key, key, n);
        else
            r = fail(ret_error, -EBADMSG,
                     "%s does not hold one key of %zu bytes; write it on one line as Base64 or "
                     "hexadecimal text",
                     file, n);
    }
    sodium_memzero(text, sizeof(text));
    sodium_memzero(key, sizeof(key));
    return r;
}

static int write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, text, n);

        if (k < 0)
            return -errno;
        text += k;
        n -= (size_t)k;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int sync_folder(const char *path)
{
    _cleanup_free_ char *copy = strdup(path);
    _cleanup_close_ int fd = -1;

    if (!copy)
        return -ENOMEM;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Appears under its name only when complete: a power cut leaves no half of a key. */
static int write_new_file(const char *path, const char *text)
{
    _cleanup_free_ char *temporary = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return -ENOMEM;
    }
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (r >= 0 && link(temporary, path) < 0)
        r = -errno;
    unlink(temporary);
    return r < 0 ? r : sync_folder(path);
}

int credential_create(const char *path, uint8_t *ret_key, size_t n)
{
    char text[sodium_base64_ENCODED_LEN(KEY_MAX_BYTES, sodium_base64_VARIANT_ORIGINAL) + 1];
    uint8_t key[KEY_MAX_BYTES];
    int r;

    if (n == 0 || n > sizeof(key))
        return -EINVAL;
    if (sodium_init() < 0)
        return -EIO;
    randombytes_buf(key, n);
    sodium_bin2base64(text, sizeof(text), key, n, sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
    r = write_new_file(path, text);
    if (r >= 0)
        memcpy(ret_key, key, n);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(key, sizeof(key));
    return r;
}
