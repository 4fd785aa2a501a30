/* A code as a QR symbol: in the terminal, and as a PNG. Level M, alphanumeric mode (docs/codes.md).
 */
#pragma once

#include "common/cleanup.h"
#include <stdio.h>

/* Draws with half blocks, dark on light whatever the terminal's colours, with the quiet zone of
 * four modules that readers need. Returns -EINVAL when `text` holds other characters than QR's
 * alphanumeric ones, -ENOMEM. */
int qr_print(const char *text, FILE *stream);
/* Writes a gray PNG of `scale` pixels a module. Returns as above, or -EIO. */
int qr_write_png(const char *text, unsigned scale, const char *path);
