/* Months of a bank in seconds: what grows while HQ is away, what stays bounded when it is there,
 * and that what is erased is not in the files any more (promise 9). The clock is the test's own. */
#include "common/clock.h"
#include "common/event.h"
#include "daemon/audit.h"
#include "daemon/housekeeping.h"
#include "daemon/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY_MS      (INT64_C(24) * 3600 * 1000)
#define START_MS    INT64_C(1790000000000)
#define TURNS_A_DAY 72 /* 24 doors, each filled and emptied three times a day */
#define KEEP_DAYS   10
#define BOOT        "0123456789abcdef0123456789abcdef"
#define MEBIBYTE    (1024.0 * 1024)

static int64_t now_ms = START_MS;

int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_now_ms(void)
{
    return now_ms;
}

uint64_t __wrap_clock_boot_us(void);
uint64_t __wrap_clock_boot_us(void)
{
    return (uint64_t)(now_ms - START_MS) * 1000 + 1000000;
}

void __wrap_clock_read(const struct clock_source *source, struct clock_reading *ret_reading);
void __wrap_clock_read(const struct clock_source *source, struct clock_reading *ret_reading)
{
    *ret_reading = (struct clock_reading){
        .wall_ms = now_ms,
        .boot_us = __wrap_clock_boot_us(),
        .synchronised = true,
        .rtc = true,
    };
}

struct place {
    char folder[64];
    struct manager manager;
    int64_t turns;
};

static char clock_source[] = "kernel";

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    _cleanup_free_ char *problem = NULL;
    bool memory = access("/dev/shm", W_OK) == 0; /* the disk's speed is not the question */

    snprintf(place->folder, sizeof(place->folder), "%s/pickup-keep-XXXXXX",
             memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(place->folder))
        return -1;
    now_ms = START_MS;
    place->manager.config = (struct bank_config){
        .retention_ms = KEEP_DAYS * DAY_MS,
        .event_keep_ms = KEEP_DAYS * DAY_MS,
        .order_keep_ms = 3 * KEEP_DAYS * DAY_MS,
        .holdover_ms = 3 * DAY_MS,
        .clock_source = clock_source,
    };
    if (store_open(place->folder, "hk-canton-1", BOOT, &place->manager.store, &problem) < 0)
        return -1;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];

    store_free(place->manager.store);
    snprintf(command, sizeof(command), "rm -r %s", place->folder);
    if (system(command) != 0)
        return -1;
    free(place);
    return 0;
}

static void put_order(struct store *store, int64_t serial, bool personal)
{
    _cleanup_(order_freep) struct order *order = NULL;
    _cleanup_free_ char *reason = NULL;
    char number[40], handle[17], parcel[40], display[40], tag[40];
    json_t *document;

    snprintf(number, sizeof(number), "HK-2026-%06" PRId64, serial);
    snprintf(handle, sizeof(handle), "%016" PRIx64, serial * 7919);
    snprintf(parcel, sizeof(parcel), "P-%06" PRId64, serial);
    snprintf(display, sizeof(display), "Name%06" PRId64 "*", serial);
    snprintf(tag, sizeof(tag), "member%06" PRId64, serial);
    document = json_pack(
        "{ss ss si si ss ss ss ss sI sI s{si s[s] sn} ss s[{ss ss ss s[{ss s{ss ss} si}{ss s{ss ss}"
        " si}]}]}",
        "order", number, "handle", handle, "rev", 1, "seq", 1, "branch", "hk-canton", "status",
        "confirmed", "display", personal ? display : "W*", "lang", "zh-Hans", "ready_from",
        (json_int_t)now_ms, "pickup_until", (json_int_t)(now_ms + 7 * DAY_MS), "code", "epoch", 0,
        "kinds", "P1", "secret", "member_tag", tag, "parcels", "parcel", parcel, "barcode",
        "2900077120019", "size", "S", "items", "sku", "PF-0421", "name", "en",
        "Eau de Parfum 50 ml", "zh-Hans", "香水 50 毫升", "qty", 1, "sku", "CH-0007", "name", "en",
        "Dark chocolate 200 g", "zh-Hans", "黑巧克力 200 克", "qty", 2);
    assert_non_null(document);
    json_object_set_new(json_array_get(json_object_get(document, "parcels"), 0), "barcode",
                        json_string(parcel + 2));
    assert_int_equal(order_parse(document, "hk-canton-1", &order, &reason), 0);
    assert_int_equal(store_put_order(store, order, document, serial, now_ms), 1);
    json_decref(document);
}

