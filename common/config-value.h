/* Values of the configuration: text to typed member and back to words. Inner part of config.h. */
#pragma once

#include "common/config.h"

/* Sets the member of `item` in `target` from `value`. A CONFIG_STRING member is freed first, so it
 * must be NULL or owned. Returns 0; -EINVAL with *ret_problem a sentence without its full stop
 * ("must be between 1 and 65535"); -ENOMEM. The member is untouched on failure. */
int config_value_set(const struct config_item *item, const char *value, void *target,
                     char **ret_problem);

/* What to write for this type when the table gives no remedy: "Write a number." */
const char *config_value_remedy(const struct config_item *item);

/* A limit of `item` as one would write it: in the largest unit that leaves no remainder. */
void config_value_write(const struct config_item *item, int64_t value, char ret_text[32]);
