#include "hq/draft.h"
#include "hq/draft-parcel.h"
#include "hq/draft-value.h"

#include "common/order.h"
#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DISPLAY_MAX_CHARACTERS 32
#define DISPLAY_MAX_BYTES      (4 * DISPLAY_MAX_CHARACTERS)
#define DISPLAY_MAX_DIGITS     5 /* more in a row are a phone or passport number */
#define SOURCE_REV_MAX         INT64_C(999999999999999)
#define LANG_MAX               35
#define FLIGHT_MAX             16

static const char *const members[] = {
    "order",      "source_rev",   "branch",     "status",  "display",  "lang",
    "ready_from", "pickup_until", "release_at", "slot",    "id_check", "low_door",
    "departure",  "campaign",     "member_tag", "parcels", NULL};
/* Members of the document that only HQ may set; said more clearly than "not known". */
static const char *const own_members[] = {"handle",        "rev",      "seq", "code",
                                          "number_digest", "disputed", "kind"};
static const char *const statuses[] = {"confirmed", "held", "cancelled", "returned", NULL};
static const char *const slot_members[] = {"from", "to", NULL};
static const char *const departure_members[] = {"at", "flight", NULL};

void draft_problem_done(struct draft_problem *problem)
{
    free(problem->member);
    free(problem->reason);
    free(problem->remedy);
    *problem = (struct draft_problem){0};
}

static int check_members(const json_t *row, struct draft_problem *ret_problem)
{
    if (!json_is_object(row))
        return draft_fail(ret_problem, "", "the row", "Write {\"order\":…}.", "must be an object");
    for (size_t i = 0; i < ELEMENTSOF(own_members); i++)
        if (json_object_get(row, own_members[i]))
            return draft_fail(ret_problem, "", own_members[i], "Leave it out.",
                              "is made by HQ and cannot be imported");
    return draft_known(row, "", members, ret_problem);
}

static int read_branch(const json_t *row, const struct hq_config *config, json_t *to,
                       struct draft_problem *ret_problem)
{
    int r = draft_text(row, "", "branch", true, WIRE_BANK_MAX, to, ret_problem);
    const char *name, *near;
    char remedy[96];

    if (r < 0)
        return r;
    name = json_string_value(json_object_get(to, "branch"));
    if (hq_config_branch(config, name))
        return 0;
    near = hq_config_nearest_branch(config, name);
    if (near)
        snprintf(remedy, sizeof(remedy), "Did you mean '%s'?", near);
    else
        snprintf(remedy, sizeof(remedy), "Use a branch of hq.conf, such as '%s', or add it there.",
                 config->branches[0].name);
    return draft_fail(ret_problem, "", "branch", remedy, "'%s' is not a branch of this HQ", name);
}

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

/* Promise 9: what stands here is seen on the screen of a bank. */
static int read_display(const json_t *row, json_t *to, struct draft_problem *ret_problem)
{
    int r = draft_text(row, "", "display", false, DISPLAY_MAX_BYTES, to, ret_problem), n_digits = 0;
    const char *text;

    if (r < 0)
        return r;
    text = json_string_value(json_object_get(to, "display"));
    if (!text)
        return 0;
    if (characters(text) > DISPLAY_MAX_CHARACTERS)
        return draft_fail(ret_problem, "", "display", "Shorten it.",
                          "has %zu characters; at most %d are allowed", characters(text),
                          DISPLAY_MAX_CHARACTERS);
    for (; *text; text++) {
        n_digits = *text >= '0' && *text <= '9' ? n_digits + 1 : 0;
        if (n_digits > DISPLAY_MAX_DIGITS)
            return draft_fail(ret_problem, "", "display",
                              "Write a masked name, such as 王* or A. M***.",
                              "looks like a phone or passport number");
    }
    return 0;
}

static bool lang_valid(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bool first = true;

    for (;; text++, first = false) {
        size_t n = strspn(text, letters);

        if (n < (first ? 2 : 1) || n > 8)
            return false;
        text += n;
        if (*text == '\0')
            return true;
        if (*text != '-')
            return false;
    }
}

static int read_lang(const json_t *row, json_t *to, struct draft_problem *ret_problem)
{
    int r = draft_text(row, "", "lang", false, LANG_MAX, to, ret_problem);
    const char *text;

    if (r < 0)
        return r;
    text = json_string_value(json_object_get(to, "lang"));
    if (text && !lang_valid(text))
        return draft_fail(ret_problem, "", "lang", "Write a tag such as zh-Hans, ja, ko, en or fr.",
                          "'%s' is not a language tag (BCP 47)", text);
    return 0;
}

static int read_pair(const json_t *row, const char *member, const char *const *names, json_t *to,
                     json_t **ret_object, const json_t **ret_from,
                     struct draft_problem *ret_problem)
{
    char sub[32];
    int r = draft_object(row, "", member, ret_from, to, ret_problem);

    *ret_object = NULL;
    if (r < 0 || !*ret_from)
        return r;
    snprintf(sub, sizeof(sub), "%s.", member);
    r = draft_known(*ret_from, sub, names, ret_problem);
    if (r < 0)
        return r;
    *ret_object = json_object();
    return json_object_set_new(to, member, *ret_object) < 0 ? -ENOMEM : 0;
}

static int64_t time_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member)); /* 0 for null */
}