static void open_door(struct store *store, enum session_kind kind, enum grant_purpose purpose,
                      const char *number, const char *parcel)
{
    struct session_row row = {.kind = (int)kind, .begun_us = 1};
    struct grant grant = {.door = 7, .purpose = purpose, .pulses = 3, .at_ms = now_ms};

    snprintf(row.number, sizeof(row.number), "%s", number);
    snprintf(row.actor, sizeof(row.actor), "staff:17");
    snprintf(row.boot, sizeof(row.boot), BOOT);
    assert_int_equal(store_add_session(store, &row), 0);
    grant.session = row.id;
    snprintf(grant.number, sizeof(grant.number), "%s", number);
    snprintf(grant.parcel, sizeof(grant.parcel), "%s", parcel);
    snprintf(grant.actor, sizeof(grant.actor), "staff:17");
    snprintf(grant.boot, sizeof(grant.boot), BOOT);
    assert_int_equal(store_add_grant(store, &grant), 0);
    assert_int_equal(
        audit_add(store, "granted",
                  json_pack("{sI sI si ss ss ss ss}", "grant", (json_int_t)grant.id, "session",
                            (json_int_t)row.id, "door", 7, "purpose", grant_purpose_name(purpose),
                            "actor", "staff:17", "order", number, "parcel", parcel)),
        0);
    assert_int_equal(audit_add(store, "opened",
                               json_pack("{si sI ss ss}", "door", 7, "grant", (json_int_t)grant.id,
                                         "order", number, "parcel", parcel)),
                     0);
    grant.outcome = GRANT_OPENED;
    grant.pulsed = grant.closed = true;
    assert_int_equal(store_save_grant(store, &grant), 0);
    assert_int_equal(audit_add(store, "closed",
                               json_pack("{si sI ss ss}", "door", 7, "grant", (json_int_t)grant.id,
                                         "order", number, "parcel", parcel)),
                     0);
    assert_int_equal(store_end_session(store, row.id, now_ms), 0);
}

/* An order comes, is stocked, and collected by a member: every event that the daemon writes. */
static void turn(struct place *place)
{
    struct store *store = place->manager.store;
    int64_t serial = ++place->turns;
    char number[40], parcel[40], tag[40];

    snprintf(number, sizeof(number), "HK-2026-%06" PRId64, serial);
    snprintf(parcel, sizeof(parcel), "P-%06" PRId64, serial);
    snprintf(tag, sizeof(tag), "member%06" PRId64, serial);
    put_order(store, serial, true);
    open_door(store, SESSION_STOCK, GRANT_STOCK, number, parcel);
    assert_int_equal(audit_add(store, "stocked",
                               json_pack("{ss ss si ss}", "parcel", parcel, "order", number, "door",
                                         7, "actor", "staff:17")),
                     0);
    open_door(store, SESSION_COLLECTION, GRANT_COLLECT, number, parcel);
    assert_int_equal(store_set_placement(store, parcel, number, 7, PLACEMENT_COLLECTED, now_ms), 0);
    assert_int_equal(audit_add(store, "parcel_collected",
                               json_pack("{si si ss ss}", "door", 7, "grant", 1, "order", number,
                                         "parcel", parcel)),
                     0);
    assert_int_equal(audit_add_personal(store, "collected",
                                        json_pack("{ss ss}", "order", number, "points_key",
                                                  "hk-canton:HK-2026-000000"),
                                        json_pack("{ss}", "member_tag", tag)),
                     0);
    assert_int_equal(store_order_ended(store, number, now_ms), 0);
}

static void day(struct place *place, bool hq)
{
    struct store *store = place->manager.store;

    assert_int_equal(store_begin(store), 0);
    for (int i = 0; i < TURNS_A_DAY; i++)
        turn(place);
    if (hq) {
        place->manager.uplink.acked = store_last_event(store);
        assert_int_equal(store_set_integer(store, "acked", place->manager.uplink.acked), 0);
    }
    assert_int_equal(store_commit(store), 0);
    now_ms += DAY_MS;
    /* The daemon does it every ten seconds; a day's worth of work needs a few rounds. */
    for (int i = 0; i < 12; i++)
        housekeeping_tick(&place->manager);
}

static double mebibytes(const struct place *place)
{
    double sum = 0;
    static const char *const files[] = {"bank.db", "bank.db-wal", "bank.db-shm"};

    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/%s", place->folder, files[i]);
        if (stat(path, &st) == 0)
            sum += (double)st.st_size / MEBIBYTE;
    }
    return sum;
}

static int64_t rows(const struct place *place, const char *table)
{
    sqlite3_stmt *count;
    char path[96], sql[64];
    sqlite3 *db;
    int64_t n;

    snprintf(path, sizeof(path), "%s/bank.db", place->folder);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &count, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    n = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(db);
    return n;
}

static void print_state(const struct place *place, int day_number, const char *what)
{
    print_message("# day %3d %-8s %7.1f MiB, %6" PRId64 " orders, %7" PRId64 " events\n",
                  day_number, what, mebibytes(place), rows(place, "orders"), rows(place, "events"));
}

