/* Reading single values of an import row. Pure. Inner part of draft.h.
 *
 * Every reader takes member `member` of `from`, checks it, and sets it in normal form in `to` (null
 * when it is absent). `path` is what stands in front of the member's name in a complaint, such as
 * "parcels[2]." or "". They return 0, -EBADMSG after draft_fail(), or -ENOMEM. */
#pragma once

#include "hq/draft.h"

/* Fills *ret_problem and returns -EBADMSG (or -ENOMEM). `remedy` is a whole sentence. */
int draft_fail(struct draft_problem *ret_problem, const char *path, const char *member,
               const char *remedy, const char *format, ...) _printf_(5, 6);

/* NULL, JSON null. */
bool draft_absent(const json_t *value);

/* Text of at most `max_bytes` bytes, without control characters and white space at its ends. */
int draft_text(const json_t *from, const char *path, const char *member, bool required,
               size_t max_bytes, json_t *to, struct draft_problem *ret_problem);
/* One of `choices` (NULL-terminated); absent = the first, unless `required`. */
int draft_choice(const json_t *from, const char *path, const char *member, bool required,
                 const char *const *choices, json_t *to, struct draft_problem *ret_problem);
/* Milliseconds since 1970 UTC, or ISO 8601 with a zone; 0 and null mean none. */
int draft_time(const json_t *from, const char *path, const char *member, bool required, json_t *to,
               struct draft_problem *ret_problem);
/* true or false; absent = false. */
int draft_flag(const json_t *from, const char *path, const char *member, json_t *to,
               struct draft_problem *ret_problem);
int draft_integer(const json_t *from, const char *path, const char *member, bool required,
                  int64_t min, int64_t max, json_t *to, struct draft_problem *ret_problem);
/* An object; *ret is NULL when it is absent, then `to` gets null. */
int draft_object(const json_t *from, const char *path, const char *member, const json_t **ret,
                 json_t *to, struct draft_problem *ret_problem);
/* Refuses members that are not among `names` (NULL-terminated): a slip would be lost silently. */
int draft_known(const json_t *object, const char *path, const char *const *names,
                struct draft_problem *ret_problem);

/* "2026-12-01T10:00:00+08:00", seconds and their fraction optional, a space for the T; -EINVAL when
 * it is no such time, -ENOTUNIQ when only its zone is missing. */
int draft_parse_time(const char *text, int64_t *ret_ms);
