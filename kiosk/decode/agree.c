#include "kiosk/decode/agree.h"

#include <stdio.h>
#include <string.h>

bool agree_see(struct agree *agree, const char *text, uint64_t frame)
{
    size_t at = 0;
    bool agrees = false;

    for (size_t i = 0; i < AGREE_TEXTS; i++) {
        if (agree->texts[i].frame != 0 && strcmp(agree->texts[i].text, text) == 0) {
            at = i;
            agrees = agree->texts[i].frame != frame && frame - agree->texts[i].frame < AGREE_FRAMES;
            break;
        }
        if (agree->texts[i].frame < agree->texts[at].frame)
            at = i;
    }
    snprintf(agree->texts[at].text, sizeof(agree->texts[at].text), "%s", text);
    agree->texts[at].frame = frame;
    return agrees;
}
