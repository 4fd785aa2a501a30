/* Secrets and keys that a program is given as files (systemd LoadCredential=, or a path in the
 * configuration that only the service can read). */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

/* Reads a key of `n` bytes, stored as Base64 or hexadecimal text, from `path`; a bare
 * name, without any slash, is looked up in $CREDENTIALS_DIRECTORY. Lines that start with '#' are
 * skipped. Returns -EPERM when the file is open to others (any of mode 0007 for a secret), -EBADMSG
 * when it does not hold exactly `n` bytes; *ret_error then is a sentence that names file and remedy
 * (owned by the caller). */
int credential_load(const char *path, bool secret, uint8_t *ret_key, size_t n, char **ret_error);
/* Writes a new random secret of `n` bytes as Base64 with mode 0600; fails with -EEXIST rather than
 * replace one. */
int credential_create(const char *path, uint8_t *ret_key, size_t n);
