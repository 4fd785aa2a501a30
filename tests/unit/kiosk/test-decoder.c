/* The cage: whatever a picture does to the decoder process, the next picture is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "kiosk/decode/report.h"
#include "kiosk/decoder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_US UINT64_C(20000000) /* a loaded machine is slow; nothing here needs a second */

struct bench {
    sd_event *event;
    struct decoder *decoder;
    unsigned seen[2]; /* reports of each lane */
    char last[2][SCANNER_TEXT_MAX + 1];
};

static void on_report(void *userdata, const struct decode_report *report)
{
    struct bench *bench = userdata;

    bench->seen[report->lane]++;
    if (report->view.n_texts > 0)
        snprintf(bench->last[report->lane], sizeof(bench->last[0]), "%s",
                 report->view.texts[0].text);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct decoder_options options = {
        .program = getenv("FAKE_DECODE"),
        .n_lanes = 2,
        .frame_limit_us = 300000,
        .report = on_report,
        .userdata = bench,
    };
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!bench || sd_event_new(&bench->event) < 0 ||
        decoder_new(bench->event, &options, &bench->decoder) < 0)
        return -1;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    decoder_free(bench->decoder);
    sd_event_unref(bench->event);
    free(bench);
    return 0;
}

static void show(struct bench *bench, unsigned lane, const char *text)
{
    const struct frame frame = {.format = FRAME_JPEG,
                                .data = (const uint8_t *)text,
                                .n_bytes = strlen(text),
                                .captured_us = clock_boot_us()};

    assert_int_equal(decoder_offer(bench->decoder, lane, &frame, FRAME_WISH_CODES), 0);
}

/* Holds a picture up, thirty times a second, until it is read. */
static void assert_reads(struct bench *bench, unsigned lane, const char *text)
{
    uint64_t end_us = clock_boot_us() + PATIENCE_US;

    while (strcmp(bench->last[lane], text) != 0) {
        assert_true(clock_boot_us() < end_us);
        show(bench, lane, text);
        assert_true(sd_event_run(bench->event, 33000) >= 0);
    }
}

/* Holds a picture up that ends the process, until one of the counts has risen to `times`. */
static void assert_ends(struct bench *bench, const char *text, const unsigned *count,
                        unsigned times)
{
    uint64_t end_us = clock_boot_us() + PATIENCE_US;

    while (*count < times) {
        assert_true(clock_boot_us() < end_us);
        show(bench, 0, text);
        assert_true(sd_event_run(bench->event, 33000) >= 0);
    }
}

static void test_reads(void **state)
{
    struct bench *bench = *state;

    assert_reads(bench, 0, "A");
    assert_reads(bench, 1, "B");
    assert_reads(bench, 0, "C");
    assert_int_equal(decoder_counts(bench->decoder)->died, 0);
}

static void test_dies_hangs_sends_nonsense_and_reads_on(void **state)
{
    struct bench *bench = *state;
    const struct decoder_counts *counts = decoder_counts(bench->decoder);

    assert_reads(bench, 0, "before");
    assert_ends(bench, "die", &counts->died, 1);
    assert_reads(bench, 0, "after death");
    assert_ends(bench, "hang", &counts->hung, 1);
    assert_reads(bench, 0, "after a hang");
    assert_ends(bench, "nonsense", &counts->nonsense, 1);
    assert_reads(bench, 0, "after nonsense");
    assert_int_equal(counts->recycled, 0);
}

/* Something on the glass kills it each time, for a while: the other camera goes on reading, and
 * when it is gone this one reads too. */
static void test_poison_does_not_stop_the_others(void **state)
{
    struct bench *bench = *state;
    const struct decoder_counts *counts = decoder_counts(bench->decoder);
    char text[16];

    for (unsigned i = 0; i < 4; i++) {
        assert_ends(bench, "die", &counts->died, i + 1);
        snprintf(text, sizeof(text), "other %u", i);
        assert_reads(bench, 1, text);
    }
    assert_reads(bench, 0, "gone");
}

/* The camera whose pictures kill it rests in between: it does not take the processor. */
static void test_poison_is_not_tried_all_the_time(void **state)
{
    struct bench *bench = *state;
    uint64_t end_us = clock_boot_us() + 2000000;

    while (clock_boot_us() < end_us) {
        show(bench, 0, "die");
        assert_true(sd_event_run(bench->event, 10000) >= 0);
    }
    assert_in_range(decoder_counts(bench->decoder)->died, 1, 6);
}

static void test_gives_memory_back(void **state)
{
    struct bench *bench = *state;
    const struct decoder_counts *counts = decoder_counts(bench->decoder);

    assert_reads(bench, 0, "before");
    assert_ends(bench, "recycle", &counts->recycled, 1);
    assert_reads(bench, 0, "after");
    assert_int_equal(counts->died, 0);
}

static void test_killed_from_outside(void **state)
{
    struct bench *bench = *state;
    pid_t pid = decoder_pid(bench->decoder);

    assert_reads(bench, 0, "before");
    kill(pid, SIGKILL);
    assert_reads(bench, 0, "after");
    assert_int_not_equal(decoder_pid(bench->decoder), pid);
}

static void test_no_program(void **state)
{
    struct bench *bench = *state;
    struct decoder *decoder;

    assert_int_equal(decoder_new(bench->event,
                                 &(struct decoder_options){.program = "/nowhere", .n_lanes = 1},
                                 &decoder),
                     -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_reads),
        TEST(test_dies_hangs_sends_nonsense_and_reads_on),
        TEST(test_poison_does_not_stop_the_others),
        TEST(test_poison_is_not_tried_all_the_time),
        TEST(test_gives_memory_back),
        TEST(test_killed_from_outside),
        TEST(test_no_program),
    };

    return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
