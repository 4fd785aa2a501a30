/* HQ's side of the orders feed (docs/protocol.md, "down/orders"). A page is a range of the branch's
 * documents, read when it is sent, so HQ remembers nothing of a bank but the answer under way. */
#include "hq/serve.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FRAME_BYTES    256 /* room for all of a page but its documents */
#define PAGE_MAX_BYTES (WIRE_PAYLOAD_MAX - FRAME_BYTES)

static const char *branch_name(const struct serve *serve, const struct serve_bank *bank)
{
    return serve->context->config.branches[bank->branch].name;
}

/* --- pages ------------------------------------------------------------------------------------ */

struct page {
    char text[PAGE_MAX_BYTES]; /* the documents with commas between them */
    size_t n;
    int64_t last; /* seq of the last document */
    bool cut;     /* the next one did not fit */
};

static int add_document(void *userdata, int64_t seq, const char *body, size_t n_body)
{
    struct page *page = userdata;

    if (page->n + n_body + 1 > sizeof(page->text)) {
        page->cut = true;
        return 0;
    }
    if (page->n > 0)
        page->text[page->n++] = ',';
    memcpy(page->text + page->n, body, n_body);
    page->n += n_body;
    page->last = seq;
    return 1;
}

/* The documents with after < seq <= through, as many as fit. */
static int read_page(struct serve *serve, const char *branch, int64_t after, int64_t through,
                     struct page *page)
{
    page->n = 0;
    page->cut = false;
    page->last = after;
    return store_documents(serve->store, branch, after, through, add_document, page);
}

/* The payload of a page; `end` -1 = live push. */
static int frame(const struct serve *serve, const struct page *page, int64_t prev, int64_t seq,
                 int64_t end, bool more, char **ret_json)
{
    char last[32] = "";
    int n;

    if (end >= 0)
        snprintf(last, sizeof(last), "\"end\":%lld,", (long long)end);
    n = asprintf(ret_json,
                 "{\"feed\":\"%s\",\"prev\":%lld,\"seq\":%lld,%s\"more\":%s,\"orders\":[%.*s]}",
                 serve->feed, (long long)prev, (long long)seq, last, more ? "true" : "false",
                 page ? (int)page->n : 0, page ? page->text : "");
    return n < 0 ? -ENOMEM : n;
}

/* --- live push -------------------------------------------------------------------------------- */

/* A bank that is known to lack what comes before `prev` would drop the page; while it catches up
 * its queue at the broker must not grow. */
static bool can_use(const struct serve_bank *bank, int64_t prev)
{
    return bank->reached < 0 || bank->reached >= prev;
}

/* What changed goes to every bank at once when it fits one page. When it does not, and to a bank
 * that is behind, only a word that there is more is sent, and each fetches at its own speed. */
static int push_branch(struct serve *serve, size_t branch, int64_t seq, struct page *page)
{
    const char *name = serve->context->config.branches[branch].name;
    _cleanup_free_ char *json = NULL;
    int r = read_page(serve, name, serve->pushed[branch], seq, page), n = 0;

    if (r < 0)
        return r;
    if (!page->cut) {
        n = frame(serve, page, serve->pushed[branch], seq, -1, false, &json);
        if (n < 0)
            return n;
    }
    for (size_t i = 0; i < serve->n_banks; i++) {
        struct serve_bank *bank = &serve->banks[i];

        if (bank->branch != branch)
            continue;
        if (!json || !can_use(bank, serve->pushed[branch]) ||
            serve_publish(serve, bank, WIRE_DOWN_ORDERS, json, (size_t)n) < 0)
            bank->news_due = !bank->told || can_use(bank, serve->pushed[branch]);
        else if (bank->reached >= 0)
            bank->reached = seq;
    }
    serve->pushed[branch] = seq;
    return 0;
}

int serve_push(struct serve *serve)
{
    _cleanup_free_ struct page *page = NULL;

    for (size_t i = 0; i < serve->context->config.n_branches; i++) {
        int64_t seq = 0;
        int r = store_seq(serve->store, serve->context->config.branches[i].name, &seq);

        if (r < 0)
            return r;
        if (seq == serve->pushed[i])
            continue;
        if (!page && !(page = malloc(sizeof(*page))))
            return -ENOMEM;
        r = push_branch(serve, i, seq, page);
        if (r < 0)
            return r;
    }
    return 0;
}

void serve_announce(struct serve *serve)
{
    for (size_t i = 0; i < serve->n_banks; i++) {
        serve->banks[i].news_due = true;
        serve->banks[i].reached = -1; /* what was under way may be lost */
        serve->banks[i].told = false;
    }
}

void serve_feed_repeat(struct serve *serve)
{
    for (size_t i = 0; i < serve->n_banks; i++)
        serve->banks[i].told = false;
}

/* An empty page that lies ahead of a bank's cursor is a gap to it, so it fetches. */
static int announce(struct serve *serve, const struct serve_bank *bank)
{
    _cleanup_free_ char *json = NULL;
    int64_t seq = 0;
    int r = store_seq(serve->store, branch_name(serve, bank), &seq);

    if (r < 0)
        return r;
    r = frame(serve, NULL, seq, seq, -1, false, &json);
    return r < 0 ? r : serve_publish(serve, bank, WIRE_DOWN_ORDERS, json, (size_t)r);
}

/* --- fetch ------------------------------------------------------------------------------------ */

