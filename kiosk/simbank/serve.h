/* pickup-simbank's socket: lock backends and people speak the same line protocol.
 *
 * A client writes one command a line (kiosk/simbank/command.h). The answer is any number of lines,
 * then "ok" or "error SENTENCE". A client that has said "attach" also gets, at any time,
 * "sensor N open|closed|faulty AT_US" (CLOCK_BOOTTIME). */
#pragma once

#include "kiosk/simbank/model.h"

/* Serves `bank` until SIGTERM or SIGINT; takes the listening socket over. Returns 0 or -errno. */
int simbank_serve(struct simbank *bank, int listen_fd);
