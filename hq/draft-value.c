#include "hq/draft-value.h"

#include "common/nearest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_MIN_MS     INT64_C(946684800000)   /* 2000: less are seconds, or a slip */
#define TIME_MAX_MS     INT64_C(32503680000000) /* 3000 */
#define TIME_REMEDY     "Write it as 2026-12-01T10:00:00+08:00, or in milliseconds since 1970 UTC."
#define NAMES_MAX_BYTES 512

int draft_fail(struct draft_problem *ret_problem, const char *path, const char *member,
               const char *remedy, const char *format, ...)
{
    struct draft_problem problem = {0};
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&problem.reason, format, ap) < 0)
        problem.reason = NULL;
    va_end(ap);
    if (asprintf(&problem.member, "%s%s", path, member) < 0)
        problem.member = NULL;
    problem.remedy = strdup(remedy);
    if (!problem.reason || !problem.member || !problem.remedy) {
        draft_problem_done(&problem);
        return -ENOMEM;
    }
    *ret_problem = problem;
    return -EBADMSG;
}

bool draft_absent(const json_t *value)
{
    return !value || json_is_null(value);
}

static int set(json_t *to, const char *member, json_t *value)
{
    return json_object_set_new(to, member, value) < 0 ? -ENOMEM : 0;
}

static int missing(const char *path, const char *member, struct draft_problem *ret_problem)
{
    return draft_fail(ret_problem, path, member, "Give it.", "is missing");
}

/* Control characters would forge lines on terminals and labels. */
static bool text_clean(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            return false;
    return true;
}

int draft_text(const json_t *from, const char *path, const char *member, bool required,
               size_t max_bytes, json_t *to, struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);

    if (draft_absent(value))
        return required ? missing(path, member, ret_problem) : set(to, member, json_null());
    if (!text)
        return draft_fail(ret_problem, path, member, "Write it in quotes.", "must be text");
    if (n == 0)
        return draft_fail(ret_problem, path, member,
                          required ? "Give it." : "Leave it out, or write null.", "is empty");
    if (n > max_bytes)
        return draft_fail(ret_problem, path, member, "Shorten it.",
                          "is %zu bytes long; at most %zu are allowed", n, max_bytes);
    if (!text_clean(text, n))
        return draft_fail(ret_problem, path, member,
                          "Remove line ends, tabs and other control characters.",
                          "holds a control character");
    if (text[0] == ' ' || text[n - 1] == ' ')
        return draft_fail(ret_problem, path, member, "Remove it.",
                          "begins or ends with white space");
    return set(to, member, json_incref((json_t *)value));
}

int draft_choice(const json_t *from, const char *path, const char *member, bool required,
                 const char *const *choices, json_t *to, struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);
    const char *text = json_string_value(value);
    char list[NAMES_MAX_BYTES] = "", remedy[NAMES_MAX_BYTES + 32];

    if (draft_absent(value))
        return required ? missing(path, member, ret_problem)
                        : set(to, member, json_string(choices[0]));
    for (size_t i = 0; choices[i]; i++) {
        size_t used = strlen(list);

        if (text && strcmp(choices[i], text) == 0)
            return set(to, member, json_incref((json_t *)value));
        snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    snprintf(remedy, sizeof(remedy), "Write one of %s.", list);
    return text ? draft_fail(ret_problem, path, member, remedy, "'%s' is not allowed here", text)
                : draft_fail(ret_problem, path, member, remedy, "must be text");
}

int draft_flag(const json_t *from, const char *path, const char *member, json_t *to,
               struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);

    if (!draft_absent(value) && !json_is_boolean(value))
        return draft_fail(ret_problem, path, member, "Write true or false.",
                          "must be true or false");
    return set(to, member, json_boolean(json_is_true(value)));
}

int draft_integer(const json_t *from, const char *path, const char *member, bool required,
                  int64_t min, int64_t max, json_t *to, struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);

    if (draft_absent(value))
        return required ? missing(path, member, ret_problem) : set(to, member, json_null());
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return draft_fail(ret_problem, path, member, "Write such a number, without quotes.",
                          "must be a whole number from %lld to %lld", (long long)min,
                          (long long)max);
    return set(to, member, json_incref((json_t *)value));
}

int draft_object(const json_t *from, const char *path, const char *member, const json_t **ret,
                 json_t *to, struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);

    *ret = NULL;
    if (draft_absent(value))
        return set(to, member, json_null());
    if (!json_is_object(value))
        return draft_fail(ret_problem, path, member, "Write {…}, or null.", "must be an object");
    *ret = value;
    return 0;
}

