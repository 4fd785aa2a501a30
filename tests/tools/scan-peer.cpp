#include "tests/tools/scan-peer.h"

#include <ZXing/ReadBarcode.h>

#include <cstring>

bool scan_peer_has_zxing(void)
{
    return true;
}

int scan_peer_zxing(const uint8_t *pixels, int width, int height, char (*ret_texts)[4096],
                    size_t *ret_lengths, int n_max)
{
    ZXing::DecodeHints hints;
    int n = 0;

    hints.setFormats(ZXing::BarcodeFormat::QRCode);
    hints.setTryHarder(true);
    hints.setTryRotate(true);
    for (const auto &result : ZXing::ReadBarcodes(
             ZXing::ImageView(pixels, width, height, ZXing::ImageFormat::Lum), hints)) {
        const auto &bytes = result.bytes();

        if (n == n_max || !result.isValid())
            continue;
        ret_lengths[n] = bytes.size() < 4096 ? bytes.size() : 4096;
        memcpy(ret_texts[n], bytes.data(), ret_lengths[n]);
        n++;
    }
    return n;
}
