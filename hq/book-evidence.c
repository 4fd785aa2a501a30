/* What a bank's events say of an order's parcels. Events of one bank come in order; those of two
 * banks may overtake each other, so the later placement wins and only a bank that holds a parcel
 * can take it out. What was collected never goes back. */
#include "hq/book-change.h"

#include <errno.h>
#include <string.h>

enum evidence {
    EVIDENCE_NONE,
    EVIDENCE_STOCKED,
    EVIDENCE_UNSTOCKED,
    EVIDENCE_COLLECTED,
    EVIDENCE_EPOCH, /* a genuine code of a higher epoch was shown, or was known before a restore */
};

struct report {
    const char *bank, *log;
    json_int_t n, at, door;
};

static enum evidence kind_of(const char *type)
{
    static const struct {
        const char *type;
        enum evidence evidence;
    } kinds[] = {
        {"stocked", EVIDENCE_STOCKED},
        {"unstocked", EVIDENCE_UNSTOCKED},
        {"parcel_collected", EVIDENCE_COLLECTED},
        {"collected", EVIDENCE_COLLECTED},
        {"epoch_raised", EVIDENCE_EPOCH},
    };

    for (size_t i = 0; type && i < ELEMENTSOF(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].evidence;
    return EVIDENCE_NONE;
}

static bool lies_in(const json_t *parcel, const char *bank)
{
    const char *where =
        json_string_value(json_object_get(json_object_get(parcel, "placed"), "bank"));

    return where && strcmp(where, bank) == 0;
}

static int stock(json_t *parcel, const struct report *report)
{
    const json_t *placed = json_object_get(parcel, "placed");

    if (json_is_object(json_object_get(parcel, "collected")) || report->door < 1)
        return 0;
    if (placed && json_integer_value(json_object_get(placed, "since")) > report->at &&
        !lies_in(parcel, report->bank))
        return 0;
    if (json_object_set_new(parcel, "placed",
                            json_pack("{s:s,s:I,s:I,s:s,s:I}", "bank", report->bank, "door",
                                      report->door, "since", report->at, "log", report->log, "n",
                                      report->n)) < 0)
        return -ENOMEM;
    return 1;
}

static int unstock(json_t *parcel, const struct report *report)
{
    if (!lies_in(parcel, report->bank))
        return 0;
    return json_object_set_new(parcel, "placed", json_null()) < 0 ? -ENOMEM : 1;
}

static int collect(json_t *parcel, const struct report *report)
{
    if (json_is_object(json_object_get(parcel, "collected")))
        return 0;
    if (json_object_set_new(parcel, "collected",
                            json_pack("{s:s,s:I}", "bank", report->bank, "at", report->at)) < 0 ||
        json_object_set_new(parcel, "placed", json_null()) < 0)
        return -ENOMEM;
    return 1;
}

/* `name` is the parcel of the event; NULL = the whole order, as far as it lies in that bank. */
static int reflect(json_t *document, enum evidence evidence, const char *name,
                   const struct report *report)
{
    int changed = 0, r = 0;
    json_t *parcel;
    size_t i;

    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        const char *own = json_string_value(json_object_get(parcel, "parcel"));

        if (name ? strcmp(name, own) != 0 : !lies_in(parcel, report->bank))
            continue;
        r = evidence == EVIDENCE_STOCKED     ? stock(parcel, report)
            : evidence == EVIDENCE_UNSTOCKED ? unstock(parcel, report)
                                             : collect(parcel, report);
        if (r < 0)
            return r;
        changed |= r;
    }
    return changed;
}

/* Did the goods leave the old way, at a bank that had not heard of what HQ did? Then the evidence
 * wins. Settles those changes; 1 = there was one. */
static int overtake(struct store *store, const char *branch, const char *order,
                    const struct report *report)
{
    _cleanup_free_ struct store_open_change *list = NULL;
    size_t n = 0;
    int r = store_changes_open(store, branch, &list, &n), found = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        if (strcmp(list[i].order, order) != 0 || strcmp(list[i].kind, "release") == 0)
            continue;
        r = book_had_applied(store, report->bank, report->log, report->n, list[i].seq);
        if (r != 0)
            continue;
        found = 1;
        r = store_settle_change(store, list[i].id, "overtaken", report->at);
    }
    return r < 0 ? r : found;
}

