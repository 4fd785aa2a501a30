/* Talking to a running pickup-simbank by hand or from a script. */
#pragma once

#include "common/cleanup.h"

/* One command; its answer goes to stdout, what went wrong to stderr. Returns the exit status:
 * 0, 1 = the bank said no, 2 = there is no bank at `path`. */
int simbank_client_do(const char *path, const char *command);
/* Commands from stdin until its end or "quit", with a prompt on a terminal. Exit status as above:
 * 1 when any command was refused. */
int simbank_client_shell(const char *path);
