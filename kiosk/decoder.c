#include "kiosk/decoder.h"

#include "common/clock.h"
#include "common/log.h"
#include "kiosk/decode/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define LOOK_US UINT64_C(100000)
/* A process that lived for less than this without a picture is replaced only after as long again:
 * a broken installation must not keep the processor busy. */
#define SHORT_LIFE_US UINT64_C(1000000)
/* The first picture that kills it costs nothing but itself. When the next one does too, something
 * on the glass does it each time: the camera rests, so long that little time is wasted and so short
 * that the next customer does not notice. */
#define REST_US   UINT64_C(500000)
#define FORGET_US UINT64_C(5000000)

struct lane {
    uint64_t offered, done; /* numbers of the newest picture each way */
    uint64_t killed_us;     /* when a picture of it last ended the process; 0 = never */
    uint64_t rests_until_us;
};

struct decoder {
    struct decoder_options options;
    char *program;
    sd_event *event;
    sd_event_source *child, *socket_source, *timer;
    struct frame_box *box;
    int socket;
    pid_t pid; /* 0 = none */
    uint64_t started_us, restart_us;
    struct lane lanes[FRAME_LANES_MAX];
    uint64_t busy_since_us; /* the process has had a picture since; 0 = idle */
    struct decoder_counts counts;
};

static int start(struct decoder *decoder);

