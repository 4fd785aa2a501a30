#include "common/member.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int member_complain(char **ret_reason, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_reason, format, ap) < 0)
        *ret_reason = NULL;
    va_end(ap);
    return *ret_reason ? -EBADMSG : -ENOMEM;
}

bool member_absent(const json_t *value)
{
    return !value || json_is_null(value);
}

int member_string(const json_t *object, const char *path, const char *member, bool required,
                  size_t max_bytes, char **ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (member_absent(value) && !required)
        return 0;
    if (!json_is_string(value))
        return member_complain(ret_reason, "%s%s must be a string", path, member);
    if (required && json_string_length(value) == 0)
        return member_complain(ret_reason, "%s%s must not be empty", path, member);
    if (max_bytes && json_string_length(value) > max_bytes)
        return member_complain(ret_reason, "%s%s is longer than %zu bytes", path, member,
                               max_bytes);
    if (ret) {
        char *copy = strdup(json_string_value(value));

        if (!copy)
            return -ENOMEM;
        *ret = copy;
    }
    return 0;
}

int member_integer(const json_t *object, const char *path, const char *member, bool required,
                   int64_t min, int64_t max, int64_t *ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (member_absent(value) && !required)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return member_complain(ret_reason, "%s%s must be an integer from %lld to %lld", path,
                               member, (long long)min, (long long)max);
    if (ret)
        *ret = json_integer_value(value);
    return 0;
}

int member_boolean(const json_t *object, const char *path, const char *member, bool required,
                   bool *ret, char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (member_absent(value) && !required)
        return 0;
    if (!json_is_boolean(value))
        return member_complain(ret_reason, "%s%s must be true or false", path, member);
    if (ret)
        *ret = json_is_true(value);
    return 0;
}

int member_object(const json_t *object, const char *path, const char *member, const json_t **ret,
                  char **ret_reason)
{
    const json_t *value = json_object_get(object, member);

    if (!member_absent(value) && !json_is_object(value))
        return member_complain(ret_reason, "%s%s must be an object or null", path, member);
    *ret = member_absent(value) ? NULL : value;
    return 0;
}

int member_hex(const json_t *object, const char *path, const char *member, uint8_t *ret, size_t n,
               char **ret_reason)
{
    const char *text = json_string_value(json_object_get(object, member));
    size_t got = 0;

    if (!text || strlen(text) != n * 2 || strspn(text, "0123456789abcdef") != n * 2 ||
        sodium_hex2bin(ret, n, text, n * 2, NULL, &got, NULL) < 0 || got != n)
        return member_complain(ret_reason, "%s%s must be %zu lower-case hexadecimal digits", path,
                               member, n * 2);
    return 0;
}

int member_base64(const json_t *object, const char *path, const char *member, uint8_t *ret,
                  size_t n, char **ret_reason)
{
    const char *text = json_string_value(json_object_get(object, member));
    size_t got = 0;

    if (!text ||
        sodium_base642bin(ret, n, text, strlen(text), NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) < 0 ||
        got != n)
        return member_complain(ret_reason, "%s%s must be %zu bytes in Base64", path, member, n);
    return 0;
}
