/* The audit chain of the up feed (docs/protocol.md, "Events"). Pure.
 *
 * hash(n) = BLAKE2b-256(hash(n-1) ‖ canonical(event n)); hash(0) = BLAKE2b-256(log id, 36 ASCII).
 * canonical = the event as JSON without the members "hash" and "personal", keys sorted, no white
 * space, UTF-8, numbers as integers. Personal fields live in "personal" beside a random salt; the
 * event carries "personal_digest" = BLAKE2b-256 of the canonical "personal" under that salt, so
 * that they can be erased and the chain still be verified. */
#pragma once

#include "common/cleanup.h"
#include <jansson.h>
#include <stdbool.h>

#define EVENT_HASH_BYTES 32

void event_chain_start(const char *log_id, uint8_t ret_hash[EVENT_HASH_BYTES]);

/* Computes the hash of `event`. Returns -EBADMSG when it is not an object or holds a real number.
 */
int event_hash(const json_t *event, const uint8_t previous[EVENT_HASH_BYTES],
               uint8_t ret_hash[EVENT_HASH_BYTES]);

/* Moves `personal` (a new reference is kept) into the event: adds a random salt to it, sets
 * "personal" and "personal_digest". */
int event_set_personal(json_t *event, json_t *personal);
/* Does "personal" (when still there) match "personal_digest"? True when there is none. */
bool event_personal_matches(const json_t *event);

/* Sets "hash" (lower-case hexadecimal) after event_hash(); `hash` gets the value for the next. */
int event_seal(json_t *event, uint8_t hash[EVENT_HASH_BYTES]);
/* Verifies "hash" against the chain and moves `hash` on; -EBADMSG = does not fit. */
int event_verify(const json_t *event, uint8_t hash[EVENT_HASH_BYTES]);
