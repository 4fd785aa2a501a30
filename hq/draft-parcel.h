/* Reading the parcels of an import row. Pure. Inner part of draft.h. */
#pragma once

#include "hq/draft.h"

/* Checks `parcels` of `row` and sets it in normal form in `document`. Returns as draft_read(). */
int draft_parcels(const json_t *row, json_t *document, struct draft_problem *ret_problem);
