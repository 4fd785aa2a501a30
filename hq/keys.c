#include "hq/keys.h"

#include "common/code.h"
#include "common/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const files[KEY_COUNT] = {
    [KEY_FEED] = "feed.seed",
    [KEY_CODE] = "code.seed",
    [KEY_BADGE] = "badge.seed",
    [KEY_NUMBER] = "number.key",
};

/* With a slash in it, so that it is never taken for the name of a credential. */
static char *file_in(const char *state, const char *file)
{
    char *path;

    return asprintf(&path, "%s/%s", state, file) < 0 ? NULL : path;
}

int key_load(const char *state, enum hq_key key, uint8_t ret_key[KEY_BYTES], char **ret_error)
{
    _cleanup_free_ char *path = file_in(state, files[key]);

    *ret_error = NULL;
    return path ? credential_load(path, true, ret_key, KEY_BYTES, ret_error) : -ENOMEM;
}

static int say(char **ret_error, const char *path, int error)
{
    if (asprintf(ret_error, "%s cannot be made: %s; check the folder, its owner and free space",
                 path, strerror(-error)) < 0)
        *ret_error = NULL;
    return error;
}

static int write_public_key(const char *state, const uint8_t seed[KEY_BYTES], char **ret_error)
{
    _cleanup_free_ char *path = file_in(state, "feed.pub"),
                        *temporary = file_in(state, ".feed.pub");
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL) + 1];
    uint8_t public_key[CODE_PUBLIC_KEY_BYTES];
    _cleanup_close_ int fd = -1;
    size_t n;

    if (!path || !temporary)
        return -ENOMEM;
    code_public_key(seed, public_key);
    sodium_bin2base64(text, sizeof(text), public_key, sizeof(public_key),
                      sodium_base64_VARIANT_ORIGINAL);
    n = strlen(strcat(text, "\n"));
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0 ||
        rename(temporary, path) < 0)
        return say(ret_error, path, -errno);
    return 0;
}

int keys_make(const char *state, char **ret_error)
{
    uint8_t key[KEY_BYTES];
    int r = 0;

    *ret_error = NULL;
    for (int i = 0; i < KEY_COUNT && r >= 0; i++) {
        _cleanup_free_ char *path = file_in(state, files[i]);

        if (!path)
            return -ENOMEM;
        r = credential_create(path, key, KEY_BYTES);
        if (r == -EEXIST)
            r = 0;
        else if (r < 0)
            r = say(ret_error, path, r);
    }
    if (r >= 0)
        r = key_load(state, KEY_FEED, key, ret_error);
    if (r >= 0)
        r = write_public_key(state, key, ret_error);
    sodium_memzero(key, sizeof(key));
    return r;
}
