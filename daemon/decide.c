#include "daemon/decide-inner.h"

#include "common/log.h"
#include "daemon/audit.h"
#include "daemon/visit.h"
#include "daemon/timekeeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORGED_EVENT_EVERY_US                                                                      \
    (10 * 1000 * 1000) /* a show of forged codes must not fill the disk                            \
                        */

int answer_failed(struct manager *manager, int r, struct answer *answer)
{
    answer->outcome = OUTCOME_OUT_OF_ORDER;
    answer->session = 0;
    if (r == -ENOTCONN) {
        snprintf(answer->reason, sizeof(answer->reason),
                 "the kiosk is away; is pickup-kiosk running?");
        return 0;
    }
    manager_store_failed(manager, r, "deciding");
    if (*manager->disk.detail)
        snprintf(answer->reason, sizeof(answer->reason), "%s", manager->disk.detail);
    else
        snprintf(answer->reason, sizeof(answer->reason), "the bank cannot write to its store: %s",
                 strerror(-r));
    return r;
}

int answer_refuse(struct answer *answer, const char *format, ...)
{
    va_list arguments;

    answer->outcome = OUTCOME_REFUSED;
    va_start(arguments, format);
    vsnprintf(answer->reason, sizeof(answer->reason), format, arguments);
    va_end(arguments);
    return 0;
}

/* Records a refusal, so that HQ can help a customer who calls. */
static int refused(struct manager *manager, const char *code, const struct order *order,
                   struct answer *answer)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = audit_add(manager->store, "refused",
                      json_pack("{ss ss ss*}", "outcome", outcome_name(answer->outcome), "code",
                                code, "order", order ? order->id : NULL));
    r = store_finish(manager->store, r);
    /* A refusal opens nothing: it is told also when it cannot be recorded. */
    if (r < 0)
        manager_store_failed(manager, r, "noting a refusal");
    return 0;
}

static int forged(struct manager *manager, const char *code, struct answer *answer)
{
    uint64_t now_us = clock_boot_us();

    answer->outcome = OUTCOME_FORGED;
    if (manager->forged_told_us && now_us - manager->forged_told_us < FORGED_EVENT_EVERY_US)
        return 0;
    manager->forged_told_us = now_us;
    return refused(manager, code, NULL, answer);
}

/* An active recall of one of the order's goods holds it (docs/protocol.md, recall). */
struct recall_search {
    const json_t *document;
    bool found;
};

static bool holds_sku(const json_t *document, const char *sku)
{
    const json_t *parcel, *item;
    size_t i, k;

    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        json_array_foreach (json_object_get(parcel, "items"), k, item) {
            const char *own = json_string_value(json_object_get(item, "sku"));

            if (own && strcmp(own, sku) == 0)
                return true;
        }
    }
    return false;
}

static int search_recall(void *userdata, const json_t *recall)
{
    struct recall_search *search = userdata;
    const json_t *sku;
    size_t i;

    if (!json_is_true(json_object_get(recall, "active")))
        return 0;
    json_array_foreach (json_object_get(recall, "skus"), i, sku) {
        if (json_is_string(sku) && holds_sku(search->document, json_string_value(sku)))
            search->found = true;
    }
    return 0;
}

static int is_recalled(struct manager *manager, const json_t *document)
{
    struct recall_search search = {.document = document};
    int r = store_each_document(manager->store, "recall", search_recall, &search);

    return r < 0 ? r : search.found;
}

static unsigned list_doors(const struct order_record *record, struct session_item *ret_items)
{
    unsigned n = 0;

    for (size_t i = 0; i < record->order->n_parcels; i++) {
        const struct placement *placement = &record->placements[i];

        if (placement->door_faulty || placement->granted ||
            (placement->state != PLACEMENT_STOCKED && placement->state != PLACEMENT_UNCONFIRMED))
            continue;
        snprintf(ret_items[n].parcel, sizeof(ret_items[n].parcel), "%s",
                 record->order->parcels[i].id);
        ret_items[n++].door = placement->door;
    }
    return n;
}

static int open_order(struct manager *manager, const struct order_record *record,
                      struct answer *answer)
{
    struct session_item items[ORDER_PARCELS_MAX];
    struct session session = {.kind = SESSION_COLLECTION, .actor = "customer"};
    unsigned n = list_doors(record, items);
    int r;

