#include "hq/book-change.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define EPOCH_MAX 255

static const char *const names[CHANGE_COUNT] = {
    [CHANGE_CANCEL] = "cancel",     [CHANGE_HOLD] = "hold", [CHANGE_RELEASE] = "release",
    [CHANGE_HANDOVER] = "handover", [CHANGE_MOVE] = "move",
};

const char *book_change_name(enum book_change change)
{
    return names[change];
}

static int refuse(char **ret_problem, const char *format, ...) _printf_(2, 3);
static int refuse(char **ret_problem, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(ret_problem, format, ap) < 0)
        *ret_problem = NULL;
    va_end(ap);
    return -EBADMSG;
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member)) ?: "";
}

static size_t count_collected(const json_t *document)
{
    const json_t *parcel;
    size_t i, n = 0;

    json_array_foreach (json_object_get(document, "parcels"), i, parcel)
        n += json_is_object(json_object_get(parcel, "collected"));
    return n;
}

/* --- the rules -------------------------------------------------------------------------------- */

/* 1 = go on, 0 = it is so already. */
static int check(const struct book_change_request *request, const struct store_order *order,
                 const json_t *document, char **ret_problem)
{
    const char *status = text_of(document, "status");
    size_t n_collected = count_collected(document);
    bool ended = strcmp(status, "cancelled") == 0 || strcmp(status, "returned") == 0;

    switch (request->change) {
    case CHANGE_CANCEL:
        if (n_collected == json_array_size(json_object_get(document, "parcels")))
            return refuse(ret_problem, "it was collected. Take the goods back as a return");
        return strcmp(status, "cancelled") != 0;
    case CHANGE_HOLD:
        if (ended)
            return refuse(ret_problem, "it is %s", status);
        return strcmp(status, "held") != 0 || !*order->called_back;
    case CHANGE_RELEASE:
        if (strcmp(order->called_back, "held") != 0)
            return refuse(ret_problem, "it was not held here; the shop says '%s'", status);
        return 1;
    case CHANGE_HANDOVER:
    case CHANGE_MOVE:
        break;
    default:
        return -EINVAL;
    }
    if (ended)
        return refuse(ret_problem, "it is %s", status);
    if (n_collected > 0)
        return refuse(ret_problem, "%zu of its parcels were collected already", n_collected);
    if (json_is_true(json_object_get(document, "disputed")))
        return refuse(ret_problem, "it is disputed. Settle that first");
    if (json_integer_value(json_object_get(json_object_get(document, "code"), "epoch")) >=
        EPOCH_MAX)
        return refuse(ret_problem, "it was handed over %d times, which is the most", EPOCH_MAX);
    if (request->change == CHANGE_MOVE && strcmp(request->to_branch, order->branch) == 0)
        return refuse(ret_problem, "it is at %s already", order->branch);
    return 1;
}

static int set_status(json_t *document, const char *status)
{
    return json_object_set_new(document, "status", json_string(status)) < 0 ? -ENOMEM : 0;
}

/* A new code and number: the epoch rises, and a rotating secret is made anew. */
static int renew_code(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                      struct store_order *order, json_t *document)
{
    json_t *code = json_object_get(document, "code");
    char hex[NUMBER_DIGEST_BYTES * 2 + 1], secret[45];
    uint8_t digest[NUMBER_DIGEST_BYTES], bytes[32];
    int r = book_choose_number(store, order->branch, order->number);

    if (r < 0)
        return r;
    number_digest(number_key, order->number, digest);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    if (json_is_string(json_object_get(code, "secret"))) {
        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2base64(secret, sizeof(secret), bytes, sizeof(bytes),
                          sodium_base64_VARIANT_ORIGINAL);
        sodium_memzero(bytes, sizeof(bytes));
        if (json_object_set_new(code, "secret", json_string(secret)) < 0)
            return -ENOMEM;
    }
    if (json_object_set_new(code, "epoch",
                            json_integer(json_integer_value(json_object_get(code, "epoch")) + 1)) <
            0 ||
        json_object_set_new(document, "number_digest", json_string(hex)) < 0)
        return -ENOMEM;
    return 0;
}

/* --- moving ----------------------------------------------------------------------------------- */

/* What stays in the old branch's feed. It still says where its banks hold parcels, because staff
 * have to take them out, and what they report is reflected here. */
static json_t *make_tombstone(const json_t *document)
{
    static const char *const members[] = {"order", "handle", "rev", "seq", "branch", "parcels"};
    json_t *tombstone = json_pack("{s:s}", "status", "moved"), *copy;

    for (size_t i = 0; tombstone && i < ELEMENTSOF(members); i++) {
        copy = json_deep_copy(json_object_get(document, members[i]));
        if (json_object_set_new(tombstone, members[i], copy) < 0) {
            json_decref(tombstone);
            return NULL;
        }
    }
    return tombstone;
}

