/* Books what became of a grant: events, placements, the order's end. Inside a transaction. */
#pragma once

#include "daemon/manager.h"

/* Moves grant->outcome to `outcome` with all that follows from it, and saves the grant. Evidence
 * that a door opened wins over an earlier doubt; everything else that comes twice changes nothing.
 * Returns 1 when something changed, 0 when not. */
int outcome_book(struct manager *manager, struct grant *grant, enum grant_outcome outcome);

/* The door of an opened grant has closed again. Returns as outcome_book(). */
int outcome_book_closed(struct manager *manager, struct grant *grant);

/* Staff have said that the parcel of a stocking grant is in its door. */
int outcome_book_confirmed(struct manager *manager, struct grant *grant);

/* One event about a door, with the members of a grant when it is not NULL. */
int outcome_event(struct manager *manager, const char *type, uint32_t door,
                  const struct grant *grant);
