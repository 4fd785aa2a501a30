/* Reading the small documents of the orders feed: staff, key, policy, recall (docs/protocol.md,
 * "Documents"). Orders have a reader of their own in common/order.h. Pure. */
#pragma once

#include "common/cleanup.h"
#include <jansson.h>

/* Checks every member that the protocol names. *ret_name is what tells it from others of its kind
 * (a staff number as text). Returns 0; -EBADMSG with *ret_reason, which names the member, also for
 * a kind that this version does not know; -ENOMEM. Both texts are owned by the caller. */
int document_read(const json_t *document, const char *kind, char **ret_name, int64_t *ret_rev,
                  char **ret_reason);