static void test_promise_6_months_without_hq_fit_and_nothing_is_lost(void **state)
{
    struct place *place = *state;
    struct store *store = place->manager.store;
    double per_turn, away;
    int days = 1;

    for (; days <= 60; days++) {
        day(place, false);
        if (days % 15 == 0)
            print_state(place, days, "away");
    }
    away = mebibytes(place);
    per_turn = away * MEBIBYTE / (double)place->turns;
    print_message("# %.0f bytes a turn: %d turns a day fill 1 GiB in %.0f days; the standard "
                  "outbox_max of 500,000 events is reached after %.0f days\n",
                  per_turn, TURNS_A_DAY, 1024 * MEBIBYTE / per_turn / TURNS_A_DAY,
                  500000.0 * (double)place->turns / (double)store_last_event(store) / TURNS_A_DAY);
    /* HQ has seen none of it: every event and every order is still there. */
    assert_int_equal(rows(place, "events"), store_last_event(store));
    assert_int_equal(rows(place, "orders"), place->turns);
    assert_true(per_turn < 8192);
    /* HQ is back: what it has goes when its time is over, and then the size stays. */
    for (; days <= 110; days++) {
        day(place, true);
        if (days % 10 == 0)
            print_state(place, days, "online");
    }
    assert_true(rows(place, "orders") <= (3 * KEEP_DAYS + 2) * TURNS_A_DAY);
    assert_true(rows(place, "events") <= (KEEP_DAYS + 2) * TURNS_A_DAY * 10);
    assert_true(rows(place, "grants") <= (KEEP_DAYS + 2) * TURNS_A_DAY * 2);
    assert_true(rows(place, "sessions") <= (KEEP_DAYS + 2) * TURNS_A_DAY * 2);
    assert_int_equal(rows(place, "placements"), rows(place, "orders"));
    assert_true(mebibytes(place) <= away);
}

/* How many of the words are in any file of the store. */
static int found(const struct place *place, const char *format_letter, int64_t first, int64_t last)
{
    static const char *const files[] = {"bank.db", "bank.db-wal"};
    int n = 0;

    for (size_t f = 0; f < ELEMENTSOF(files); f++) {
        _cleanup_free_ char *bytes = NULL;
        char path[128];
        struct stat st;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", place->folder, files[f]);
        file = fopen(path, "re");
        if (!file)
            continue;
        assert_int_equal(fstat(fileno(file), &st), 0);
        bytes = malloc((size_t)st.st_size + 1);
        assert_int_equal(fread(bytes, 1, (size_t)st.st_size, file), st.st_size);
        fclose(file);
        for (int64_t serial = first; serial <= last; serial++) {
            char word[40];

            snprintf(word, sizeof(word), "%s%06" PRId64, format_letter, serial);
            n += memmem(bytes, (size_t)st.st_size, word, strlen(word)) != NULL;
        }
    }
    return n;
}

static void test_promise_9_what_is_erased_is_in_no_file_any_more(void **state)
{
    struct place *place = *state;
    int64_t old;

    for (int i = 0; i < KEEP_DAYS - 1; i++)
        day(place, true);
    old = place->turns;
    assert_true(found(place, "Name", 1, old) >= old);
    assert_true(found(place, "member", 1, old) >= old);
    /* Their time is over; others came meanwhile, so that pages were moved about. */
    for (int i = 0; i < KEEP_DAYS + 2; i++)
        day(place, true);
    assert_int_equal(found(place, "Name", 1, old), 0);
    assert_int_equal(found(place, "member", 1, old), 0);
    assert_true(found(place, "Name", old + KEEP_DAYS * TURNS_A_DAY, place->turns) > 0);
    /* And the chain still holds. */
    {
        struct store *store = place->manager.store;
        uint8_t hash[EVENT_HASH_BYTES];
        json_t *events = NULL, *event;
        const char *hex;
        int64_t oldest = 0;
        size_t i, n = 0;

        assert_int_equal(audit_oldest(store, &oldest), 0);
        assert_true(oldest > 1);
        assert_int_equal(audit_list(store, 0, 100000, 1 << 30, &events), 0);
        assert_true(json_array_size(events) > 1000);
        hex = json_string_value(json_object_get(json_array_get(events, 0), "hash"));
        assert_int_equal(sodium_hex2bin(hash, sizeof(hash), hex, strlen(hex), NULL, &n, NULL), 0);
        json_array_foreach (events, i, event)
            assert_true(i == 0 || event_verify(event, hash) == 0);
        json_decref(events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_promise_6_months_without_hq_fit_and_nothing_is_lost,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_promise_9_what_is_erased_is_in_no_file_any_more,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
