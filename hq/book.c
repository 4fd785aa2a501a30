#include "hq/book.h"
#include "hq/draft-value.h"

#include "common/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Leaves room in a page for its frame and for the placements that banks add later. */
#define DOCUMENT_MAX_BYTES (WIRE_PAYLOAD_MAX - 24 * 1024)
#define RANDOM_TRIES       64

const char *book_outcome_name(enum book_outcome outcome)
{
    static const char *const names[] = {
        [BOOK_IMPORTED] = "imported",
        [BOOK_CHANGED] = "changed",
        [BOOK_UNCHANGED] = "unchanged",
        [BOOK_REJECTED] = "rejected",
    };

    return names[outcome];
}

/* --- new orders ------------------------------------------------------------------------------- */

/* A handle that no order has; it is random so that nobody can guess one. */
static int choose_handle(struct store *store, char ret_handle[17])
{
    uint8_t bytes[8];
    int r;

    do {
        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2hex(ret_handle, 17, bytes, sizeof(bytes));
        r = store_handle_used(store, ret_handle);
    } while (r > 0 || (r == 0 && sodium_is_zero(bytes, sizeof(bytes))));
    return r;
}

int book_choose_number(struct store *store, const char *branch, char ret_number[NUMBER_DIGITS + 1])
{
    int r = 1;

    for (int i = 0; i < RANDOM_TRIES && r > 0; i++) {
        number_make(randombytes_uniform(1000000000), ret_number);
        r = store_number_used(store, branch, ret_number);
    }
    return r > 0 ? -ENOSPC : r;
}

