#include "kiosk/kiosk.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define BUSY_RETRY_US UINT64_C(500000)
#define AWAY_RETRY_US UINT64_C(1000000)
#define LOOK_US       UINT64_C(250000)

static bool is_idle(const struct kiosk *kiosk)
{
    return kiosk->show.session.number == 0;
}

/* A customer's doors are being opened: codes wait until that is over. */
static bool is_collecting(const struct kiosk *kiosk)
{
    const struct bank_session *session = &kiosk->show.session;

    return session->number != 0 && strcmp(session->info.kind, "collection") == 0 &&
           strcmp(session->state, "collected") != 0 && strcmp(session->state, "failed") != 0;
}

static bool is_staff(const struct kiosk *kiosk)
{
    return !is_idle(kiosk) && strcmp(kiosk->show.session.info.kind, "collection") != 0;
}

/* What keeps customers from collecting, in words for staff. */
static const char *what_is_broken(const struct kiosk *kiosk)
{
    if (door_bank_stuck(kiosk->door_bank))
        return "lock coil";
    if (!scan_sees(kiosk->scan))
        return "camera";
    return NULL;
}

/* Drawing waits until nothing else is to be done: a grant that is already in the socket goes first.
 */
static void draw(struct kiosk *kiosk)
{
    (void)sd_event_source_set_enabled(kiosk->draw, SD_EVENT_ONESHOT);
}

static int on_draw(sd_event_source *source, void *userdata)
{
    struct kiosk *kiosk = userdata;
    struct screen_state state;
    int r;

    kiosk->show.broken = what_is_broken(kiosk);
    kiosk->show.attached = kiosk->bank && bank_client_attached(kiosk->bank);
    show_state(&kiosk->show, &state);
    r = screen_show(kiosk->screen, &state);
    if (r < 0)
        log_errno(r, "the screen cannot be drawn");
    return 0;
}

static void start_timer(sd_event_source *timer, uint64_t after_us)
{
    (void)sd_event_source_set_time_relative(timer, after_us);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* ---- what is seen ---- */

static void on_text(void *userdata, const struct decoder_text *text)
{
    struct kiosk *kiosk = userdata;
    int r;

    if (!bank_client_attached(kiosk->bank) || door_bank_stuck(kiosk->door_bank)) {
        scan_retry(kiosk->scan, text->text, AWAY_RETRY_US);
        return;
    }
    if (is_collecting(kiosk)) {
        /* The customer who is being served holds the code up still; the next one waits. */
        if (strcmp(text->text, kiosk->text) != 0)
            scan_retry(kiosk->scan, text->text, BUSY_RETRY_US);
        return;
    }
    trace_present(kiosk->trace, text);
    r = bank_client_present(kiosk->bank, text->text);
    if (r < 0) {
        trace_refused(kiosk->trace);
        scan_retry(kiosk->scan, text->text, BUSY_RETRY_US);
        return;
    }
    snprintf(kiosk->text, sizeof(kiosk->text), "%s", text->text);
}

static void on_hint(void *userdata, enum hint hint)
{
    struct kiosk *kiosk = userdata;

    kiosk->show.hint = hint;
    draw(kiosk);
}

static const struct scan_events scan_events = {.text = on_text, .hint = on_hint};

static bool begins_something(const char *outcome)
{
    return strcmp(outcome, "opening") == 0 || strcmp(outcome, "staff") == 0 ||
           strcmp(outcome, "stocking") == 0;
}

static void on_answer(void *userdata, const struct bank_answer *answer)
{
    struct kiosk *kiosk = userdata;

    if (!*answer->outcome || strcmp(answer->outcome, "busy") == 0) {
        trace_refused(kiosk->trace);
        scan_retry(kiosk->scan, kiosk->text, BUSY_RETRY_US);
        return;
    }
    if (begins_something(answer->outcome)) {
        kiosk->show.refusal = (struct bank_answer){};
    } else {
        trace_refused(kiosk->trace);
        log_info("refused: %s", answer->outcome);
        kiosk->show.refusal = *answer;
        start_timer(kiosk->refusal_over, show_refusal_us(&kiosk->show));
    }
    draw(kiosk);
}

static int on_refusal_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct kiosk *kiosk = userdata;

    kiosk->show.refusal = (struct bank_answer){};
    draw(kiosk);
    return 0;
}

/* ---- what the daemon tells ---- */

static void on_session(void *userdata, const struct bank_session *session)
{
    struct kiosk *kiosk = userdata;
    bool result = strcmp(session->state, "collected") == 0 || strcmp(session->state, "failed") == 0;

    /* Something new has begun: an older refusal is over. */
    if (session->number != 0 && strcmp(session->state, kiosk->show.session.state) != 0)
        kiosk->show.refusal = (struct bank_answer){};
    kiosk->show.session = *session;
    scan_set_wish(kiosk->scan, is_staff(kiosk) ? FRAME_WISH_LABELS : FRAME_WISH_CODES);
    if (result)
        start_timer(kiosk->result_over, SHOW_RESULT_US);
    draw(kiosk);
}

