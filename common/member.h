/* Members of a JSON object with their type and range. A complaint names the member by its path. */
#pragma once

#include "common/cleanup.h"
#include <jansson.h>
#include <stdbool.h>

/* Sets *ret_reason (owned by the caller). Returns -EBADMSG, or -ENOMEM. */
int member_complain(char **ret_reason, const char *format, ...) _printf_(2, 3);

/* Not there, or null. */
bool member_absent(const json_t *value);

/* Each reads `member` of `object`; `path` stands before its name in a complaint ("parcels[0]."). An
 * absent member that is not required leaves *ret as it was; `ret` NULL = only look. Returns 0,
 * -EBADMSG with *ret_reason, or -ENOMEM.
 *
 * A required string is not empty; `max_bytes` 0 = any length; *ret is a copy. */
int member_string(const json_t *object, const char *path, const char *member, bool required,
                  size_t max_bytes, char **ret, char **ret_reason);
int member_integer(const json_t *object, const char *path, const char *member, bool required,
                   int64_t min, int64_t max, int64_t *ret, char **ret_reason);
int member_boolean(const json_t *object, const char *path, const char *member, bool required,
                   bool *ret, char **ret_reason);
/* *ret is borrowed, NULL when absent. */
int member_object(const json_t *object, const char *path, const char *member, const json_t **ret,
                  char **ret_reason);
/* Exactly `n` bytes as lower-case hexadecimal digits, or in padded Base64; always required. */
int member_hex(const json_t *object, const char *path, const char *member, uint8_t *ret, size_t n,
               char **ret_reason);
int member_base64(const json_t *object, const char *path, const char *member, uint8_t *ret,
                  size_t n, char **ret_reason);
