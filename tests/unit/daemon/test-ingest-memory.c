/* We allocate nothing for an order that takes the quick way. Linked with --wrap for the allocating
 * functions. What SQLite allocates (a cursor for each table and index that a statement opens, as
 * Debian builds it without lookaside) is counted beside it, for the reader only. */
#include "daemon/feed-work.h"
#include "daemon/store.h"
#include "tests/tools/feed-file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ORDERS    12000
#define WARMED_UP 9000
#define BATCH     1000
#define BOOT      "0123456789abcdef0123456789abcdef"

static unsigned long own, sqlite;
static sqlite3_mem_methods real;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t n)
{
    own++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    own++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t n)
{
    own++;
    return __real_realloc(at, n);
}

char *__wrap_strdup(const char *text)
{
    own++;
    return __real_strdup(text);
}

static void *count_malloc(int n)
{
    sqlite++;
    return real.xMalloc(n);
}

static void *count_realloc(void *at, int n)
{
    sqlite++;
    return real.xRealloc(at, n);
}

static void take_page(struct store *store, struct feed_work *work, int64_t *n_orders)
{
    while (!feed_work_done(work)) {
        const struct scanned_order *order = feed_work_plain(work, feed_work_next(work));

        assert_non_null(order);
        if (*n_orders % BATCH == 0) {
            assert_int_equal(store_batch_end(store), 0);
            assert_int_equal(store_batch_begin(store), 1);
        }
        assert_int_equal(store_put_scanned(store, order, 1), 1);
        if (++*n_orders == WARMED_UP)
            own = sqlite = 0;
    }
}

static void test_an_order_costs_no_allocation(void **state)
{
    char folder[] = "/tmp/pickup-memory-XXXXXX", path[64];
    static const char *const files[] = {"pages", "bank.db", "bank.db-wal", "bank.db-shm"};
    _cleanup_free_ char *problem = NULL, *reason = NULL;
    struct feed_work *work = NULL;
    struct store *store = NULL;
    struct feed_file file;
    int64_t n_orders = 0;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pages", folder);
    assert_int_equal(feed_file_make(path, ORDERS, 0), 0);
    assert_int_equal(feed_file_open(path, &file), 0);
    assert_int_equal(store_open(folder, FEED_FILE_BANK, BOOT, &store, &problem), 0);
    assert_int_equal(feed_work_new(&work), 0);
    for (size_t i = 0; i < file.n_pages; i++) {
        assert_int_equal(feed_work_open(work, file.pages[i].payload + WIRE_SIGNATURE_LINE,
                                        file.pages[i].n - WIRE_SIGNATURE_LINE, &reason),
                         0);
        take_page(store, work, &n_orders);
        feed_work_close(work);
    }
    assert_int_equal(n_orders, ORDERS);
    print_message("# %d orders: %lu allocations of ours, %lu of SQLite\n", ORDERS - WARMED_UP, own,
                  sqlite);
    assert_int_equal(own, 0);
    assert_int_equal(store_batch_end(store), 0);
    feed_work_free(work);
    store_free(store);
    feed_file_close(&file);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_order_costs_no_allocation)};
    sqlite3_mem_methods counting;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
        return 1;
    counting = real;
    counting.xMalloc = count_malloc;
    counting.xRealloc = count_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counting) != SQLITE_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
