/* Remote commands from HQ (docs/protocol.md, down/command; promise 7). */
#pragma once

#include "daemon/manager.h"

/* A command whose signature was right: carried out or refused, once, and answered. */
void command_take(struct manager *manager, const char *json, size_t n, bool retained);