/* Adds what every parcel's document says of its place; `before` (may be NULL) is the old list. */
static int keep_placements(json_t *parcels, const json_t *before)
{
    json_t *parcel, *old;
    size_t i, k;

    json_array_foreach (parcels, i, parcel) {
        json_t *placed = NULL, *collected = NULL;

        json_array_foreach (before, k, old) {
            if (json_equal(json_object_get(old, "parcel"), json_object_get(parcel, "parcel"))) {
                placed = json_object_get(old, "placed");
                collected = json_object_get(old, "collected");
            }
        }
        if (json_object_set(parcel, "placed", placed ?: json_null()) < 0 ||
            json_object_set(parcel, "collected", collected ?: json_null()) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* What HQ itself has called back stays so, whatever the shop exports; but what the shop ends is
 * ended.
 */
static int keep_called_back(json_t *document, const struct store_order *order)
{
    const char *status = json_string_value(json_object_get(document, "status"));

    if (!*order->called_back || strcmp(status, "cancelled") == 0 || strcmp(status, "returned") == 0)
        return 0;
    return json_object_set_new(document, "status", json_string(order->called_back)) < 0 ? -ENOMEM
                                                                                        : 0;
}

/* The draft with HQ's own members; `before` is the document it replaces, or NULL. */
static int make_document(const struct draft *draft, const struct store_order *order,
                         const uint8_t number_key[NUMBER_KEY_BYTES], const json_t *before,
                         json_t **ret_document)
{
    char hex[NUMBER_DIGEST_BYTES * 2 + 1];
    uint8_t digest[NUMBER_DIGEST_BYTES];
    json_auto_t *document = NULL, *body = json_deep_copy(draft->document);
    json_t *code = json_object_get(before, "code");

    number_digest(number_key, order->number, digest);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    document = json_pack("{s:s,s:s,s:I,s:I}", "order", draft->order, "handle", order->handle, "rev",
                         (json_int_t)json_integer_value(json_object_get(before, "rev")), "seq",
                         (json_int_t)0);
    code = code ? json_incref(code)
                : json_pack("{s:i,s:[s],s:n}", "epoch", 0, "kinds", "P1", "secret");
    if (!document || !body || !code || json_object_del(body, "order") < 0 ||
        json_object_update(document, body) < 0 || json_object_set_new(document, "code", code) < 0 ||
        json_object_set_new(document, "number_digest", json_string(hex)) < 0 ||
        json_object_set(document, "disputed", json_object_get(before, "disputed") ?: json_false()) <
            0)
        return -ENOMEM;
    /* A number that died with a hand-over stays dead. */
    if (json_is_null(json_object_get(before, "number_digest")) &&
        json_object_set_new(document, "number_digest", json_null()) < 0)
        return -ENOMEM;
    if (keep_called_back(document, order) < 0 ||
        keep_placements(json_object_get(document, "parcels"), json_object_get(before, "parcels")) <
            0)
        return -ENOMEM;
    *ret_document = TAKE_PTR(document);
    return 0;
}

/* --- what only the store can refuse ----------------------------------------------------------- */

static int reject_label(struct store *store, const struct draft *draft, size_t i, const char *kind,
                        const char *label, struct draft_problem *ret_problem)
{
    _cleanup_free_ char *owner = NULL;
    char path[32];
    int r;

    if (!label)
        return 0;
    r = store_label_owner(store, draft->branch, label, &owner);
    if (r <= 0)
        return r;
    if (strcmp(owner, draft->order) == 0)
        return 0;
    snprintf(path, sizeof(path), "parcels[%zu].", i);
    return draft_fail(ret_problem, path, kind, "Give each parcel of a branch its own label.",
                      "'%s' already belongs to order %s", label, owner);
}

static int check_labels(struct store *store, const struct draft *draft,
                        struct draft_problem *ret_problem)
{
    const json_t *parcels = json_object_get(draft->document, "parcels");
    json_t *parcel;
    size_t i;

    json_array_foreach (parcels, i, parcel) {
        static const char *const kinds[] = {"parcel", "barcode"};

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
            int r = reject_label(store, draft, i, kinds[k],
                                 json_string_value(json_object_get(parcel, kinds[k])), ret_problem);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static bool has_parcel(const json_t *parcels, const json_t *name)
{
    json_t *parcel;
    size_t i;

    json_array_foreach (parcels, i, parcel) {
        if (json_equal(json_object_get(parcel, "parcel"), name))
            return true;
    }
    return false;
}

/* A parcel that lies in a door, or was collected, cannot be wished away. */
static int check_removed(const struct draft *draft, const json_t *before,
                         struct draft_problem *ret_problem)
{
    const json_t *after = json_object_get(draft->document, "parcels");
    json_t *parcel;
    size_t i;

    json_array_foreach (json_object_get(before, "parcels"), i, parcel) {
        const json_t *name = json_object_get(parcel, "parcel");
        const json_t *placed = json_object_get(parcel, "placed");

        if (has_parcel(after, name))
            continue;
        if (json_is_object(placed))
            return draft_fail(ret_problem, "", "parcels",
                              "Have staff take it out first, or keep it in the order.",
                              "no longer names '%s', which lies in door %lld of %s",
                              json_string_value(name),
                              (long long)json_integer_value(json_object_get(placed, "door")),
                              json_string_value(json_object_get(placed, "bank")));
        if (json_is_object(json_object_get(parcel, "collected")))
            return draft_fail(ret_problem, "", "parcels", "Keep it in the order.",
                              "no longer names '%s', which was collected", json_string_value(name));
    }
    return 0;
}

static int check_order(const struct draft *draft, const struct store_order *order,
                       struct draft_problem *ret_problem)
{
    if (strcmp(order->branch, draft->branch) != 0)
        return draft_fail(ret_problem, "", "branch",
                          "Move it with 'pickup-hq move', or export it for that branch.",
                          "is '%s', but the order is announced at '%s'", draft->branch,
                          order->branch);
    if (draft->source_rev >= 0 && draft->source_rev < order->source_rev)
        return draft_fail(ret_problem, "", "source_rev", "Export the order again.",
                          "%lld is older than %lld, which is already here",
                          (long long)draft->source_rev, (long long)order->source_rev);
    return 0;
}

static int check_size(const json_t *document, struct draft_problem *ret_problem)
{
    size_t n = json_dumpb(document, NULL, 0, JSON_COMPACT);

    if (n <= DOCUMENT_MAX_BYTES)
        return 0;
    return draft_fail(ret_problem, "", "parcels", "Make several orders of it.",
                      "make a document of %zu bytes; at most %d are allowed", n,
                      DOCUMENT_MAX_BYTES);
}

/* --- entering --------------------------------------------------------------------------------- */

static int write_labels(struct store *store, const struct draft *draft, int64_t order_id)
{
    const json_t *parcels = json_object_get(draft->document, "parcels");
    json_t *parcel;
    size_t i;
    int r = store_delete_labels(store, order_id);

    json_array_foreach (parcels, i, parcel) {
        const char *number = json_string_value(json_object_get(parcel, "parcel"));
        const char *barcode = json_string_value(json_object_get(parcel, "barcode"));

        if (r >= 0)
            r = store_add_label(store, draft->branch, number, order_id);
        if (r >= 0 && barcode)
            r = store_add_label(store, draft->branch, barcode, order_id);
    }
    return r;
}

/* An HQ that was restored may have heard of an order's parcels before it knew the order again. */
static int collect_event(void *userdata, int64_t id, json_t *event)
{
    return json_array_append(userdata, event) < 0 ? -ENOMEM : 1;
}

static int replay_evidence(struct store *store, const struct draft *draft)
{
    json_auto_t *events = json_array();
    json_t *event;
    size_t i;
    int r = store_events_of_order(store, draft->order, collect_event, events);

    json_array_foreach (events, i, event) {
        if (r < 0)
            break;
        r = book_evidence(store, draft->branch, json_string_value(json_object_get(event, "bank")),
                          json_string_value(json_object_get(event, "log")), event);
    }
    return r < 0 ? r : 0;
}

static int add(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
               const struct draft *draft, struct draft_problem *ret_problem)
{
    struct store_order order = {.source_rev = draft->source_rev};
    json_auto_t *document = NULL;
    int r = choose_handle(store, order.handle);

    if (r >= 0)
        r = book_choose_number(store, draft->branch, order.number);
    if (r < 0)
        return r;
    strcpy(order.branch, draft->branch); /* its length was checked with the configuration */
    memcpy(order.draft_digest, draft->digest, sizeof(order.draft_digest));
    r = make_document(draft, &order, number_key, NULL, &document);
    if (r >= 0)
        r = check_size(document, ret_problem);
    if (r >= 0)
        r = store_add_order(store, draft->order, &order);
    if (r >= 0)
        r = write_labels(store, draft, order.id);
    if (r >= 0)
        r = store_put_document(store, draft->branch, "order", draft->order, document);
    return r < 0 ? r : replay_evidence(store, draft);
}

static int change(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                  const struct draft *draft, struct store_order *order,
                  struct draft_problem *ret_problem)
{
    json_auto_t *before = NULL, *document = NULL;
    int r = store_document(store, order->branch, "order", draft->order, &before);

    if (r <= 0)
        return r < 0 ? r : -EUCLEAN;
    r = check_removed(draft, before, ret_problem);
    if (r >= 0)
        r = make_document(draft, order, number_key, before, &document);
    if (r >= 0)
        r = check_size(document, ret_problem);
    if (r < 0)
        return r;
    if (draft->source_rev >= 0)
        order->source_rev = draft->source_rev;
    memcpy(order->draft_digest, draft->digest, sizeof(order->draft_digest));
    r = store_set_order(store, order);
    if (r >= 0)
        r = write_labels(store, draft, order->id);
    if (r >= 0)
        r = store_put_document(store, order->branch, "order", draft->order, document);
    return r;
}

/* A newer revision of the shop with the same content is noted, and nothing else. */
static int keep(struct store *store, const struct draft *draft, struct store_order *order)
{
    if (draft->source_rev <= order->source_rev)
        return 0;
    order->source_rev = draft->source_rev;
    return store_set_order(store, order);
}

int book_enter(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
               const struct draft *draft, enum book_outcome *ret_outcome,
               struct draft_problem *ret_problem)
{
    enum book_outcome outcome;
    struct store_order order;
    int r = store_order(store, draft->order, &order), known = r;

    *ret_problem = (struct draft_problem){0};
    if (r > 0)
        r = check_order(draft, &order, ret_problem);
    if (r >= 0)
        r = check_labels(store, draft, ret_problem);
    if (r >= 0 && known == 0) {
        outcome = BOOK_IMPORTED;
        r = add(store, number_key, draft, ret_problem);
    } else if (r >= 0 && memcmp(order.draft_digest, draft->digest, sizeof(draft->digest)) == 0) {
        outcome = BOOK_UNCHANGED;
        r = keep(store, draft, &order);
    } else if (r >= 0) {
        outcome = BOOK_CHANGED;
        r = change(store, number_key, draft, &order, ret_problem);
    }
    if (r == -EBADMSG) {
        *ret_outcome = BOOK_REJECTED;
        return 0;
    }
    if (r < 0)
        return r;
    *ret_outcome = outcome;
    return 0;
}

int book_publish(struct store *store, const char *branch, const char *kind, const char *name,
                 json_t *document)
{
    json_auto_t *before = NULL;
    int r = store_document(store, branch, kind, name, &before);

    if (r < 0)
        return r;
    if (before) {
        if (json_object_set(document, "rev", json_object_get(before, "rev")) < 0 ||
            json_object_set(document, "seq", json_object_get(before, "seq")) < 0)
            return -ENOMEM;
        if (json_equal(before, document))
            return 0;
    }
    r = store_put_document(store, branch, kind, name, document);
    return r < 0 ? r : 1;
}
