#include "common/config-value.h"
#include "common/nearest.h"

#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1},
};

static const struct unit size_units[] = {
    {"T", INT64_C(1) << 40},
    {"G", 1 << 30},
    {"M", 1 << 20},
    {"K", 1 << 10},
};

static int problem(char **ret_problem, const char *format, ...) _printf_(2, 3);
static int problem(char **ret_problem, const char *format, ...)
{
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(ret_problem, format, ap);
    va_end(ap);
    if (r < 0) {
        *ret_problem = NULL;
        return -ENOMEM;
    }
    return -EINVAL;
}

int config_parse_boolean(const char *value, bool *ret)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
        if (strcasecmp(value, yes[i]) == 0) {
            *ret = true;
            return 0;
        }
        if (strcasecmp(value, no[i]) == 0) {
            *ret = false;
            return 0;
        }
    }
    return -EINVAL;
}

int config_parse_integer(const char *value, int64_t *ret)
{
    const char *digits = value + (*value == '-');
    long long number;

    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return -EINVAL;
    errno = 0;
    number = strtoll(value, NULL, 10);
    if (errno != 0)
        return -EINVAL;
    *ret = number;
    return 0;
}

/* Digits at *text times the unit behind them; moves *text on. A bare number counts `bare`. */
static int parse_quantity(const char **text, const struct unit *units, size_t n_units, int64_t bare,
                          int64_t *ret)
{
    size_t n_digits = strspn(*text, "0123456789"), n_unit;
    char digits[24];
    int64_t number, factor = 0;

    if (n_digits == 0 || n_digits >= sizeof(digits))
        return -EINVAL;
    memcpy(digits, *text, n_digits);
    digits[n_digits] = '\0';
    if (config_parse_integer(digits, &number) < 0)
        return -EINVAL;
    *text += n_digits;
    *text += strspn(*text, " ");
    n_unit = strspn(*text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    if (n_unit == 0)
        factor = bare;
    for (size_t i = 0; i < n_units; i++)
        if (strlen(units[i].name) == n_unit && memcmp(units[i].name, *text, n_unit) == 0)
            factor = units[i].factor;
    *text += n_unit;
    *text += strspn(*text, " ");
    if (factor == 0 || __builtin_mul_overflow(number, factor, ret))
        return -EINVAL;
    return 0;
}

int config_parse_duration_ms(const char *value, int64_t *ret_ms)
{
    int64_t total = 0, part;

    if (strspn(value, "0123456789") == strlen(value)) {
        if (parse_quantity(&value, duration_units, ELEMENTSOF(duration_units), 1000, &total) < 0)
            return -EINVAL;
        *ret_ms = total;
        return 0;
    }
    while (*value) { /* 1h 30min */
        if (parse_quantity(&value, duration_units, ELEMENTSOF(duration_units), 0, &part) < 0 ||
            __builtin_add_overflow(total, part, &total))
            return -EINVAL;
    }
    *ret_ms = total;
    return 0;
}

static int parse_size(const char *value, int64_t *ret_bytes)
{
    int64_t bytes;

    if (parse_quantity(&value, size_units, ELEMENTSOF(size_units), 1, &bytes) < 0 || *value)
        return -EINVAL;
    *ret_bytes = bytes;
    return 0;
}

void config_value_write(const struct config_item *item, int64_t value, char ret_text[32])
{
    const struct unit *units = item->type == CONFIG_SIZE ? size_units : duration_units;
    size_t n_units = item->type == CONFIG_SIZE       ? ELEMENTSOF(size_units)
                     : item->type == CONFIG_DURATION ? ELEMENTSOF(duration_units)
                                                     : 0;

    for (size_t i = 0; i < n_units && value != 0; i++) {
        if (value % units[i].factor == 0) {
            snprintf(ret_text, 32, "%lld%s", (long long)(value / units[i].factor), units[i].name);
            return;
        }
    }
    snprintf(ret_text, 32, "%lld", (long long)value);
}

static int set_number(const struct config_item *item, const char *value, int64_t *member,
                      char **ret_problem)
{
    int64_t number;
    int r;

    if (item->type == CONFIG_INTEGER)
        r = config_parse_integer(value, &number);
    else if (item->type == CONFIG_DURATION)
        r = config_parse_duration_ms(value, &number);
    else
        r = parse_size(value, &number);
    if (r < 0)
        return problem(ret_problem, "is not a %s",
                       item->type == CONFIG_INTEGER    ? "whole number"
                       : item->type == CONFIG_DURATION ? "duration"
                                                       : "size");
    if ((item->min != 0 || item->max != 0) && (number < item->min || number > item->max)) {
        char min[32], max[32];

        config_value_write(item, item->min, min);
        config_value_write(item, item->max, max);
        return problem(ret_problem, "must be between %s and %s", min, max);
    }
    *member = number;
    return 0;
}

static int set_string(const struct config_item *item, const char *value, char **member,
                      char **ret_problem)
{
    char *copy;

    if (item->pattern) {
        regex_t pattern;
        int r;

        if (regcomp(&pattern, item->pattern, REG_EXTENDED | REG_NOSUB) != 0)
            return problem(ret_problem, "cannot be checked against '%s'", item->pattern);
        r = regexec(&pattern, value, 0, NULL, 0);
        regfree(&pattern);
        if (r != 0)
            return problem(ret_problem, "does not have the form %s", item->pattern);
    }
    copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*member);
    *member = copy;
    return 0;
}

static int set_choice(const struct config_item *item, const char *value, int *member,
                      char **ret_problem)
{
    char list[256] = "";
    const char *near;
    size_t n = 0;

    for (; item->choices[n]; n++) {
        size_t used = strlen(list);

        if (strcmp(item->choices[n], value) == 0) {
            *member = (int)n;
            return 0;
        }
        snprintf(list + used, sizeof(list) - used, "%s%s", n > 0 ? ", " : "", item->choices[n]);
    }
    near = nearest_word(value, item->choices, n);
    if (near)
        return problem(ret_problem, "must be one of %s; did you mean '%s'?", list, near);
    return problem(ret_problem, "must be one of %s", list);
}

int config_value_set(const struct config_item *item, const char *value, void *target,
                     char **ret_problem)
{
    void *member = (char *)target + item->offset;

    if (*value == '\0' && item->type != CONFIG_STRING)
        return problem(ret_problem, "is empty");
    switch (item->type) {
    case CONFIG_STRING:
        return set_string(item, value, member, ret_problem);
    case CONFIG_INTEGER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return set_number(item, value, member, ret_problem);
    case CONFIG_BOOLEAN:
        return config_parse_boolean(value, member) < 0 ? problem(ret_problem, "is not yes or no")
                                                       : 0;
    case CONFIG_CHOICE:
        return set_choice(item, value, member, ret_problem);
    }
    return problem(ret_problem, "has no known type");
}

const char *config_value_remedy(const struct config_item *item)
{
    if (item->remedy)
        return item->remedy;
    switch (item->type) {
    case CONFIG_INTEGER:
        return "Write a whole number.";
    case CONFIG_DURATION:
        return "Write a duration such as 500ms, 10s, 5min, 2h or 3d.";
    case CONFIG_SIZE:
        return "Write a number of bytes, or one with K, M or G behind it.";
    case CONFIG_BOOLEAN:
        return "Write yes or no.";
    case CONFIG_CHOICE:
        return "Write one of these words.";
    case CONFIG_STRING:
        break;
    }
    return "Write another text.";
}
