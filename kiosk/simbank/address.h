/* The Unix stream socket of pickup-simbank. Paths longer than sockaddr_un allows work too, because
 * tests live in deep folders. */
#pragma once

#include "common/cleanup.h"

/* A connected, non-blocking socket, or -errno. -ENOENT and -ECONNREFUSED: nobody listens. */
int simbank_connect(const char *path);
/* A listening, non-blocking socket, or -errno; -EADDRINUSE: somebody listens there already. A file
 * left behind by a dead simulator is replaced. The file appears when connections are accepted. */
int simbank_listen(const char *path);
