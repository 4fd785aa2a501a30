/* Shared by decide.c and decide-staff.c only. */
#pragma once

#include "daemon/decide.h"

/* Turns a failure of the store into the answer out_of_order; returns `r`. */
int answer_failed(struct manager *manager, int r, struct answer *answer);

/* A badge whose signature is right: begins a staff session, or says why not. */
int decide_badge(struct manager *manager, const struct code *code, struct answer *answer);
