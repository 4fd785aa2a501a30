#include "kiosk/camera-stats.h"

void camera_stats_add(struct camera_stats *stats, const struct decode_report *report)
{
    stats->pictures[stats->next] = (struct camera_stats_picture){
        .at_us = report->done_us,
        .decode_us = (uint32_t)(report->done_us - report->start_us),
        .cards = report->view.cards,
        .measure = report->view.measure,
        .read = report->view.n_texts > 0 || report->view.cards != 0 || report->view.n_foreign > 0,
        .damaged = report->view.damaged || report->view.error != 0,
    };
    stats->next = (stats->next + 1) % CAMERA_STATS_PICTURES;
}

static void add(struct camera_summary *sum, const struct camera_stats_picture *picture)
{
    sum->pictures++;
    sum->mean += (double)picture->measure.mean;
    sum->clipped += (double)picture->measure.clipped;
    sum->sharpness += (double)picture->measure.sharpness;
    sum->decode_ms += picture->decode_us / 1000.0;
    sum->read += picture->read;
    sum->damaged += picture->damaged;
    for (unsigned i = 0; i < TEST_CARD_CODES; i++)
        sum->cards[i] += picture->cards >> i & 1;
}

void camera_stats_sum(const struct camera_stats *stats, uint64_t now_us,
                      struct camera_summary *ret_summary)
{
    struct camera_summary sum = {};
    uint64_t first_us = UINT64_MAX, last_us = 0;

    for (size_t i = 0; i < CAMERA_STATS_PICTURES; i++) {
        const struct camera_stats_picture *picture = &stats->pictures[i];

        if (picture->at_us == 0 || picture->at_us + CAMERA_STATS_US < now_us)
            continue;
        add(&sum, picture);
        first_us = picture->at_us < first_us ? picture->at_us : first_us;
        if (picture->at_us >= last_us) {
            last_us = picture->at_us;
            sum.width = picture->measure.width;
            sum.height = picture->measure.height;
        }
    }
    if (sum.pictures > 1 && last_us > first_us)
        sum.rate = (sum.pictures - 1) * 1e6 / (double)(last_us - first_us);
    if (sum.pictures > 0) {
        sum.mean /= sum.pictures;
        sum.clipped /= sum.pictures;
        sum.sharpness /= sum.pictures;
        sum.decode_ms /= sum.pictures;
    }
    *ret_summary = sum;
}
