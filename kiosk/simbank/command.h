/* The words that a bank's simulator understands, one command a line. No I/O but the answer. */
#pragma once

#include "kiosk/simbank/model.h"

/* What a command wants beyond its answer. */
struct simbank_wish {
    bool attach; /* the client is a lock backend: wants every sensor change from now on */
    bool wait;   /* answer later: when `door` stands still and `open`, or wait_us have passed */
    bool wait_open;
    uint32_t door;
    uint64_t wait_us;
};

/* Carries out `line` (without its newline; changed). Writes what is to be shown to `answer`, whole
 * lines. Returns 0, or -EINVAL with one sentence without newline in *ret_error (owned by the
 * caller, NULL without memory). `client` is who switches coils. */
int simbank_command(struct simbank *bank, char *line, unsigned client, uint64_t now_us,
                    FILE *answer, struct simbank_wish *ret_wish, char **ret_error);