/* Ends the process, if any, and everything that belonged to it. */
static void end(struct decoder *decoder)
{
    decoder->child = sd_event_source_disable_unref(decoder->child);
    decoder->socket_source = sd_event_source_disable_unref(decoder->socket_source);
    if (decoder->pid > 0) {
        kill(decoder->pid, SIGKILL);
        while (waitpid(decoder->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        decoder->pid = 0;
    }
    if (decoder->socket >= 0)
        close(TAKE_FD(decoder->socket));
    decoder->box = frame_box_free(decoder->box);
    decoder->busy_since_us = 0;
}

/* Lets the camera rest whose picture ended the process. True when there is one. */
static bool blame(struct decoder *decoder, uint64_t now_us)
{
    int at_work = decoder->box ? frame_box_at_work(decoder->box) : -1;
    struct lane *lane = at_work >= 0 ? &decoder->lanes[at_work] : NULL;

    if (!lane)
        return false;
    if (lane->killed_us != 0 && now_us - lane->killed_us < FORGET_US)
        lane->rests_until_us = now_us + REST_US;
    lane->killed_us = now_us;
    return true;
}

static void replace(struct decoder *decoder, unsigned *count, const char *why)
{
    uint64_t now_us = clock_boot_us();
    bool at_once = now_us - decoder->started_us >= SHORT_LIFE_US;

    if (count != &decoder->counts.recycled) {
        log_warning("decoder: %s; it is replaced", why);
        at_once = blame(decoder, now_us) || at_once;
    }
    (*count)++;
    end(decoder);
    decoder->restart_us = at_once ? now_us : now_us + SHORT_LIFE_US;
    if (at_once && start(decoder) < 0)
        decoder->restart_us = now_us + SHORT_LIFE_US;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
    struct decoder *decoder = userdata;
    char why[80];

    decoder->pid = 0; /* reaped by sd-event */
    if (info->si_code == CLD_EXITED && info->si_status == DECODE_EXIT_RECYCLE) {
        replace(decoder, &decoder->counts.recycled, "");
        return 0;
    }
    if (info->si_code == CLD_EXITED)
        snprintf(why, sizeof(why), "ended with exit code %d", info->si_status);
    else
        snprintf(why, sizeof(why), "was ended by signal %d", info->si_status);
    replace(decoder, &decoder->counts.died, why);
    return 0;
}

/* Any byte may stand where the process should have put a truth value. */
static void settle(bool *value)
{
    unsigned char byte;

    memcpy(&byte, value, sizeof(byte));
    *value = byte != 0;
}

/* Whether a packet of `n` bytes is a report that the process could rightly have sent. */
static bool valid(const struct decoder *decoder, const struct decode_report *report, size_t n)
{
    const struct eye_view *view = &report->view;

    if (n < DECODE_REPORT_BYTES(0) || view->n_texts > SCANNER_TEXTS_MAX ||
        n != DECODE_REPORT_BYTES(view->n_texts) || report->lane >= decoder->options.n_lanes ||
        report->number > decoder->lanes[report->lane].offered ||
        report->captured_us > report->start_us || report->start_us > report->done_us ||
        view->error > 0)
        return false;
    for (uint32_t i = 0; i < view->n_texts; i++)
        if (view->texts[i].n_bytes > SCANNER_TEXT_MAX ||
            strnlen(view->texts[i].text, SCANNER_TEXT_MAX + 1) != view->texts[i].n_bytes)
            return false;
    return true;
}

/* It has had something to do since `now_us` when a picture of any camera waits. */
static void note_done(struct decoder *decoder, uint64_t now_us)
{
    decoder->busy_since_us = 0;
    for (unsigned i = 0; i < decoder->options.n_lanes; i++)
        if (decoder->lanes[i].done < decoder->lanes[i].offered)
            decoder->busy_since_us = now_us;
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct decoder *decoder = userdata;
    struct decode_report report;
    ssize_t n = recv(fd, &report, sizeof(report), MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) { /* it is ending: on_child() takes over */
        decoder->socket_source = sd_event_source_disable_unref(decoder->socket_source);
        return 0;
    }
    if (!valid(decoder, &report, (size_t)n)) {
        replace(decoder, &decoder->counts.nonsense, "it sent nonsense");
        return 0;
    }
    settle(&report.view.damaged);
    settle(&report.view.sight.touches_border);
    settle(&report.view.sight.inverted);
    decoder->lanes[report.lane].done = report.number;
    note_done(decoder, clock_boot_us());
    decoder->options.report(decoder->options.userdata, &report);
    return 0;
}

/* Runs the program with the socket as its standard input and the box beside it. */
static int spawn(struct decoder *decoder, int child_socket)
{
    char *const words[] = {decoder->program, NULL};
    /* Out of the way of the numbers that the child gets them as. */
    _cleanup_close_ int box = fcntl(frame_box_fd(decoder->box), F_DUPFD_CLOEXEC, 10);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid;
    int r;

    if (box < 0)
        return -errno;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, child_socket, DECODE_SOCKET_FD);
    posix_spawn_file_actions_adddup2(&actions, box, DECODE_BOX_FD);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    r = posix_spawn(&pid, decoder->program, &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (r != 0)
        return -r;
    decoder->pid = pid;
    return 0;
}

static int start(struct decoder *decoder)
{
    int pair[2], r = frame_box_new(decoder->options.n_lanes, &decoder->box);

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    decoder->socket = pair[0];
    r = spawn(decoder, pair[1]);
    close(pair[1]);
    if (r >= 0)
        r = sd_event_add_child(decoder->event, &decoder->child, decoder->pid, WEXITED, on_child,
                               decoder);
    if (r >= 0)
        r = sd_event_add_io(decoder->event, &decoder->socket_source, decoder->socket, EPOLLIN,
                            on_report, decoder);
    if (r < 0) {
        log_errno(r, "cannot start the decoder %s", decoder->program);
        end(decoder);
        return r;
    }
    decoder->started_us = clock_boot_us();
    decoder->restart_us = 0;
    for (unsigned i = 0; i < decoder->options.n_lanes; i++)
        decoder->lanes[i].done = decoder->lanes[i].offered;
    return 0;
}

/* Looks after the process: hangs, and starting it again. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct decoder *decoder = userdata;
    uint64_t now_us = clock_boot_us();
    int r;

    if (decoder->busy_since_us != 0 &&
        now_us - decoder->busy_since_us > decoder->options.frame_limit_us)
        replace(decoder, &decoder->counts.hung, "it took too long for a picture");
    else if (decoder->pid == 0 && now_us >= decoder->restart_us && start(decoder) < 0)
        decoder->restart_us = now_us + SHORT_LIFE_US;
    r = sd_event_source_set_time_relative(source, LOOK_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int decoder_new(sd_event *event, const struct decoder_options *options, struct decoder **ret)
{
    _cleanup_(decoder_freep) struct decoder *decoder = calloc(1, sizeof(*decoder));
    int r;

    if (!decoder)
        return -ENOMEM;
    decoder->socket = -1;
    decoder->options = *options;
    decoder->event = sd_event_ref(event);
    decoder->program = strdup(options->program);
    if (!decoder->program)
        return -ENOMEM;
    decoder->options.program = decoder->program;
    r = start(decoder);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &decoder->timer, CLOCK_BOOTTIME, LOOK_US, 0, on_timer,
                                       decoder);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(decoder);
    return 0;
}

struct decoder *decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return NULL;
    end(decoder);
    sd_event_source_disable_unref(decoder->timer);
    sd_event_unref(decoder->event);
    free(decoder->program);
    free(decoder);
    return NULL;
}

int decoder_offer(struct decoder *decoder, unsigned lane, const struct frame *frame,
                  enum frame_wish wish)
{
    struct lane *to = &decoder->lanes[lane];
    int r;

    if (decoder->pid == 0 || clock_boot_us() < to->rests_until_us)
        return 0; /* it is being replaced; the next picture will do */
    r = frame_box_put(decoder->box, lane, frame, to->offered + 1, wish);
    if (r == -EBADMSG) {
        replace(decoder, &decoder->counts.nonsense, "it destroyed the hand-over");
        return 0;
    }
    if (r < 0)
        return r;
    to->offered++;
    if (decoder->busy_since_us == 0)
        decoder->busy_since_us = clock_boot_us();
    /* A full socket is no matter: the process has wake-ups enough and takes the newest. */
    (void)send(decoder->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return 0;
}

const struct decoder_counts *decoder_counts(const struct decoder *decoder)
{
    return &decoder->counts;
}

pid_t decoder_pid(const struct decoder *decoder)
{
    return decoder->pid;
}