/* The labels must be free in the other branch. */
static int move_labels(struct store *store, const struct store_order *order, const json_t *document,
                       char **ret_problem)
{
    static const char *const members[] = {"parcel", "barcode"};
    const json_t *parcel;
    size_t i;
    int r = store_delete_labels(store, order->id);

    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        for (size_t k = 0; k < ELEMENTSOF(members) && r >= 0; k++) {
            const char *label = json_string_value(json_object_get(parcel, members[k]));
            _cleanup_free_ char *owner = NULL;

            if (!label)
                continue;
            r = store_label_owner(store, order->branch, label, &owner);
            if (r > 0 && strcmp(owner, text_of(document, "order")) != 0)
                return refuse(ret_problem, "the label '%s' belongs to order %s at %s", label, owner,
                              order->branch);
            if (r >= 0)
                r = store_add_label(store, order->branch, label, order->id);
        }
    }
    return r;
}

/* In the new branch no parcel lies in a door yet. */
static int clear_placements(json_t *document)
{
    json_t *parcel;
    size_t i;

    json_array_foreach (json_object_get(document, "parcels"), i, parcel)
        if (json_object_set_new(parcel, "placed", json_null()) < 0)
            return -ENOMEM;
    return 0;
}

static int move(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                const struct book_change_request *request, struct store_order *order,
                json_t *document, char **ret_problem)
{
    json_auto_t *tombstone = make_tombstone(document), *there = NULL;
    char from[sizeof(order->branch)];
    int r;

    if (!tombstone)
        return -ENOMEM;
    memcpy(from, order->branch, sizeof(from));
    snprintf(order->branch, sizeof(order->branch), "%s", request->to_branch);
    r = move_labels(store, order, document, ret_problem);
    /* It may come back to a branch that keeps a tombstone of it: its rev must be higher there. */
    if (r >= 0)
        r = store_document(store, order->branch, "order", request->order, &there);
    if (r >= 0)
        r = renew_code(store, number_key, order, document);
    if (r >= 0)
        r = clear_placements(document);
    if (r >= 0 && json_integer_value(json_object_get(there, "rev")) >
                      json_integer_value(json_object_get(document, "rev")))
        json_object_set(document, "rev", json_object_get(there, "rev"));
    if (r >= 0 && json_object_set_new(document, "branch", json_string(request->to_branch)) < 0)
        r = -ENOMEM;
    if (r >= 0)
        r = store_put_document(store, from, "order", request->order, tombstone);
    if (r >= 0)
        r = store_put_document(store, order->branch, "order", request->order, document);
    return r;
}

/* --- entering --------------------------------------------------------------------------------- */

static int apply(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                 const struct book_change_request *request, struct store_order *order,
                 json_t *document, char **ret_problem)
{
    int r = 0;

    switch (request->change) {
    case CHANGE_CANCEL:
    case CHANGE_HOLD:
        snprintf(order->called_back, sizeof(order->called_back), "%s",
                 request->change == CHANGE_CANCEL ? "cancelled" : "held");
        r = set_status(document, order->called_back);
        break;
    case CHANGE_RELEASE:
        order->called_back[0] = '\0';
        r = set_status(document, "confirmed");
        break;
    case CHANGE_HANDOVER:
        r = renew_code(store, number_key, order, document);
        break;
    case CHANGE_MOVE:
        return move(store, number_key, request, order, document, ret_problem);
    default:
        return -EINVAL;
    }
    return r < 0 ? r : store_put_document(store, order->branch, "order", request->order, document);
}

/* Is a pending change of kind `earlier` covered by this one, which the same banks apply later? A
 * move is not: the banks of the branch that the order has left must still hear of it. */
static bool covers(enum book_change change, const char *earlier)
{
    bool pause =
        strcmp(earlier, names[CHANGE_HOLD]) == 0 || strcmp(earlier, names[CHANGE_RELEASE]) == 0;
    bool handover = strcmp(earlier, names[CHANGE_HANDOVER]) == 0;

    switch (change) {
    case CHANGE_HOLD:
    case CHANGE_RELEASE:
        return pause;
    case CHANGE_HANDOVER:
        return handover;
    default:
        return pause || handover;
    }
}

static int replace_earlier(struct store *store, const char *branch,
                           const struct book_change_request *request)
{
    _cleanup_free_ struct store_open_change *list = NULL;
    size_t n = 0;
    int r = store_changes_open(store, branch, &list, &n);

    for (size_t i = 0; i < n && r >= 0; i++)
        if (strcmp(list[i].order, request->order) == 0 && covers(request->change, list[i].kind))
            r = store_settle_change(store, list[i].id, "replaced", request->now_ms);
    return r;
}

