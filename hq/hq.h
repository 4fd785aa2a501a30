/* What every branch's feed begins with, and the wake-up of the running `serve`. */
#pragma once

#include "hq/hq-config.h"
#include "hq/store.h"

/* Publishes keys and policy of every branch as far as the feed does not say the same already,
 * inside the caller's transaction. Returns 1 when something changed, 0, or -errno; *ret_error is a
 * sentence when a key cannot be read. */
int hq_publish(struct store *store, const struct hq_config *config, const char *state,
               char **ret_error);

#define HQ_SOCKET "serve.socket"

/* Tells `serve` on the same state folder that there is something new. It may be lost, and nobody
 * may be listening: `serve` looks for itself every second. */
void hq_poke(const char *state);
