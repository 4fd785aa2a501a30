/* Debian's zxing-cpp beside ours; a C++ library that is only there where it is installed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
bool scan_peer_has_zxing(void);
/* Tries as hard as it can. Returns how many texts were filled, each with its length in bytes. */
int scan_peer_zxing(const uint8_t *pixels, int width, int height, char (*ret_texts)[4096],
                    size_t *ret_lengths, int n_max);
#ifdef __cplusplus
}
#endif
