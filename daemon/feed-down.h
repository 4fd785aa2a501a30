/* The orders feed from HQ (docs/protocol.md, "Down"): judges pages, applies documents, fetches. */
#pragma once

#include "daemon/manager.h"

/* Reads cursor and feed from the store. */
int feed_down_restore(struct manager *manager);
/* A page whose signature was right. Its documents are applied a few at a time, so that a customer
 * is served in between: while feed_down_busy(), the same message comes again from the mailbox
 * (mqtt_again()) and goes to feed_down_go_on(); `json` stays where it is until then. */
void feed_down_page(struct manager *manager, const char *json, size_t n);
bool feed_down_busy(const struct manager *manager);
void feed_down_go_on(struct manager *manager);
/* Ends the batch: commits, then tells HQ. Returns 0 or -errno after undoing it. */
int feed_down_commit(struct manager *manager);
/* Sends a fetch when one is wanted; `poll` asks also when there is nothing known to be missing. */
void feed_down_fetch(struct manager *manager, bool poll);
/* Says up to where this bank has applied. */
void feed_down_tell_applied(struct manager *manager);