static int read_slot(const json_t *row, json_t *to, struct draft_problem *ret_problem)
{
    const json_t *from;
    json_t *slot;
    int r = read_pair(row, "slot", slot_members, to, &slot, &from, ret_problem);

    if (r < 0 || !from)
        return r;
    r = draft_time(from, "slot.", "from", true, slot, ret_problem);
    if (r >= 0)
        r = draft_time(from, "slot.", "to", true, slot, ret_problem);
    if (r >= 0 && time_of(slot, "to") <= time_of(slot, "from"))
        r = draft_fail(ret_problem, "slot.", "to", "Swap or correct them.",
                       "is not after the start of the slot");
    return r;
}

static int read_departure(const json_t *row, json_t *to, struct draft_problem *ret_problem)
{
    const json_t *from;
    json_t *departure;
    int r = read_pair(row, "departure", departure_members, to, &departure, &from, ret_problem);

    if (r < 0 || !from)
        return r;
    r = draft_time(from, "departure.", "at", true, departure, ret_problem);
    if (r >= 0)
        r = draft_text(from, "departure.", "flight", false, FLIGHT_MAX, departure, ret_problem);
    return r;
}

static int read_times(const json_t *row, json_t *to, struct draft_problem *ret_problem)
{
    int r = draft_time(row, "", "ready_from", false, to, ret_problem);

    if (r >= 0)
        r = draft_time(row, "", "pickup_until", false, to, ret_problem);
    if (r >= 0 && time_of(to, "pickup_until") &&
        time_of(to, "pickup_until") <= time_of(to, "ready_from"))
        r = draft_fail(ret_problem, "", "pickup_until", "Swap or correct them.",
                       "is not after ready_from");
    if (r >= 0)
        r = draft_time(row, "", "release_at", false, to, ret_problem);
    if (r >= 0 && time_of(to, "pickup_until") &&
        time_of(to, "pickup_until") <= time_of(to, "release_at"))
        r = draft_fail(ret_problem, "", "release_at", "Correct one of them.",
                       "is not before pickup_until");
    if (r >= 0)
        r = read_slot(row, to, ret_problem);
    return r;
}

/* In the order in which the page on the wire lists them. */
static int read_document(const json_t *row, const struct hq_config *config, json_t *to,
                         struct draft_problem *ret_problem)
{
    int r = draft_text(row, "", "order", true, ORDER_ID_MAX, to, ret_problem);

    if (r >= 0)
        r = read_branch(row, config, to, ret_problem);
    if (r >= 0)
        r = draft_choice(row, "", "status", false, statuses, to, ret_problem);
    if (r >= 0)
        r = read_display(row, to, ret_problem);
    if (r >= 0)
        r = read_lang(row, to, ret_problem);
    if (r >= 0)
        r = read_times(row, to, ret_problem);
    if (r >= 0)
        r = draft_flag(row, "", "id_check", to, ret_problem);
    if (r >= 0)
        r = draft_flag(row, "", "low_door", to, ret_problem);
    if (r >= 0)
        r = read_departure(row, to, ret_problem);
    if (r >= 0)
        r = draft_text(row, "", "campaign", false, ORDER_ID_MAX, to, ret_problem);
    if (r >= 0)
        r = draft_text(row, "", "member_tag", false, ORDER_ID_MAX, to, ret_problem);
    return r < 0 ? r : draft_parcels(row, to, ret_problem);
}

static int read_source_rev(const json_t *row, int64_t *ret_rev, struct draft_problem *ret_problem)
{
    json_auto_t *to = json_object();
    int r = draft_integer(row, "", "source_rev", false, 0, SOURCE_REV_MAX, to, ret_problem);

    if (r < 0)
        return r;
    if (json_is_integer(json_object_get(to, "source_rev")))
        *ret_rev = json_integer_value(json_object_get(to, "source_rev"));
    return 0;
}

/* The order of the members in the row does not count. */
static int compute_digest(struct draft *draft)
{
    _cleanup_free_ char *text = json_dumps(draft->document, JSON_COMPACT | JSON_SORT_KEYS);

    if (!text)
        return -ENOMEM;
    crypto_generichash(draft->digest, sizeof(draft->digest), (const uint8_t *)text, strlen(text),
                       NULL, 0);
    return 0;
}

int draft_read(const json_t *row, const struct hq_config *config, struct draft **ret_draft,
               struct draft_problem *ret_problem)
{
    _cleanup_(draft_freep) struct draft *draft = calloc(1, sizeof(*draft));
    int r;

    *ret_problem = (struct draft_problem){0};
    if (!draft || !(draft->document = json_object()))
        return -ENOMEM;
    draft->source_rev = -1;
    r = check_members(row, ret_problem);
    if (r >= 0)
        r = read_document(row, config, draft->document, ret_problem);
    if (r >= 0)
        r = read_source_rev(row, &draft->source_rev, ret_problem);
    if (r >= 0)
        r = compute_digest(draft);
    if (r < 0)
        return r;
    draft->order = json_string_value(json_object_get(draft->document, "order"));
    draft->branch = json_string_value(json_object_get(draft->document, "branch"));
    *ret_draft = TAKE_PTR(draft);
    return 0;
}

struct draft *draft_free(struct draft *draft)
{
    if (!draft)
        return NULL;
    json_decref(draft->document);
    free(draft);
    return NULL;
}
