/* The customer's screen: a state in, a picture out. */
#pragma once

#include "common/cleanup.h"
#include "common/doors.h"
#include "common/kiosk-config.h"

#include <systemd/sd-event.h>

enum screen_kind {
    SCREEN_ATTRACT,    /* hold your code to the camera */
    SCREEN_HINT,       /* the code cannot be read: outcome says what to do (kiosk/hint.h) */
    SCREEN_WAIT,       /* the daemon is away or starting */
    SCREEN_OPENING,    /* the door is being opened */
    SCREEN_TAKE,       /* it is open */
    SCREEN_CLOSE,      /* it is open for too long */
    SCREEN_NOT_OPENED, /* this door failed; the others go on */
    SCREEN_COLLECTED,  /* all that could be opened was */
    SCREEN_FAILED,     /* no door could be opened */
    SCREEN_REFUSED,
    SCREEN_STAFF, /* the next label, please */
    SCREEN_STOCK_OPENING,
    SCREEN_STOCK_PLACE,
    SCREEN_STOCK_CONFIRM,
    SCREEN_RETRIEVE_OPENING,
    SCREEN_RETRIEVE_TAKE,
    SCREEN_INSPECT_OPENING,
    SCREEN_INSPECT_OPEN,
    SCREEN_OUT_OF_SERVICE, /* text: why, for staff */
    SCREEN_KINDS
};

struct screen_state {
    enum screen_kind kind;
    char language[16];  /* "zh-Hans" … as in [screen] language; another one = English */
    uint32_t door;      /* 0 = none */
    unsigned index, of; /* the index-th of so many parcels; 0 = not known */
    char order[80], display[80], parcel[80];
    char outcome[24];        /* REFUSED: one of the outcomes in docs/dbus.md; HINT: its name */
    char text[160];          /* the other bank's name, the reason */
    int64_t at_ms;           /* too_early, expired, collected: when; 0 = not known */
    unsigned opened, failed; /* COLLECTED */
    unsigned stocked;        /* STAFF */
};

/* "attract", "opening" …; NULL for no kind. */
const char *screen_kind_name(enum screen_kind kind);

struct screen;

/* Opens the backend that `config` names. `doors` must outlive the screen: the map of the bank is
 * drawn from them. On failure -errno and *ret_error a sentence that says what is wrong and what to
 * do (owned by the caller; NULL without memory). */
int screen_open(const struct kiosk_config *config, const struct doors *doors, sd_event *event,
                struct screen **ret_screen, char **ret_error);
/* Draws and shows. The same state again draws nothing: bytes are compared, so begin with {}. */
int screen_show(struct screen *screen, const struct screen_state *state);
/* Accepts NULL; returns NULL. */
struct screen *screen_close(struct screen *screen);
DEFINE_CLEANUP(struct screen *, screen_close);
