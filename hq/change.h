/* What HQ did to orders, for people. */
#pragma once

#include "hq/store.h"

/* The changes of an order (NULL = all that are pending) as a new array: order, change, state
 * ("pending", "done", "overtaken", "replaced"), branch, at, actor, reason, waits_for, settled_at.
 */
int change_list(struct store *store, const char *order, json_t **ret_list);
int change_print(const json_t *list);
/* "a, b"; NULL without memory. */
char *change_names(const json_t *banks);
