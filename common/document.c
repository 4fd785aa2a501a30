#include "common/document.h"

#include "common/code.h"
#include "common/member.h"
#include "common/number.h"
#include "common/order.h"
#include "common/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int read_word(const json_t *document, const char *member, const char *const *words,
                     size_t *ret, char **ret_reason)
{
    const char *text = json_string_value(json_object_get(document, member));
    char list[64] = "";

    for (size_t i = 0; words[i]; i++) {
        if (text && strcmp(text, words[i]) == 0) {
            *ret = i;
            return 0;
        }
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", words[i]);
    }
    return member_complain(ret_reason, "%s must be one of %s", member, list);
}

static int read_staff(const json_t *document, char **ret_name, char **ret_reason)
{
    static const char *const roles[] = {"stocker", "manager", NULL};
    uint8_t digest[NUMBER_DIGEST_BYTES];
    int64_t staff = 0;
    size_t role;
    int r = member_integer(document, "", "staff", true, 1, UINT32_MAX, &staff, ret_reason);

    if (r >= 0)
        r = member_string(document, "", "name", false, 0, NULL, ret_reason);
    if (r >= 0)
        r = read_word(document, "role", roles, &role, ret_reason);
    if (r >= 0 && !member_absent(json_object_get(document, "pin_digest")))
        r = member_hex(document, "", "pin_digest", digest, sizeof(digest), ret_reason);
    if (r >= 0)
        r = member_boolean(document, "", "revoked", false, NULL, ret_reason);
    if (r >= 0) /* one after the last badge, so it may be 2^32 */
        r = member_integer(document, "", "valid_from_s", false, 0, INT64_C(1) << 32, NULL,
                           ret_reason);
    if (r < 0)
        return r;
    return asprintf(ret_name, "%" PRId64, staff) < 0 ? -ENOMEM : 0;
}

static int read_key(const json_t *document, char **ret_name, char **ret_reason)
{
    static const char *const purposes[] = {"code", "badge", "number", NULL};
    uint8_t public_key[CODE_PUBLIC_KEY_BYTES];
    size_t purpose = 0;
    int r = read_word(document, "purpose", purposes, &purpose, ret_reason);

    if (r < 0)
        return r;
    if (strcmp(purposes[purpose], "number") == 0) {
        r = member_integer(document, "", "generation", true, 1, INT64_MAX, NULL, ret_reason);
    } else {
        r = member_integer(document, "", "key_id", true, 0, UINT8_MAX, NULL, ret_reason);
        if (r >= 0)
            r = member_base64(document, "", "public", public_key, sizeof(public_key), ret_reason);
    }
    if (r >= 0)
        r = member_boolean(document, "", "revoked", false, NULL, ret_reason);
    return r < 0 ? r : member_string(document, "", "key", true, ORDER_ID_MAX, ret_name, ret_reason);
}

/* An array of strings that are not empty. */
static int check_list(const json_t *document, const char *member, char **ret_reason)
{
    const json_t *list = json_object_get(document, member);
    json_t *value;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0)
        return member_complain(ret_reason, "%s must be an array that is not empty", member);
    json_array_foreach (list, i, value) {
        if (!json_is_string(value) || json_string_length(value) == 0 ||
            json_string_length(value) > ORDER_ID_MAX)
            return member_complain(ret_reason, "%s[%zu] must be a string of 1 to %d bytes", member,
                                   i, ORDER_ID_MAX);
    }
    return 0;
}

static int read_policy(const json_t *document, char **ret_name, char **ret_reason)
{
    int r = member_integer(document, "", "number", true, 1, UINT16_MAX, NULL, ret_reason);

    if (r >= 0)
        r = member_integer(document, "", "retention_s", true, 1, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = check_list(document, "banks", ret_reason);
    return r < 0 ? r
                 : member_string(document, "", "policy", true, ORDER_ID_MAX, ret_name, ret_reason);
}

static int read_recall(const json_t *document, char **ret_name, char **ret_reason)
{
    int r = check_list(document, "skus", ret_reason);

    if (r >= 0)
        r = member_string(document, "", "reason", false, 0, NULL, ret_reason);
    if (r >= 0)
        r = member_boolean(document, "", "active", true, NULL, ret_reason);
    return r < 0 ? r
                 : member_string(document, "", "recall", true, ORDER_ID_MAX, ret_name, ret_reason);
}

static int read_clock(const json_t *document, char **ret_name, char **ret_reason)
{
    int r = member_string(document, "", "id", true, WIRE_FEED_ID_LENGTH, NULL, ret_reason);

    if (r >= 0)
        r = member_integer(document, "", "floor", true, 0, INT64_MAX, NULL, ret_reason);
    if (r >= 0)
        r = member_string(document, "", "actor", false, 0, NULL, ret_reason);
    if (r >= 0)
        r = member_string(document, "", "reason", false, 0, NULL, ret_reason);
    return r < 0 ? r
                 : member_string(document, "", "clock", true, WIRE_BANK_MAX, ret_name, ret_reason);
}

int document_read(const json_t *document, const char *kind, char **ret_name, int64_t *ret_rev,
                  char **ret_reason)
{
    static const struct {
        const char *kind;
        int (*read)(const json_t *document, char **ret_name, char **ret_reason);
    } kinds[] = {
        {"staff", read_staff},   {"key", read_key},     {"policy", read_policy},
        {"recall", read_recall}, {"clock", read_clock},
    };
    int r = member_integer(document, "", "rev", true, 1, INT64_MAX, ret_rev, ret_reason);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].read(document, ret_name, ret_reason);
    return member_complain(ret_reason, "this version does not know its kind");
}
