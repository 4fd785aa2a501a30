/* A stand-in for pickup-decode that does what its picture says: reads it as text, dies, hangs,
 * sends nonsense, destroys the hand-over, or ends to give memory back. */
#include "common/clock.h"
#include "kiosk/decode/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool says(const struct frame *frame, const char *word)
{
    return frame->n_bytes == strlen(word) && memcmp(frame->data, word, frame->n_bytes) == 0;
}

static void obey(const struct frame *frame, struct frame_box *box)
{
    if (says(frame, "die"))
        abort();
    if (says(frame, "hang"))
        pause();
    if (says(frame, "nonsense"))
        (void)send(DECODE_SOCKET_FD, "nonsense", 8, MSG_NOSIGNAL);
    if (says(frame, "recycle"))
        _exit(DECODE_EXIT_RECYCLE);
}

static void tell(const struct frame_taken *taken)
{
    static struct decode_report report;

    report.number = taken->number;
    report.lane = taken->lane;
    report.captured_us = taken->frame.captured_us;
    report.start_us = report.done_us = clock_boot_us();
    report.view.n_texts = 1;
    report.view.texts[0].n_bytes = taken->frame.n_bytes;
    memcpy(report.view.texts[0].text, taken->frame.data, taken->frame.n_bytes);
    report.view.texts[0].text[taken->frame.n_bytes] = '\0';
    (void)send(DECODE_SOCKET_FD, &report, DECODE_REPORT_BYTES(1), MSG_NOSIGNAL);
}

int main(void)
{
    struct frame_taken taken;
    struct frame_box *box;
    char wake;

    if (frame_box_open(DECODE_BOX_FD, &box) < 0)
        return 1;
    while (recv(DECODE_SOCKET_FD, &wake, 1, 0) > 0)
        while (frame_box_take(box, &taken)) {
            obey(&taken.frame, box);
            tell(&taken);
        }
    frame_box_free(box);
    return 0;
}
