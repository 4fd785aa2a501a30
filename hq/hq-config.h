/* /etc/pickup/hq.conf: the broker, and the branches with their banks. */
#pragma once

#include "common/config.h"

struct hq_branch {
    char *name;
    int64_t number; /* what the codes carry, 1 to 65535; 0 = not given yet */
    char **banks;
    size_t n_banks;
    int64_t retention_ms; /* how long banks keep an order after its end */
};

struct hq_config {
    /* [broker] */
    char *host, *user, *password_file, *ca_file, *certificate_file, *key_file;
    int64_t port, keepalive_ms, backoff_min_ms, backoff_max_ms, ack_repeat_ms, connect_timeout_ms;
    /* [branch NAME] */
    struct hq_branch *branches;
    size_t n_branches;
};

/* Reads `path` with its drop-ins. Returns and mistakes as config_load(). Call hq_config_done() in
 * every case. */
int hq_config_load(const char *path, struct hq_config *ret_config,
                   struct config_mistakes *ret_mistakes);
void hq_config_done(struct hq_config *config);

/* NULL when there is none of that name. */
const struct hq_branch *hq_config_branch(const struct hq_config *config, const char *name);
/* The branch that a bank belongs to, or NULL. */
const struct hq_branch *hq_config_branch_of(const struct hq_config *config, const char *bank);
/* The branch whose name is like `name`, for "did you mean"; NULL when none is near. */
const char *hq_config_nearest_branch(const struct hq_config *config, const char *name);
/* The table of [broker] in hq.conf; the keys of a branch are none of it, for whoever describes it.
 */
const struct config_item *hq_config_items(size_t *ret_n);