    if (n == 0) {
        answer->outcome = OUTCOME_OUT_OF_ORDER;
        snprintf(answer->reason, sizeof(answer->reason), "the doors of this order are faulty");
        return 0;
    }
    snprintf(session.order, sizeof(session.order), "%s", record->order->id);
    snprintf(session.display, sizeof(session.display), "%s", answer->display);
    snprintf(session.lang, sizeof(session.lang), "%s", answer->lang);
    if (disk_refuses_grant(manager, answer))
        return 0;
    r = visit_begin(manager, &session, SESSION_COLLECTION, items, n);
    if (r < 0)
        return answer_failed(manager, r, answer);
    answer->outcome = OUTCOME_OPENING;
    answer->session = manager->session.id;
    return 0;
}

/* The customer is genuine and the order known: may it be opened now? */
static int decide_order(struct manager *manager, const struct order_record *record,
                        const char *code, uint8_t epoch, int64_t not_after_ms,
                        struct answer *answer)
{
    struct order_question question = {
        .now_ms = timekeeper_now_ms(manager),
        .clock_trusted = timekeeper_trusted(manager),
        .code_epoch = epoch,
        .bank_epoch = record->epoch,
        .code_not_after_ms = not_after_ms,
        .id_seen = clock_boot_us() < record->id_seen_until_us,
    };
    const char *bank = NULL;
    int r;

    snprintf(answer->display, sizeof(answer->display), "%s",
             record->order->display ? record->order->display : "");
    snprintf(answer->lang, sizeof(answer->lang), "%s",
             record->order->lang ? record->order->lang : "");
    answer->outcome =
        order_may_open(record->order, record->placements, &question, &answer->at_ms, &bank);
    if (bank)
        snprintf(answer->bank, sizeof(answer->bank), "%s", bank);
    if (answer->outcome == OUTCOME_OPENING) {
        r = is_recalled(manager, record->document);
        if (r < 0)
            return answer_failed(manager, r, answer);
        if (r > 0)
            answer->outcome = OUTCOME_HELD;
    }
    if (answer->outcome != OUTCOME_OPENING)
        return refused(manager, code, record->order, answer);
    return open_order(manager, record, answer);
}

/* A genuine code of a higher epoch kills the older ones at once, also before HQ has said so. */
static int raise_epoch(struct manager *manager, const struct code *code, const char *number)
{
    int r = store_begin(manager->store);

    if (r == 0)
        r = store_raise_epoch(manager->store, code->order, code->epoch);
    if (r == 0 && number)
        r = audit_add(manager->store, "epoch_raised",
                      json_pack("{ss si}", "order", number, "epoch", (int)code->epoch));
    return store_finish(manager->store, r);
}

/* Genuine, but its order has not come yet. */
static int decide_early_bird(struct manager *manager, const struct code *code,
                             struct answer *answer)
{
    uint8_t epoch = 0;
    int r = store_get_epoch(manager->store, code->order, &epoch);

    if (r >= 0 && code->epoch > epoch)
        r = raise_epoch(manager, code, NULL);
    if (r < 0)
        return answer_failed(manager, r, answer);
    answer->outcome = OUTCOME_NOT_STOCKED;
    if (code->epoch < epoch)
        answer->outcome = OUTCOME_TRANSFERRED;
    else if (code->not_after_s && timekeeper_now_ms(manager) > code->not_after_s * 1000) {
        answer->outcome = OUTCOME_EXPIRED;
        answer->at_ms = code->not_after_s * 1000;
    }
    return refused(manager, code_kind_name(code->kind), NULL, answer);
}

static int decide_p1(struct manager *manager, const struct code *code, struct answer *answer)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    int r;

    if (code->branch != manager->config.branch_number) {
        answer->outcome = OUTCOME_OTHER_BRANCH;
        answer->branch = code->branch;
        return refused(manager, "P1", NULL, answer);
    }
    r = store_find_handle(manager->store, code->order, &record);
    if (r < 0)
        return answer_failed(manager, r, answer);
    if (r == 0)
        return decide_early_bird(manager, code, answer);
    if (!record->order->p1_opens) {
        answer->outcome = OUTCOME_TRANSFERRED; /* it is opened by another kind of code now */
        return refused(manager, "P1", record->order, answer);
    }
    if (code->epoch > record->epoch) {
        r = raise_epoch(manager, code, record->order->id);
        if (r < 0)
            return answer_failed(manager, r, answer);
        record->epoch = code->epoch;
    }
    return decide_order(manager, record, "P1", code->epoch, code->not_after_s * 1000, answer);
}

