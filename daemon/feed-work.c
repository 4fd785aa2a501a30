#include "daemon/feed-work.h"

#include <errno.h>
#include <string.h>

struct feed_work {
    bool open, quick, rising;
    struct feed_page page; /* its `feed` points to `feed` */
    char feed[WIRE_FEED_ID_LENGTH + 1];
    size_t n, next, bytes;
    struct wire_orders message; /* when it was read the long way */
    struct page_scan scan;      /* when it was read the quick way */
};

int feed_work_new(struct feed_work **ret_work)
{
    struct feed_work *work = calloc(1, sizeof(*work));

    if (!work)
        return -ENOMEM;
    work->page.feed = work->feed;
    *ret_work = work;
    return 0;
}

struct feed_work *feed_work_free(struct feed_work *work)
{
    if (!work)
        return NULL;
    feed_work_close(work);
    free(work);
    return NULL;
}

static int64_t seq_of(const json_t *document)
{
    const json_t *seq = json_object_get(document, "seq");

    return json_is_integer(seq) ? json_integer_value(seq) : -1;
}

/* The same question as page_scan.rising. */
static bool message_rises(const struct wire_orders *message)
{
    const json_t *document;
    int64_t last = 0;
    size_t i;

    json_array_foreach (message->orders, i, document) {
        int64_t seq = seq_of(document);

        if (seq <= last)
            return false;
        last = seq;
    }
    return last <= message->seq;
}

static int read_slowly(struct feed_work *work, const char *json, size_t n, char **ret_reason)
{
    struct wire_orders *message = &work->message;
    int r = wire_orders_read(json, n, message, ret_reason);

    if (r < 0)
        return r;
    work->page.prev = message->prev;
    work->page.seq = message->seq;
    work->page.end = message->end;
    work->page.more = message->more;
    memcpy(work->feed, message->feed, sizeof(work->feed));
    work->n = json_array_size(message->orders);
    work->rising = message_rises(message);
    return 0;
}

static void take_scan(struct feed_work *work)
{
    const struct page_scan *scan = &work->scan;

    work->page.prev = scan->prev;
    work->page.seq = scan->seq;
    work->page.end = scan->end;
    work->page.more = scan->more;
    memcpy(work->feed, scan->feed, sizeof(work->feed));
    work->n = scan->n_orders;
    work->rising = scan->rising;
}

int feed_work_open(struct feed_work *work, const char *json, size_t n, char **ret_reason)
{
    int r;

    feed_work_close(work);
    work->quick = page_scan(&work->scan, json, n);
    if (work->quick) {
        take_scan(work);
    } else {
        r = read_slowly(work, json, n, ret_reason);
        if (r < 0)
            return r;
    }
    work->page.empty = work->n == 0;
    work->bytes = n;
    work->next = 0;
    work->open = true;
    return 0;
}

void feed_work_close(struct feed_work *work)
{
    wire_orders_done(&work->message);
    work->open = false;
}

bool feed_work_is_open(const struct feed_work *work)
{
    return work->open;
}

const struct feed_page *feed_work_page(const struct feed_work *work)
{
    return &work->page;
}

bool feed_work_done(const struct feed_work *work)
{
    return work->next == work->n;
}

size_t feed_work_next(struct feed_work *work)
{
    return work->next++;
}

int64_t feed_work_reached(const struct feed_work *work)
{
    if (!work->rising || work->next == 0)
        return 0;
    return work->quick ? work->scan.orders[work->next - 1].seq
                       : seq_of(json_array_get(work->message.orders, work->next - 1));
}

const struct scanned_order *feed_work_plain(const struct feed_work *work, size_t i)
{
    return work->quick && work->scan.orders[i].plain ? &work->scan.orders[i] : NULL;
}

size_t feed_work_bytes(const struct feed_work *work, size_t i)
{
    return work->quick ? work->scan.orders[i].text.n : work->bytes / work->n;
}

int feed_work_document(const struct feed_work *work, size_t i, json_t **ret_document)
{
    if (work->quick) {
        struct slice text = work->scan.orders[i].text;

        *ret_document = json_loadb(text.at, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    } else {
        *ret_document = json_incref(json_array_get(work->message.orders, i));
    }
    return *ret_document ? 0 : -ENOMEM; /* it was read before: only memory can be missing */
}