static int on_result_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct kiosk *kiosk = userdata;

    if (!is_idle(kiosk) && !is_collecting(kiosk) && !is_staff(kiosk))
        (void)bank_client_end_session(kiosk->bank, kiosk->show.session.number, "done");
    return 0;
}

static void on_granted(void *userdata, uint64_t session, const struct door_grant *grant)
{
    struct kiosk *kiosk = userdata;

    trace_granted(kiosk->trace, grant);
    door_bank_grant(kiosk->door_bank, grant);
}

static void on_appeared(void *userdata)
{
    struct kiosk *kiosk = userdata;
    struct bank_attach_door doors[DOORS_MAX];
    int r;

    for (uint32_t door = 1; door <= kiosk->doors.n; door++) {
        /* What we still do or have not told yet, the daemon must not judge by the sensor. */
        bool busy = door_bank_busy(kiosk->door_bank, door) || bank_client_owes(kiosk->bank, door);

        doors[door - 1] = (struct bank_attach_door){
            .door = door,
            .state = busy ? "busy" : sensor_name(door_bank_sensor(kiosk->door_bank, door)),
        };
    }
    r = bank_client_attach(kiosk->bank, doors, kiosk->doors.n);
    if (r < 0)
        log_errno(r, "cannot tell the daemon of the doors");
    draw(kiosk);
}

static void on_attached(void *userdata, uint64_t close_timeout_us)
{
    struct kiosk *kiosk = userdata;

    log_info("the daemon is there");
    door_bank_set_close_timeout(kiosk->door_bank, close_timeout_us);
    draw(kiosk);
}

static void on_vanished(void *userdata)
{
    struct kiosk *kiosk = userdata;

    log_warning("the daemon is away; doors that it granted are finished, no others are opened");
    kiosk->show.session = (struct bank_session){};
    draw(kiosk);
}

static const struct bank_client_events bank_events = {
    .appeared = on_appeared,
    .attached = on_attached,
    .vanished = on_vanished,
    .granted = on_granted,
    .session = on_session,
    .answered = on_answer,
};

/* ---- what the doors do ---- */

static void on_report(void *userdata, uint32_t door, enum door_report report, uint64_t grant,
                      uint64_t at_us)
{
    struct kiosk *kiosk = userdata;
    int r;

    log_line(report == DOOR_FORCED || report == DOOR_FAULTY || report == DOOR_NOT_OPENED
                 ? LOG_WARNING
                 : LOG_DEBUG,
             "door %" PRIu32 ": %s, grant %" PRIu64, door, door_report_name(report), grant);
    trace_report(kiosk->trace, report, grant, at_us);
    r = bank_client_report(kiosk->bank, door, report, grant, at_us);
    if (r < 0)
        log_errno(r, "door %" PRIu32 ": '%s' cannot be told", door, door_report_name(report));
}

static void on_coil(void *userdata, const struct lock_event *event)
{
    struct kiosk *kiosk = userdata;

    trace_coil(kiosk->trace, event);
    if (event->type == LOCK_STUCK || event->type == LOCK_RELEASED)
        draw(kiosk);
}

static const struct door_bank_events door_events = {.report = on_report, .coil = on_coil};

/* Feeds the watchdog only while the lock thread lives, and sees to it that a camera that was
 * unplugged shows on the screen. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct kiosk *kiosk = userdata;
    uint64_t age_us = clock_boot_us() - lock_thread_heartbeat_us(kiosk->locks);
    int r;

    if (kiosk->watchdog_us != 0 && age_us < LOCK_THREAD_HEARTBEAT_US)
        (void)sd_notify(0, "WATCHDOG=1");
    scan_tick(kiosk->scan);
    if (what_is_broken(kiosk) != kiosk->show.broken)
        draw(kiosk);
    r = sd_event_source_set_time_relative(source, LOOK_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- beginning and end ---- */

static int load_config(const char *path, struct kiosk_config *config, struct doors *doors)
{
    struct config_mistakes mistakes = {};
    int r = kiosk_config_load(path, config, &mistakes);

    if (r == 0)
        r = doors_load(config->doors_file, doors, &mistakes);
    config_mistakes_print(&mistakes);
    config_mistakes_done(&mistakes);
    return r;
}

