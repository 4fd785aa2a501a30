#include "daemon/feed-down.h"

#include "common/document.h"
#include "common/log.h"
#include "common/wire.h"
#include "daemon/audit.h"
#include "daemon/door-book.h"
#include "daemon/timekeeper.h"
#include "daemon/feed-work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_ROWS     8192
#define BATCH_US       50000
#define BATCH_BYTES    (1 << 20) /* of documents: beyond it a commit takes ever longer */
#define PAUSE_MS       2
#define TURN_DOCUMENTS 32 /* applied in one turn of the loop: well under a millisecond */

int feed_down_restore(struct manager *manager)
{
    _cleanup_free_ char *id = NULL;
    int64_t cursor = 0;
    int r = store_get_text(manager->store, "feed", &id);

    if (r >= 0)
        r = store_get_integer(manager->store, "cursor", &cursor);
    if (r < 0)
        return r;
    feed_reset(&manager->feed, id ? id : "");
    manager->feed.cursor = manager->feed.seen = cursor;
    return 0;
}

static int reject(struct manager *manager, const json_t *document, const char *reason)
{
    const char *order = json_string_value(json_object_get(document, "order"));
    const char *kind = json_string_value(json_object_get(document, "kind"));
    json_t *rev = json_object_get(document, "rev"), *seq = json_object_get(document, "seq");

    log_warning("document %s was rejected: %s", order ? order : kind ? kind : "?", reason);
    return audit_add(manager->store, "document_rejected",
                     json_pack("{ss* ss* sI sI ss}", "order", order, "document",
                               order ? NULL : kind, "rev", json_integer_value(rev), "seq",
                               json_integer_value(seq), "reason", reason));
}

/* HQ says that the parcel lies in a door of this bank, by a log that is not the present one. */
static int rebuild_placed(struct manager *manager, const char *number, const char *parcel,
                          uint32_t door, const char *log)
{
    struct door_content content;
    int whole = store_knows_log(manager->store, log), r;

    if (whole < 0 && whole != -ENOENT)
        return whole;
    if (whole > 0)
        return 0; /* that log was rescued whole: the bank knows better what became of it since */
    r = store_door_content(manager->store, door, &content);
    if (r != 0) {
        if (r > 0)
            log_warning("HQ has parcel %s in door %u, where %s lies: staff must look", parcel, door,
                        content.parcel);
        return r < 0 ? r : 0;
    }
    r = store_set_placement(manager->store, parcel, number, door, PLACEMENT_UNCONFIRMED,
                            clock_now_ms());
    /* Part of that log is lost, and with it perhaps that something else lies there now: the door
     * opens for nobody until staff have looked (promise 1). */
    if (r == 0 && whole == 0)
        r = door_book_jam(manager, door);
    return r;
}

/* A board that was wiped or replaced learns from HQ where its parcels lie; staff then look. */
static int rebuild(struct manager *manager, const char *number, const json_t *parcel)
{
    const char *id = json_string_value(json_object_get(parcel, "parcel"));
    const json_t *placed = json_object_get(parcel, "placed");
    const json_t *collected = json_object_get(parcel, "collected");
    const json_t *known = json_is_object(collected) ? collected : placed;
    const char *bank = json_string_value(json_object_get(known, "bank"));
    const char *log = json_string_value(json_object_get(placed, "log"));
    json_int_t door = json_integer_value(json_object_get(placed, "door"));
    struct placement placement;
    int r;

    if (!id || !bank || strcmp(bank, manager->config.name) != 0)
        return 0;
    if (known == placed && (!log || strcmp(log, store_log(manager->store)) == 0 || door < 1 ||
                            door > (json_int_t)manager->doors.n))
        return 0;
    r = store_get_placement(manager->store, id, &placement);
    if (r != 0)
        return r < 0 ? r : 0;
    if (known == collected)
        return store_set_placement(manager->store, id, number, (uint32_t)door, PLACEMENT_COLLECTED,
                                   clock_now_ms());
    return rebuild_placed(manager, number, id, (uint32_t)door, log);
}

/* An HQ that was restored is told of hand-overs that it has forgotten. */
static int tell_epoch(struct manager *manager, const struct order *order)
{
    uint8_t epoch = 0;
    int r = store_get_epoch(manager->store, order->handle, &epoch);

    if (r <= 0 || epoch <= order->epoch)
        return r < 0 ? r : 0;
    return audit_add(manager->store, "epoch_raised",
                     json_pack("{ss si}", "order", order->id, "epoch", (int)epoch));
}

