/* A store that was set aside: inner to store.c, store-damage.c and store-rescue.c. */
#pragma once

#include "daemon/store.h"

#define STORE_FILE      "bank.db"
#define STORE_ASIDE_MAX 64

/* Ends what a power cut interrupted. 1 = a store was set aside as *ret_name and not everything has
 * been rescued from it yet, 0 = nothing is under way. */
int store_aside_resume(const char *state, char ret_name[STORE_ASIDE_MAX]);
/* The rescue is in the new store: forgets that it was under way. */
int store_aside_done(const char *state);

/* Takes over what can be read in the store that was set aside as `name`, in one transaction; doing
 * it twice changes nothing. */
int store_rescue(struct store *store, const char *state, const char *name);
