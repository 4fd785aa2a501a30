/* The peer of `./dev bench ingest`: raw SQLite. The same rows in the same tables with the same
 * indexes, pragmas and statements as the bank's store, and as many rows a transaction as the bank
 * had, from the same file of pages; only the calls into SQLite are timed.
 *
 *     store-peer FILE FOLDER ROWS_A_TRANSACTION   prints {"orders":…,"seconds":…,"cpu_seconds":…}
 */
#include "tests/tools/feed-file.h"

#include "common/page-scan.h"
#include "daemon/store-inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char order_insert[] =
    "INSERT INTO orders (number, handle, rev, seq, generation, document, number_digest,"
    " pickup_until, ended_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)";

struct peer {
    struct db *db;
    sqlite3_stmt *order, *parcel;
    int64_t rows, rows_in_transaction;
    double seconds, cpu_seconds;
};

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int insert(struct peer *peer, const struct scanned_order *order)
{
    sqlite3_stmt *put = peer->order, *parcel = peer->parcel;
    int64_t id;
    int r = db_bind(put, "tiiiitbi", order->number.at, order->number.n, (int64_t)order->handle,
                    order->rev, order->seq, (int64_t)1, order->text.at, order->text.n,
                    order->number_digest, sizeof(order->number_digest), order->pickup_until);

    if (r == 0)
        r = db_run(put);
    id = sqlite3_last_insert_rowid(peer->db->handle);
    for (size_t i = 0; r == 0 && i < order->n_parcels; i++) {
        const struct scanned_parcel *p = &order->parcels[i];

        r = db_bind(parcel, "tti", p->id.at, p->id.n, p->barcode.at, p->barcode.n, id);
        if (r == 0)
            r = db_run(parcel);
    }
    return r;
}

static int insert_page(struct peer *peer, const struct page_scan *page)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < page->n_orders; i++) {
        if (sqlite3_get_autocommit(peer->db->handle))
            r = db_begin(peer->db);
        if (r == 0)
            r = insert(peer, &page->orders[i]);
        if (r == 0 && ++peer->rows % peer->rows_in_transaction == 0)
            r = db_commit(peer->db);
    }
    return r;
}

static int run(struct peer *peer, const struct feed_file *file)
{
    _cleanup_free_ struct page_scan *page = malloc(sizeof(*page));
    int r = 0;

    for (size_t i = 0; page && r == 0 && i < file->n_pages; i++) {
        double began, cpu_began;

        if (!page_scan(page, file->pages[i].payload + WIRE_SIGNATURE_LINE,
                       file->pages[i].n - WIRE_SIGNATURE_LINE))
            return -EBADMSG;
        began = now(CLOCK_MONOTONIC);
        cpu_began = now(CLOCK_PROCESS_CPUTIME_ID);
        r = insert_page(peer, page);
        if (r == 0 && i == file->n_pages - 1 && !sqlite3_get_autocommit(peer->db->handle))
            r = db_commit(peer->db);
        peer->seconds += now(CLOCK_MONOTONIC) - began;
        peer->cpu_seconds += now(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    }
    return page ? r : -ENOMEM;
}

int main(int argc, char **argv)
{
    struct peer peer = {.rows_in_transaction = argc == 4 ? atoll(argv[3]) : 0};
    _cleanup_free_ char *path = NULL, *problem = NULL;
    struct feed_file file;
    int r;

    if (peer.rows_in_transaction < 1 || asprintf(&path, "%s/peer.db", argv[2]) < 0) {
        fprintf(stderr, "usage: store-peer FILE FOLDER ROWS_A_TRANSACTION\n");
        return 2;
    }
    r = feed_file_open(argv[1], &file);
    if (r == 0)
        r = db_open(path, 1, store_migrations, store_n_migrations, &peer.db, &problem);
    if (r == 0)
        r = db_prepare(peer.db, order_insert, &peer.order);
    if (r == 0)
        r = db_prepare(peer.db, store_sql[PARCEL_INSERT], &peer.parcel);
    if (r == 0)
        r = run(&peer, &file);
    if (r < 0) {
        fprintf(stderr, "store-peer: %s\n", problem ? problem : strerror(-r));
        return 1;
    }
    sqlite3_finalize(peer.order);
    sqlite3_finalize(peer.parcel);
    db_free(peer.db);
    printf("{\"orders\":%lld,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", (long long)peer.rows,
           peer.seconds, peer.cpu_seconds);
    feed_file_close(&file);
    return 0;
}
