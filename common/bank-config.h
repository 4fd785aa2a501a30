/* /etc/pickup/pickupd.conf: the configuration of a bank's daemon, also checked by pickupctl. */
#pragma once

#include "common/config.h"

struct bank_config {
    /* [bank] */
    char *name, *branch, *doors_file;
    int64_t branch_number;
    /* [hq] */
    char *host, *user, *password_file, *ca_file, *certificate_file, *key_file, *feed_key;
    int64_t port, keepalive_ms, backoff_min_ms, backoff_max_ms, connect_timeout_ms;
    int64_t poll_ms, resend_ms, status_ms, fetch_bytes;
    /* [keys] */
    char *number_key;
    /* [doors] */
    int64_t open_timeout_ms, close_timeout_ms, pulses, report_timeout_ms;
    /* [clock] */
    char *clock_source, *clock_file; /* "kernel" or "file" */
    int64_t clock_file_age_ms, holdover_ms;
    /* [store] */
    int64_t event_keep_ms, retention_ms, order_keep_ms, outbox_max, reserve_bytes;
    /* [staff] */
    int64_t session_timeout_ms;
};

/* Reads `path` with its drop-ins; paths in it come out absolute or relative to the working folder.
 * Returns and mistakes as config_load(). Call bank_config_done() in every case. */
int bank_config_load(const char *path, struct bank_config *ret_config,
                     struct config_mistakes *ret_mistakes);
void bank_config_done(struct bank_config *config);
/* The table of pickupd.conf, for whoever describes it. */
const struct config_item *bank_config_items(size_t *ret_n);
