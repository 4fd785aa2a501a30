#include "tests/tools/feed-file.h"

#include "common/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

const uint8_t feed_file_seed[32] = "only for benchmarks, no secret!";

/* Before each page. */
struct page_head {
    int64_t prev, seq, end;
    uint64_t n;
};

static uint64_t scramble(uint64_t x) /* splitmix64, so that handles come in no order */
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static int write_parcel(char *text, size_t size, long long i, int k)
{
    return snprintf(
        text, size,
        "%s{\"parcel\":\"P-%lld-%d\",\"barcode\":\"29%010lld%d\",\"size\":\"%s\","
        "\"personalisation\":null,\"placed\":null,\"collected\":null,\"items\":["
        "{\"sku\":\"PF-0421\",\"name\":{\"en\":\"Eau de Parfum 50 ml\",\"zh-Hans\":\"香水 50 "
        "毫升\"},\"qty\":1},{\"sku\":\"LQ-0003\",\"name\":{\"en\":\"Single malt\",\"zh-Hans\":\"威"
        "士忌\"},\"qty\":2}]}",
        k ? "," : "", i, k, i, k, i % 3 ? "S" : "M");
}

/* As HQ writes it (hq/draft.c). */
static size_t write_order(char *text, size_t size, long long i)
{
    unsigned long long handle = scramble((uint64_t)i), digest = scramble(~(uint64_t)i);
    int n = snprintf(
        text, size,
        "{\"branch\":\"" FEED_FILE_BRANCH "\",\"campaign\":null,\"code\":{\"epoch\":0,\"kinds\":"
        "[\"P1\"],\"secret\":null},\"departure\":{\"at\":1890500000000,\"flight\":\"CX500\"},"
        "\"display\":\"王*\",\"disputed\":false,\"handle\":\"%016llx\",\"id_check\":false,"
        "\"lang\":\"zh-Hans\",\"low_door\":false,\"member_tag\":null,\"number_digest\":"
        "\"%016llx%016llx\",\"order\":\"HK-2026-%08lld\",\"pickup_until\":1891000000000,"
        "\"ready_from\":1790000000000,\"release_at\":null,\"rev\":1,\"seq\":%lld,\"slot\":null,"
        "\"status\":\"confirmed\",\"parcels\":[",
        handle, digest, handle, i, i);

    for (int k = 0; k < (i % 4 ? 1 : 2); k++)
        n += write_parcel(text + n, size - (size_t)n, i, k);
    return (size_t)(n + snprintf(text + n, size - (size_t)n, "]}"));
}

/* The documents of one page; returns how many. */
static size_t gather(char *text, size_t size, int64_t first, int64_t last, size_t per_page,
                     size_t *ret_n)
{
    char order[4096];
    size_t count = 0;

    *ret_n = 0;
    while (first <= last && (per_page == 0 || count < per_page)) {
        size_t n = write_order(order, sizeof(order), first);

        if (*ret_n + n + 1 > size)
            break;
        if (count > 0)
            text[(*ret_n)++] = ',';
        memcpy(text + *ret_n, order, n);
        *ret_n += n;
        first++;
        count++;
    }
    return count;
}

static int write_page(FILE *file, const struct page_head *head, const char *documents,
                      size_t n_documents, bool more)
{
    _cleanup_free_ char *json = NULL, *payload = NULL;
    struct page_head own = *head;
    char topic[WIRE_TOPIC_MAX];
    size_t n = 0;
    int length, r;

    length = asprintf(&json,
                      "{\"feed\":\"" FEED_FILE_ID "\",\"prev\":%lld,\"seq\":%lld,\"end\":%lld,"
                      "\"more\":%s,\"orders\":[%.*s]}",
                      (long long)head->prev, (long long)head->seq, (long long)head->end,
                      more ? "true" : "false", (int)n_documents, documents);
    if (length < 0) {
        json = NULL;
        return -ENOMEM;
    }
    wire_topic(WIRE_DOWN_ORDERS, FEED_FILE_BANK, topic);
    r = wire_sign(feed_file_seed, topic, json, (size_t)length, &payload, &n);
    own.n = n;
    if (r == 0 && (fwrite(&own, sizeof(own), 1, file) != 1 || fwrite(payload, n, 1, file) != 1))
        r = -EIO;
    return r;
}

/* Where the group that begins after `after` ends: found by writing it once to nowhere. */
static int64_t group_end(char *text, size_t size, int64_t after, int64_t n_orders, size_t per_page)
{
    size_t bytes = 0, n;

    while (after < n_orders && bytes < FEED_FILE_GROUP) {
        after += (int64_t)gather(text, size, after + 1, n_orders, per_page, &n);
        bytes += n;
    }
    return after;
}

int feed_file_make(const char *path, int64_t n_orders, size_t per_page)
{
    static char text[WIRE_PAYLOAD_MAX - 256];
    struct page_head head = {};
    FILE *file = fopen(path, "wb");
    int r = 0;

    if (!file)
        return -errno;
    while (r == 0 && head.seq < n_orders) {
        size_t n;

        head.prev = head.seq;
        if (head.prev == head.end)
            head.end = group_end(text, sizeof(text), head.prev, n_orders, per_page);
        head.seq += (int64_t)gather(text, sizeof(text), head.prev + 1, head.end, per_page, &n);
        r = write_page(file, &head, text, n, head.seq < n_orders);
    }
    return fclose(file) < 0 && r == 0 ? -errno : r;
}

static int index_pages(struct feed_file *file)
{
    for (size_t at = 0; at < file->map_bytes;) {
        const char *map = file->map;
        struct page_head head;

        memcpy(&head, map + at, sizeof(head));
        at += sizeof(head);
        if (file->n_pages % 1024 == 0) {
            struct feed_file_page *pages =
                reallocarray(file->pages, file->n_pages + 1024, sizeof(*pages));

            if (!pages)
                return -ENOMEM;
            file->pages = pages;
        }
        file->pages[file->n_pages++] =
            (struct feed_file_page){head.prev, head.seq, head.end, map + at, head.n};
        file->n_orders = head.seq;
        at += head.n;
    }
    return 0;
}

int feed_file_open(const char *path, struct feed_file *ret_file)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *ret_file = (struct feed_file){};
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    ret_file->map_bytes = (size_t)st.st_size;
    ret_file->map = mmap(NULL, ret_file->map_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (ret_file->map == MAP_FAILED)
        return -errno;
    return index_pages(ret_file);
}

void feed_file_close(struct feed_file *file)
{
    free(file->pages);
    munmap(file->map, file->map_bytes);
}

size_t feed_file_find(const struct feed_file *file, int64_t after)
{
    size_t low = 0, high = file->n_pages;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (file->pages[middle].seq <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
