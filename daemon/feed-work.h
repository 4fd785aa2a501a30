/* A page of the feed on its way into the store: read the quick way when it can be
 * (common/page-scan.h), else with jansson, then taken document by document. Stores nothing itself.
 */
#pragma once

#include "common/feed.h"
#include "common/page-scan.h"

struct feed_work;

int feed_work_new(struct feed_work **ret_work);
struct feed_work *feed_work_free(struct feed_work *work);

/* Reads a page. `json` must stay until feed_work_close(). Returns 0, or -EBADMSG with *ret_reason
 * (owned by the caller) and nothing open; -ENOMEM. */
int feed_work_open(struct feed_work *work, const char *json, size_t n, char **ret_reason);
void feed_work_close(struct feed_work *work);
bool feed_work_is_open(const struct feed_work *work);

/* Valid while it is open; the pointer itself is always the same. */
const struct feed_page *feed_work_page(const struct feed_work *work);
/* All documents were taken. */
bool feed_work_done(const struct feed_work *work);
/* Takes the next document: its place in the page. */
size_t feed_work_next(struct feed_work *work);
/* The seq of the last document taken, through which the feed is applied once it is stored; 0 when
 * the page's documents do not come in order, so that only its end says something. */
int64_t feed_work_reached(const struct feed_work *work);

/* The document when it is a plain order that was read the quick way, else NULL. */
const struct scanned_order *feed_work_plain(const struct feed_work *work, size_t i);
/* About how much of the page it is. */
size_t feed_work_bytes(const struct feed_work *work, size_t i);
/* The document as jansson reads it; a new reference. */
int feed_work_document(const struct feed_work *work, size_t i, json_t **ret_document);
