/* What the screen shows, made from what the daemon told and what the kiosk knows. Pure. */
#pragma once

#include "kiosk/bank-client.h"
#include "kiosk/hint.h"
#include "kiosk/ui/screen.h"

struct show {
    const char *language; /* the kiosk's own, where the customer's is not known */
    const char *broken;   /* why nothing can be collected here; NULL = all is well */
    bool attached;        /* the daemon is there */
    struct bank_session session;
    struct bank_answer refusal; /* outcome "" = none to be shown */
    enum hint hint;             /* to somebody whose code is not read */
};

/* A broken kiosk comes first, then a missing daemon, a refusal, the session, a hint. */
void show_state(const struct show *show, struct screen_state *ret_state);
/* How long a refusal stays, and the result of a collection; µs. */
uint64_t show_refusal_us(const struct show *show);
#define SHOW_RESULT_US UINT64_C(10000000)