static int apply_order(struct manager *manager, const json_t *document)
{
    _cleanup_(order_freep) struct order *order = NULL;
    _cleanup_free_ char *reason = NULL;
    int64_t seq = json_integer_value(json_object_get(document, "seq"));
    const char *branch = json_string_value(json_object_get(document, "branch"));
    const json_t *parcel;
    size_t i;
    int r = order_parse(document, manager->config.name, &order, &reason);

    if (r == -EBADMSG)
        return reject(manager, document, reason);
    if (r < 0)
        return r;
    if (order->status == ORDER_MOVED)
        return store_put_moved(manager->store, order->id, order->rev, seq,
                               timekeeper_stamp_ms(manager));
    if (strcmp(branch, manager->config.branch) != 0)
        return reject(manager, document, "branch is not the branch of this bank");
    r = store_put_order(manager->store, order, document, seq, timekeeper_stamp_ms(manager));
    if (r == -EEXIST)
        return reject(manager, document, "its handle or a parcel belongs to another order");
    if (r <= 0)
        return r;
    if (store_generation(manager->store) > 1) {
        r = tell_epoch(manager, order);
        if (r < 0)
            return r;
    }
    json_array_foreach (json_object_get(document, "parcels"), i, parcel) {
        r = rebuild(manager, order->id, parcel);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_other(struct manager *manager, const char *kind, const json_t *document)
{
    _cleanup_free_ char *reason = NULL, *name = NULL;
    int64_t rev = 0;
    int r = document_read(document, kind, &name, &rev, &reason);

    if (r == -EBADMSG)
        return reject(manager, document, reason);
    if (r < 0)
        return r;
    r = store_put_document(manager->store, kind, name, rev, document);
    if (r > 0 && strcmp(kind, "key") == 0)
        r = manager_load_keys(manager);
    return r < 0 ? r : 0;
}

static int apply(struct manager *manager, const json_t *document)
{
    const json_t *kind = json_object_get(document, "kind");
    const json_t *seq = json_object_get(document, "seq");

    if (!json_is_object(document))
        return reject(manager, document, "it is not an object");
    if (!json_is_integer(seq) || json_integer_value(seq) < 1)
        return reject(manager, document, "seq must be an integer above 0");
    if (!kind || (json_is_string(kind) && strcmp(json_string_value(kind), "order") == 0))
        return apply_order(manager, document);
    if (!json_is_string(kind))
        return reject(manager, document, "kind must be a string");
    return apply_other(manager, json_string_value(kind), document);
}

/* A plain order goes into its row as it is; whatever is special about it takes the long way. */
static int apply_at(struct manager *manager, size_t i)
{
    const struct scanned_order *order = feed_work_plain(manager->work, i);
    json_auto_t *document = NULL;
    int r;

    /* A later feed has more to say of an order: tell_epoch(). */
    if (order && slice_is(order->branch, manager->config.branch) &&
        store_generation(manager->store) <= 1) {
        r = store_put_scanned(manager->store, order, timekeeper_stamp_ms(manager));
        if (r != -EEXIST)
            return r < 0 ? r : 0;
    }
    r = feed_work_document(manager->work, i, &document);
    return r < 0 ? r : apply(manager, document);
}

/* The cursor is where the store says, and what was under way is dropped. */
static void start_over(struct manager *manager)
{
    feed_work_close(manager->work);
    manager->batch_rows = 0;
    manager->uplink.applied_due = 0;
    (void)feed_down_restore(manager);
    (void)manager_load_keys(manager);
}

/* Everything since the last commit is undone; HQ is asked for it again. */
static void undo(struct manager *manager, int r)
{
    store_rollback(manager->store);
    start_over(manager);
    manager_store_failed(manager, r, "applying the feed");
}

/* Somebody else ended our batch, and the disk did not take it. */
static void follow_store(struct manager *manager)
{
    if (store_take_batch_lost(manager->store))
        start_over(manager);
}

static int begin_batch(struct manager *manager)
{
    int r = store_batch_begin(manager->store);

    if (r > 0) {
        manager->batch_begun_us = clock_boot_us();
        manager->batch_rows = 0;
        manager->batch_bytes = 0;
    }
    return r < 0 ? r : 0;
}

static int change_feed(struct manager *manager, const char *id)
{
    int r = begin_batch(manager);

    if (r == 0)
        r = store_new_generation(manager->store);
    if (r == 0)
        r = store_set_text(manager->store, "feed", id);
    if (r == 0)
        r = store_set_integer(manager->store, "cursor", 0);
    if (r == 0 && *manager->feed.id)
        r = audit_add(manager->store, "feed_changed",
                      json_pack("{ss ss}", "from", manager->feed.id, "to", id));
    if (r < 0)
        return r;
    log_notice("HQ has a new feed, %s: fetching it from the start", id);
    feed_reset(&manager->feed, id);
    return 0;
}

/* Where the cursor may stand when the documents before the next one are stored. */
static int move_cursor(struct manager *manager)
{
    const struct feed_page *page = feed_work_page(manager->work);
    int64_t now_ms = (int64_t)(clock_boot_us() / 1000), seq;
    int r;

    if (feed_work_done(manager->work)) {
        r = store_set_integer(manager->store, "cursor", page->seq);
        if (r < 0)
            return r;
        feed_applied(&manager->feed, page, now_ms);
    } else {
        seq = feed_work_reached(manager->work);
        if (seq <= manager->feed.cursor)
            return 0;
        r = store_set_integer(manager->store, "cursor", seq);
        if (r < 0)
            return r;
        feed_advanced(&manager->feed, seq, now_ms);
    }
    manager->uplink.applied_due = manager->feed.cursor;
    return 0;
}

static int apply_some(struct manager *manager)
{
    int r = begin_batch(manager);

    for (int n = 0; r == 0 && n < TURN_DOCUMENTS && !feed_work_done(manager->work); n++) {
        size_t i = feed_work_next(manager->work);

        r = apply_at(manager, i);
        manager->batch_rows++;
        manager->batch_bytes += feed_work_bytes(manager->work, i);
    }
    return r < 0 ? r : move_cursor(manager);
}

bool feed_down_busy(const struct manager *manager)
{
    return feed_work_is_open(manager->work);
}

void feed_down_go_on(struct manager *manager)
{
    int r;

    follow_store(manager);
    if (!feed_down_busy(manager))
        return; /* what it was based on is gone; it comes again */
    if (store_wants_pause(manager->store)) {
        mqtt_again(manager->mqtt, PAUSE_MS);
        return;
    }
    r = apply_some(manager);
    if (r < 0) {
        undo(manager, r);
        return;
    }
    if (feed_work_done(manager->work))
        feed_work_close(manager->work);
    else
        mqtt_again(manager->mqtt, 0);
    if (manager->batch_rows >= BATCH_ROWS || manager->batch_bytes >= BATCH_BYTES ||
        clock_boot_us() - manager->batch_begun_us > BATCH_US)
        (void)feed_down_commit(manager);
    feed_down_fetch(manager, false);
}

void feed_down_page(struct manager *manager, const char *json, size_t n)
{
    _cleanup_free_ char *reason = NULL;
    enum feed_verdict verdict;
    const struct feed_page *page = feed_work_page(manager->work);
    int r;

    if (manager->disk.state != DISK_FINE)
        return; /* it is fetched when it can be kept */
    follow_store(manager);
    r = feed_work_open(manager->work, json, n, &reason);
    if (r < 0) {
        log_warning("a page of the feed cannot be read: %s", reason ? reason : strerror(-r));
        return;
    }
    verdict = feed_judge(&manager->feed, page);
    if (verdict == FEED_NEW_FEED) {
        r = change_feed(manager, page->feed);
        if (r < 0) {
            undo(manager, r);
            return;
        }
        verdict = feed_judge(&manager->feed, page);
    }
    if (verdict == FEED_APPLY) {
        feed_down_go_on(manager);
    } else {
        feed_work_close(manager->work);
        feed_down_fetch(manager, false);
    }
}

int feed_down_commit(struct manager *manager)
{
    int r = store_batch_end(manager->store);

    follow_store(manager);
    if (r < 0) {
        undo(manager, r);
        return r;
    }
    if (manager->uplink.applied_due)
        feed_down_tell_applied(manager);
    return 0;
}

void feed_down_tell_applied(struct manager *manager)
{
    struct wire_applied message = {
        .through = manager->feed.cursor,
        .last_event = store_last_event(manager->store),
    };
    _cleanup_free_ char *text = NULL;
    char topic[WIRE_TOPIC_MAX];

    if (store_in_batch(manager->store)) {
        manager->uplink.applied_due = manager->feed.cursor; /* the commit tells */
        return;
    }
    memcpy(message.feed, manager->feed.id, sizeof(message.feed));
    snprintf(message.log, sizeof(message.log), "%s", store_log(manager->store));
    text = wire_applied_write(&message);
    wire_topic(WIRE_UP_APPLIED, manager->config.name, topic);
    if (text && mqtt_publish(manager->mqtt, topic, text, strlen(text), false) == 0)
        manager->uplink.applied_due = 0;
}

void feed_down_fetch(struct manager *manager, bool poll)
{
    struct wire_fetch message = {.max_bytes = manager->config.fetch_bytes};
    int64_t now_ms = (int64_t)(clock_boot_us() / 1000);
    _cleanup_free_ char *text = NULL;
    char topic[WIRE_TOPIC_MAX];

    follow_store(manager);
    if (manager->disk.state != DISK_FINE || mqtt_state(manager->mqtt) != MQTT_CONNECTED ||
        !feed_wants_fetch(&manager->feed, now_ms, manager->config.resend_ms, poll, &message.after))
        return;
    memcpy(message.feed, manager->feed.id, sizeof(message.feed));
    text = wire_fetch_write(&message);
    wire_topic(WIRE_UP_FETCH, manager->config.name, topic);
    if (text && mqtt_publish(manager->mqtt, topic, text, strlen(text), false) == 0)
        feed_fetch_sent(&manager->feed, message.after, now_ms);
}