int draft_known(const json_t *object, const char *path, const char *const *names,
                struct draft_problem *ret_problem)
{
    const char *key, *near;
    char remedy[NAMES_MAX_BYTES];
    json_t *value;
    size_t n = 0;

    while (names[n])
        n++;
    json_object_foreach ((json_t *)object, key, value) {
        bool known = false;

        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(names[i], key) == 0;
        if (known)
            continue;
        near = nearest_word(key, names, n);
        if (near)
            snprintf(remedy, sizeof(remedy), "Did you mean '%s'?", near);
        else
            snprintf(remedy, sizeof(remedy), "Remove it; docs/import.md has the list.");
        return draft_fail(ret_problem, path, key, remedy, "is not known here");
    }
    return 0;
}

/* Reads exactly `n` digits. */
static bool digits(const char **p, int n, int *ret)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (**p - '0');
    }
    *ret = value;
    return true;
}

static bool skip(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* "Z", "+08:00", "+0800" or "+08" to minutes east of UTC. */
static int parse_zone(const char *p, int *ret_minutes)
{
    int sign, hours, minutes = 0;

    if (*p == '\0')
        return -ENOTUNIQ;
    if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0) {
        *ret_minutes = 0;
        return 0;
    }
    sign = *p == '-' ? -1 : 1;
    if ((*p != '+' && *p != '-') || !(p++, digits(&p, 2, &hours)))
        return -EINVAL;
    if (*p) {
        (void)skip(&p, ':');
        if (!digits(&p, 2, &minutes) || *p)
            return -EINVAL;
    }
    if (hours > 14 || minutes > 59)
        return -EINVAL;
    *ret_minutes = sign * (hours * 60 + minutes);
    return 0;
}

int draft_parse_time(const char *text, int64_t *ret_ms)
{
    int year, month, day, hour, minute, second = 0, milli = 0, zone, r;
    const char *p = text;
    struct tm tm, back;
    time_t t;

    if (!digits(&p, 4, &year) || !skip(&p, '-') || !digits(&p, 2, &month) || !skip(&p, '-') ||
        !digits(&p, 2, &day) || (!skip(&p, 'T') && !skip(&p, ' ')) || !digits(&p, 2, &hour) ||
        !skip(&p, ':') || !digits(&p, 2, &minute))
        return -EINVAL;
    if (skip(&p, ':') && !digits(&p, 2, &second))
        return -EINVAL;
    if (skip(&p, '.')) {
        int scale = 100;

        if (*p < '0' || *p > '9')
            return -EINVAL;
        for (; *p >= '0' && *p <= '9'; p++, scale /= 10)
            milli += (*p - '0') * scale;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return -EINVAL;
    tm = (struct tm){.tm_year = year - 1900,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute,
                     .tm_sec = second};
    back = tm;
    t = timegm(&back);
    if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday) /* such as 30 February */
        return -EINVAL;
    r = parse_zone(p, &zone);
    if (r < 0)
        return r;
    *ret_ms = ((int64_t)t - zone * 60) * 1000 + milli;
    return 0;
}

int draft_time(const json_t *from, const char *path, const char *member, bool required, json_t *to,
               struct draft_problem *ret_problem)
{
    const json_t *value = json_object_get(from, member);
    int64_t ms = 0;

    if (draft_absent(value))
        return required ? missing(path, member, ret_problem) : set(to, member, json_null());
    if (json_is_integer(value)) {
        ms = json_integer_value(value);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        int r = draft_parse_time(text, &ms);

        if (r == -ENOTUNIQ)
            return draft_fail(ret_problem, path, member,
                              "Add the zone, such as +08:00, or Z for UTC.",
                              "'%s' names no time zone", text);
        if (r < 0)
            return draft_fail(ret_problem, path, member, TIME_REMEDY, "'%s' is not a time", text);
    } else {
        return draft_fail(ret_problem, path, member, TIME_REMEDY, "must be a time");
    }
    if (ms == 0)
        return set(to, member, json_integer(0));
    if (ms >= TIME_MIN_MS / 1000 && ms <= TIME_MAX_MS / 1000 && ms < TIME_MIN_MS)
        return draft_fail(ret_problem, path, member, "Multiply it by 1000.",
                          "%lld looks like seconds; times are milliseconds", (long long)ms);
    if (ms < TIME_MIN_MS || ms > TIME_MAX_MS)
        return draft_fail(ret_problem, path, member, TIME_REMEDY,
                          "lies outside the years 2000 to 3000");
    return set(to, member, json_integer(ms));
}
