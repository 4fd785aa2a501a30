/* One camera picture as a file, for an engineer who asks for it. */
#pragma once

#include "kiosk/frame.h"

/* Writes the picture into a memory file: motion JPEG as it is, everything else as PGM (gray). The
 * caller owns *ret_fd, which stands at its beginning and is sealed. *ret_kind: "jpg" or "pgm". */
int picture_write(const struct frame *frame, int *ret_fd, const char **ret_kind);
