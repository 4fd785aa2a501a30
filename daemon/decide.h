/* May this code, number, label or verb open a door? Only here is it decided, and only through
 * visit.h is it carried out. Every answer is one word of the closed list in common/order.h. */
#pragma once

#include "daemon/manager.h"

struct answer {
    enum outcome outcome;
    uint64_t session;
    int64_t at_ms, wait_ms; /* 0 = not said */
    unsigned branch;        /* 0 = not said */
    char bank[33], reason[160];
    char display[132], lang[36];
};

/* A text from the camera or a hand scanner. Returns 0, or -errno when it could not be recorded
 * (nothing was opened then; the answer says out_of_order). */
int decide_present(struct manager *manager, const char *text, struct answer *ret_answer);
/* A pickup number that was typed. */
int decide_number(struct manager *manager, const char *digits, struct answer *ret_answer);

/* Staff verbs; `actor` is "uid:N" or "staff:N". */
int decide_label(struct manager *manager, const char *label, struct answer *ret_answer);
int decide_stock(struct manager *manager, const char *label, uint32_t door, const char *actor,
                 struct answer *ret_answer);
int decide_retrieve(struct manager *manager, const char *label, const char *actor,
                    struct answer *ret_answer);
int decide_inspect(struct manager *manager, uint32_t door, const char *actor,
                   struct answer *ret_answer);

/* Says no with a sentence for staff. */
int answer_refuse(struct answer *answer, const char *format, ...) _printf_(2, 3);