int book_change(struct store *store, const uint8_t number_key[NUMBER_KEY_BYTES],
                const struct book_change_request *request, char **ret_problem)
{
    json_auto_t *document = NULL;
    struct store_order order;
    struct store_change change = {
        .kind = names[request->change],
        .at = request->now_ms,
        .actor = request->actor,
        .reason = request->reason,
    };
    char branch[sizeof(order.branch)];
    int r = store_order(store, request->order, &order);

    *ret_problem = NULL;
    if (r > 0)
        r = store_document(store, order.branch, "order", request->order, &document);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    memcpy(branch, order.branch, sizeof(branch));
    change.branch = branch;
    r = check(request, &order, document, ret_problem);
    if (r <= 0)
        return r;
    r = replace_earlier(store, branch, request);
    if (r >= 0)
        r = apply(store, number_key, request, &order, document, ret_problem);
    if (r >= 0)
        r = store_place_order(store, &order);
    /* Ours is the newest document of that branch: nobody else writes meanwhile. */
    if (r >= 0)
        r = store_seq(store, branch, &change.seq);
    if (r >= 0)
        r = store_add_change(store, order.id, &change);
    if (r >= 0)
        r = book_settle(store, branch, request->now_ms);
    return r < 0 ? r : 1;
}

/* --- pending ---------------------------------------------------------------------------------- */

/* Has the bank applied the present feed up to `seq`? *ret_bank says how far its log was by then. */
static int applied_seq(struct store *store, const char *bank, int64_t seq,
                       struct store_bank *ret_bank)
{
    char feed[UUID_LENGTH + 1];
    int r = store_feed(store, feed);

    if (r < 0)
        return r;
    r = store_bank(store, bank, ret_bank);
    store_bank_done(ret_bank);
    return r <= 0 ? r : strcmp(ret_bank->feed, feed) == 0 && ret_bank->applied >= seq;
}

int book_has_applied(struct store *store, const char *bank, int64_t seq)
{
    struct store_bank known = {0};
    struct store_log log;
    int r = applied_seq(store, bank, seq, &known);

    if (r <= 0 || !*known.log)
        return r;
    /* What it did before may still be on its way to us. */
    r = store_log(store, bank, known.log, &log);
    return r <= 0 ? r : log.through >= known.last_event;
}

int book_had_applied(struct store *store, const char *bank, const char *log, int64_t n, int64_t seq)
{
    struct store_bank known = {0};
    int r = applied_seq(store, bank, seq, &known);

    return r <= 0 ? r : strcmp(known.log, log) == 0 && n > known.last_event;
}

static bool is_listed(const json_t *banks, const char *bank)
{
    const json_t *name;
    size_t i;

    json_array_foreach (banks, i, name)
        if (strcmp(json_string_value(name), bank) == 0)
            return true;
    return false;
}

int book_change_waits_for(struct store *store, const char *branch, const char *order, int64_t seq,
                          json_t **ret_banks)
{
    json_auto_t *document = NULL, *banks = json_array();
    const json_t *parcel;
    size_t i;
    int r = store_document(store, branch, "order", order, &document);

    if (r < 0)
        return r;
    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        const char *bank = text_of(json_object_get(parcel, "placed"), "bank");

        if (!*bank || is_listed(banks, bank))
            continue;
        r = book_has_applied(store, bank, seq);
        if (r < 0)
            return r;
        if (r == 0 && json_array_append_new(banks, json_string(bank)) < 0)
            return -ENOMEM;
    }
    *ret_banks = json_incref(banks);
    return 0;
}

struct code_search {
    struct store *store;
    json_t *banks;
    char branch[33];
    int64_t seq; /* 0 = none is pending */
};

static int search_code_change(void *userdata, const struct store_change *change)
{
    struct code_search *search = userdata;

    if (change->outcome || (strcmp(change->kind, names[CHANGE_HANDOVER]) != 0 &&
                            strcmp(change->kind, names[CHANGE_MOVE]) != 0))
        return 1;
    snprintf(search->branch, sizeof(search->branch), "%s", change->branch);
    search->seq = change->seq;
    return 0;
}

int book_code_pending(struct store *store, const char *order, json_t **ret_banks)
{
    struct code_search search = {.store = store};
    int r = store_changes_of_order(store, order, search_code_change, &search);

    if (r < 0 || search.seq == 0)
        return r < 0 ? r : 0;
    r = book_change_waits_for(store, search.branch, order, search.seq, ret_banks);
    return r < 0 ? r : 1;
}

int book_settle(struct store *store, const char *branch, int64_t now_ms)
{
    _cleanup_free_ struct store_open_change *list = NULL;
    size_t n = 0;
    int r = store_changes_open(store, branch, &list, &n);

    for (size_t i = 0; i < n && r >= 0; i++) {
        json_auto_t *banks = NULL;

        r = book_change_waits_for(store, branch, list[i].order, list[i].seq, &banks);
        if (r >= 0 && json_array_size(banks) == 0)
            r = store_settle_change(store, list[i].id, "done", now_ms);
    }
    return r;
}