static bool in_staff_session(const struct manager *manager)
{
    return manager->session.kind == SESSION_STAFF;
}

static int end_staff_session(struct manager *manager, struct answer *answer)
{
    int r = visit_end(manager, manager->session.id, "done");

    if (r < 0)
        return answer_failed(manager, r, answer);
    answer->outcome = OUTCOME_STAFF;
    return 0;
}

int decide_present(struct manager *manager, const char *text, struct answer *ret_answer)
{
    struct code code = {};
    enum code_result result = code_read(text, manager->keys, manager->n_keys, &code);

    memset(ret_answer, 0, sizeof(*ret_answer));
    (void)timekeeper_now_ms(manager);
    if (disk_refuses(manager, ret_answer))
        return 0;
    if (in_staff_session(manager)) {
        if (code.kind == CODE_S1 && result == CODE_OK)
            return end_staff_session(manager, ret_answer);
        return decide_label(manager, text, ret_answer);
    }
    if (result == CODE_FOREIGN) {
        ret_answer->outcome = OUTCOME_UNKNOWN;
        return 0;
    }
    if (result != CODE_OK)
        return forged(manager, code_kind_name(code.kind), ret_answer);
    if (!session_can_be_replaced(&manager->session)) {
        ret_answer->outcome = OUTCOME_BUSY;
        return 0;
    }
    switch (code.kind) {
    case CODE_S1:
        return decide_badge(manager, &code, ret_answer);
    case CODE_P1:
        return decide_p1(manager, &code, ret_answer);
    default:
        return answer_refuse(ret_answer, "rotating codes are not accepted at this bank yet; show "
                                         "the code of the confirmation, or type the number");
    }
}

/* ---- the pickup number ---- */

static int count_wrong(struct manager *manager, int64_t now_ms, struct answer *answer)
{
    struct number_throttle throttle = manager->throttle;
    int r = store_begin(manager->store);

    number_throttle_wrong(&throttle, now_ms);
    if (r == 0)
        r = store_set_integer(manager->store, "number_wrong", throttle.wrong);
    if (r == 0)
        r = store_set_integer(manager->store, "number_since", throttle.since_ms);
    if (r == 0)
        r = store_set_integer(manager->store, "number_until", throttle.until_ms);
    if (r == 0)
        r = store_set_text(manager->store, "number_boot", manager->boot);
    if (r == 0)
        r = audit_add(manager->store, "number_wrong",
                      json_pack("{sI}", "wrong", (json_int_t)throttle.wrong));
    r = store_finish(manager->store, r);
    if (r < 0)
        return answer_failed(manager, r, answer);
    manager->throttle = throttle;
    answer->outcome = OUTCOME_UNKNOWN;
    answer->wait_ms = number_throttle_wait_ms(&manager->throttle, now_ms);
    return 0;
}

int decide_number(struct manager *manager, const char *typed, struct answer *ret_answer)
{
    _cleanup_(order_record_freep) struct order_record *record = NULL;
    uint8_t digest[NUMBER_DIGEST_BYTES];
    char digits[NUMBER_DIGITS + 1];
    int64_t now_ms = (int64_t)(clock_boot_us() / 1000);
    int r;

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (disk_refuses(manager, ret_answer))
        return 0;
    ret_answer->wait_ms = number_throttle_wait_ms(&manager->throttle, now_ms);
    if (ret_answer->wait_ms > 0) {
        ret_answer->outcome = OUTCOME_NUMBER_WAIT;
        return 0;
    }
    if (number_parse(typed, digits) < 0) {
        ret_answer->outcome = OUTCOME_NUMBER_SLIP;
        return 0;
    }
    if (!session_can_be_replaced(&manager->session)) {
        ret_answer->outcome = OUTCOME_BUSY;
        return 0;
    }
    number_digest(manager->number_key, digits, digest);
    r = store_find_digest(manager->store, digest, &record);
    if (r < 0)
        return answer_failed(manager, r, ret_answer);
    if (r == 0)
        return count_wrong(manager, now_ms, ret_answer);
    /* The number belongs to the document's epoch: it dies with it when the right moves on. */
    return decide_order(manager, record, "number", record->order->epoch, 0, ret_answer);
}