static int open_locks(struct kiosk *kiosk)
{
    const struct lock_thread_options options = {
        .doors = &kiosk->doors,
        .rest_us = (uint64_t)kiosk->config.rest_ms * 1000,
        .pulse_max_us = (uint64_t)kiosk->config.pulse_max_ms * 1000,
    };
    _cleanup_free_ char *error = NULL;
    struct lock *lock;
    int r = lock_open(&kiosk->config, &kiosk->doors, &lock, &error);

    if (r < 0) {
        log_error("%s", error ? error : strerror(-r));
        return r;
    }
    r = lock_thread_new(&options, lock, &kiosk->locks);
    if (r == 0)
        r = door_bank_new(kiosk->event, kiosk->locks, kiosk->doors.n, &door_events, kiosk,
                          &kiosk->door_bank);
    return r < 0 ? log_errno(r, "cannot start the locks") : 0;
}

static int add_timers(struct kiosk *kiosk)
{
    int r = sd_event_add_time_relative(kiosk->event, &kiosk->refusal_over, CLOCK_BOOTTIME, 0, 0,
                                       on_refusal_over, kiosk);

    if (r >= 0)
        r = sd_event_source_set_enabled(kiosk->refusal_over, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(kiosk->event, &kiosk->result_over, CLOCK_BOOTTIME, 0, 0,
                                       on_result_over, kiosk);
    if (r >= 0)
        r = sd_event_source_set_enabled(kiosk->result_over, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(kiosk->event, &kiosk->look, CLOCK_BOOTTIME, LOOK_US, 0,
                                       on_look, kiosk);
    if (r >= 0)
        r = sd_event_add_defer(kiosk->event, &kiosk->draw, on_draw, kiosk);
    if (r >= 0)
        r = sd_event_source_set_priority(kiosk->draw, SD_EVENT_PRIORITY_IDLE);
    return r < 0 ? log_errno(r, "cannot start the timers") : 0;
}

int kiosk_new(sd_event *event, const char *config, const char *trace, struct kiosk **ret_kiosk)
{
    _cleanup_(kiosk_freep) struct kiosk *kiosk = calloc(1, sizeof(*kiosk));
    _cleanup_free_ char *error = NULL;
    int r;

    if (!kiosk)
        return -ENOMEM;
    kiosk->event = sd_event_ref(event);
    if (sd_watchdog_enabled(0, &kiosk->watchdog_us) <= 0)
        kiosk->watchdog_us = 0;
    r = load_config(config, &kiosk->config, &kiosk->doors);
    if (r < 0)
        return r;
    kiosk->show.language = kiosk->config.language;
    /* The locks first: whatever else fails, no coil stays on. */
    r = open_locks(kiosk);
    if (r == 0)
        r = trace_open(trace, &kiosk->trace);
    if (r < 0)
        return r;
    r = screen_open(&kiosk->config, &kiosk->doors, event, &kiosk->screen, &error);
    if (r < 0) {
        log_error("%s", error ? error : strerror(-r));
        return r;
    }
    r = scan_new(event, &kiosk->config, &scan_events, kiosk, &kiosk->scan);
    if (r == 0)
        r = add_timers(kiosk);
    if (r < 0)
        return r;
    *ret_kiosk = TAKE_PTR(kiosk);
    return 0;
}

struct kiosk *kiosk_free(struct kiosk *kiosk)
{
    if (!kiosk)
        return NULL;
    kiosk_bus_free(kiosk->bus);
    scan_free(kiosk->scan);
    door_bank_free(kiosk->door_bank);
    lock_thread_free(kiosk->locks);
    bank_client_free(kiosk->bank);
    screen_close(kiosk->screen);
    trace_close(kiosk->trace);
    sd_event_source_disable_unref(kiosk->refusal_over);
    sd_event_source_disable_unref(kiosk->result_over);
    sd_event_source_disable_unref(kiosk->look);
    sd_event_source_disable_unref(kiosk->draw);
    kiosk_config_done(&kiosk->config);
    doors_done(&kiosk->doors);
    sd_event_unref(kiosk->event);
    free(kiosk);
    return NULL;
}

int kiosk_start(struct kiosk *kiosk, const char *bus)
{
    int r = bank_client_new(kiosk->event, bus, &bank_events, kiosk, &kiosk->bank);

    return r < 0 ? r : kiosk_bus_new(bank_client_bus(kiosk->bank), kiosk->scan, &kiosk->bus);
}

int kiosk_release_locks(const char *path)
{
    _cleanup_free_ char *error = NULL;
    struct kiosk_config config;
    struct doors doors = {};
    struct lock *lock;
    int r = load_config(path, &config, &doors);

    if (r == 0) {
        r = lock_open(&config, &doors, &lock, &error);
        if (r < 0)
            log_error("%s", error ? error : strerror(-r));
        else
            lock_close(lock);
    }
    doors_done(&doors);
    kiosk_config_done(&config);
    return r;
}