/* Where the goods left although HQ had called them back, people must look. */
static int note_conflict(struct store *store, const char *branch, const char *order,
                         json_t *document, const struct report *report)
{
    const char *status = json_string_value(json_object_get(document, "status"));
    int r = overtake(store, branch, order, report);

    if (r < 0)
        return r;
    if (r == 0 &&
        (!status || (strcmp(status, "cancelled") != 0 && strcmp(status, "returned") != 0)))
        return 0;
    return json_object_set_new(document, "disputed", json_true()) < 0 ? -ENOMEM : 0;
}

/* A bank gave out goods of an order that has moved on to another branch. */
static int collect_moved(struct store *store, const char *branch, const char *order,
                         const char *name, const struct report *report, const json_t *tombstone)
{
    json_auto_t *document = NULL;
    struct store_order known;
    json_t *parcel;
    size_t i;
    int r = store_order(store, order, &known);

    if (r > 0 && strcmp(known.branch, branch) == 0)
        r = 0;
    if (r > 0)
        r = store_document(store, known.branch, "order", order, &document);
    if (r <= 0)
        return r;
    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        const json_t *own = json_object_get(parcel, "parcel"), *old;
        bool left = name && strcmp(name, json_string_value(own)) == 0;
        size_t k;

        json_array_foreach (json_object_get(tombstone, "parcels"), k, old)
            left = left || (json_equal(json_object_get(old, "parcel"), own) &&
                            json_is_object(json_object_get(old, "collected")));
        r = left ? collect(parcel, report) : 0;
        if (r < 0)
            return r;
    }
    if (json_object_set_new(document, "disputed", json_true()) < 0)
        return -ENOMEM;
    return store_put_document(store, known.branch, "order", order, document);
}

/* The code of before is dead at the bank, so HQ must not show it either. The number belonged to
 * it. */
static int raise_epoch(json_t *document, json_int_t epoch)
{
    json_t *code = json_object_get(document, "code");

    if (epoch <= json_integer_value(json_object_get(code, "epoch")) || epoch > UINT8_MAX)
        return 0;
    if (json_object_set_new(code, "epoch", json_integer(epoch)) < 0 ||
        json_object_set_new(document, "number_digest", json_null()) < 0)
        return -ENOMEM;
    return 1;
}

/* When it happened, as far as anybody knows. */
static json_int_t time_of(const json_t *event)
{
    const json_t *placed_at = json_object_get(event, "placed_at");

    return json_integer_value(placed_at ? placed_at : json_object_get(event, "at"));
}

int book_evidence(struct store *store, const char *branch, const char *bank, const char *log,
                  const json_t *event)
{
    const char *order = json_string_value(json_object_get(event, "order"));
    const char *parcel = json_string_value(json_object_get(event, "parcel"));
    enum evidence evidence = kind_of(json_string_value(json_object_get(event, "type")));
    json_auto_t *document = NULL;
    const struct report report = {
        .bank = bank,
        .log = log,
        .n = json_integer_value(json_object_get(event, "n")),
        .at = time_of(event),
        .door = json_integer_value(json_object_get(event, "door")),
    };
    int r;

    if (evidence == EVIDENCE_NONE || !order ||
        (!parcel && evidence != EVIDENCE_COLLECTED && evidence != EVIDENCE_EPOCH))
        return 0;
    r = store_document(store, branch, "order", order, &document);
    if (r <= 0)
        return r;
    if (evidence == EVIDENCE_EPOCH)
        r = raise_epoch(document, json_integer_value(json_object_get(event, "epoch")));
    else
        r = reflect(document, evidence, parcel, &report);
    if (r <= 0)
        return r;
    if (evidence == EVIDENCE_COLLECTED)
        r = note_conflict(store, branch, order, document, &report);
    if (r >= 0)
        r = store_put_document(store, branch, "order", order, document);
    if (r >= 0 && evidence == EVIDENCE_COLLECTED)
        r = collect_moved(store, branch, order, parcel, &report, document);
    return r < 0 ? r : 1;
}
