/* A file of signed pages of the orders feed, for benchmarks: made once, then given to a bank as
 * fast as it asks, so that what is measured is the bank and not HQ. */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

#define FEED_FILE_BANK   "hk-canton-1"
#define FEED_FILE_BRANCH "hk-canton"
#define FEED_FILE_ID     "0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"
#define FEED_FILE_GROUP  (1024 * 1024) /* bytes that one fetch brings */

/* The key that signs them; a constant, because nothing else trusts it. */
extern const uint8_t feed_file_seed[32];

struct feed_file_page {
    int64_t prev, seq, end; /* `end`: of the group that it belongs to */
    const char *payload;    /* into the mapping */
    size_t n;
};

struct feed_file {
    struct feed_file_page *pages;
    size_t n_pages;
    int64_t n_orders;
    void *map;
    size_t map_bytes;
};

/* Writes `n_orders` orders of realistic size (one or two parcels, two items each), `per_page` a
 * page, 0 = as many as fit. The same numbers give the same file. */
int feed_file_make(const char *path, int64_t n_orders, size_t per_page);
int feed_file_open(const char *path, struct feed_file *ret_file);
void feed_file_close(struct feed_file *file);
/* The first page that brings something after `after`; n_pages when there is none. */
size_t feed_file_find(const struct feed_file *file, int64_t after);