/* A cursor beyond our newest seq proves that our history was rolled back. */
static int take_new_feed(struct serve *serve, const struct serve_bank *bank, int64_t after,
                         int64_t seq)
{
    char before[UUID_LENGTH + 1];
    int r = serve_batch(serve);

    memcpy(before, serve->feed, sizeof(before));
    if (r >= 0)
        r = store_new_feed(serve->store, serve->feed);
    if (r < 0)
        return r;
    log_error(
        "Bank %s has applied document %lld, but HQ's newest is %lld: HQ's database was rolled "
        "back. The banks get everything again on a new feed.",
        bank->name, (long long)after, (long long)seq);
    r = store_alarm(serve->store, bank->name, before, after, "rollback",
                    "HQ's database was rolled back; a new feed was taken", clock_now_ms());
    return r < 0 ? r : 0;
}

/* A bank has one fetch running and one asked for ahead; a third replaces the second. */
static void queue_answer(struct serve *serve, struct serve_bank *bank,
                         const struct wire_fetch *fetch)
{
    const struct serve_answer answer = {bank, fetch->after, -1, fetch->max_bytes};
    size_t own = 0;

    for (size_t i = 0; i < serve->n_answers; i++) {
        if (serve->answers[i].bank == bank && ++own == 2) {
            serve->answers[i] = answer;
            return;
        }
    }
    serve->answers[serve->n_answers++] = answer;
}

int serve_fetch(struct serve *serve, struct serve_bank *bank, const char *json, size_t n)
{
    _cleanup_free_ char *reason = NULL;
    struct wire_fetch fetch;
    int64_t seq = 0;
    int r = wire_fetch_read(json, n, &fetch, &reason);

    if (r == -EBADMSG) {
        log_warning("Bank %s: up/fetch is ignored: %s.", bank->name, reason);
        return 0;
    }
    if (r >= 0)
        r = store_seq(serve->store, branch_name(serve, bank), &seq);
    if (r < 0)
        return r;
    if (strcmp(fetch.feed, serve->feed) != 0) {
        fetch.after = 0;
    } else if (fetch.after > seq) {
        r = take_new_feed(serve, bank, fetch.after, seq);
        if (r < 0)
            return r;
        fetch.after = 0;
    }
    bank->reached = fetch.after;
    bank->told = false;
    queue_answer(serve, bank, &fetch);
    return 0;
}

int serve_applied(struct serve *serve, struct serve_bank *bank, const char *json, size_t n)
{
    _cleanup_free_ char *reason = NULL;
    struct wire_applied applied;
    int r = wire_applied_read(json, n, &applied, &reason);

    if (r == -EBADMSG) {
        log_warning("Bank %s: up/applied is ignored: %s.", bank->name, reason);
        return 0;
    }
    if (r >= 0)
        r = serve_batch(serve);
    if (r < 0)
        return r;
    if (strcmp(applied.feed, serve->feed) == 0 && applied.through > bank->reached)
        bank->reached = applied.through;
    bank->told = false;
    serve->batch_rows++;
    serve->unsettled[bank->branch] = true;
    return store_bank_applied(serve->store, bank->name, &applied, clock_now_ms());
}

/* --- answers ---------------------------------------------------------------------------------- */

struct measure {
    int64_t left, end;
};

static int measure_document(void *userdata, int64_t seq, const char *body, size_t n_body)
{
    struct measure *measure = userdata;

    measure->end = seq;
    measure->left -= (int64_t)n_body + 1;
    return measure->left > 0;
}

/* How far an answer reaches: at least one document, then as many as were asked for. */
static int look_up_end(struct serve *serve, struct serve_answer *answer)
{
    const char *branch = branch_name(serve, answer->bank);
    struct measure measure = {.left = answer->max_bytes, .end = answer->at};
    int64_t seq = 0;
    int r = store_seq(serve->store, branch, &seq);

    if (r >= 0)
        r = store_documents(serve->store, branch, answer->at, seq, measure_document, &measure);
    if (r >= 0)
        answer->end = measure.left > 0 ? seq : measure.end;
    return r;
}

/* Sends one page; 1 = more to come, 0 = that was the last, -EAGAIN = not now. The last page reaches
 * `end` even when the document there has moved on to a later seq meanwhile. */
static int send_page(struct serve *serve, struct serve_answer *answer, struct page *page)
{
    const char *branch = branch_name(serve, answer->bank);
    _cleanup_free_ char *json = NULL;
    int64_t to, newest = 0;
    int r = answer->end < 0 ? look_up_end(serve, answer) : 0;

    if (r >= 0)
        r = store_seq(serve->store, branch, &newest);
    if (r >= 0)
        r = read_page(serve, branch, answer->at, answer->end, page);
    if (r < 0)
        return r;
    to = page->cut ? page->last : answer->end;
    r = frame(serve, page, answer->at, to, answer->end, newest > to, &json);
    if (r >= 0)
        r = serve_publish(serve, answer->bank, WIRE_DOWN_ORDERS, json, (size_t)r);
    if (r < 0)
        return r;
    answer->at = to;
    answer->bank->reached = to;
    return to < answer->end;
}

static int pump_answers(struct serve *serve)
{
    _cleanup_free_ struct page *page = serve->n_answers ? malloc(sizeof(*page)) : NULL;

    while (page && serve->n_answers > 0) {
        int r = send_page(serve, &serve->answers[0], page);

        if (r < 0)
            return r;
        if (r > 0)
            continue;
        serve->n_answers--;
        memmove(serve->answers, serve->answers + 1, serve->n_answers * sizeof(*serve->answers));
    }
    return 0;
}

int serve_feed_pump(struct serve *serve)
{
    for (size_t i = 0; i < serve->n_banks; i++) {
        struct serve_bank *bank = &serve->banks[i];
        int r;

        if (!bank->news_due)
            continue;
        r = announce(serve, bank);
        if (r < 0)
            return r;
        bank->news_due = false;
        bank->told = true;
    }
    return pump_answers(serve);
}
