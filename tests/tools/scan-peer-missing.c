#include "tests/tools/scan-peer.h"

bool scan_peer_has_zxing(void)
{
    return false;
}

int scan_peer_zxing(const uint8_t *pixels, int width, int height, char (*ret_texts)[4096],
                    size_t *ret_lengths, int n_max)
{
    return 0;
}
