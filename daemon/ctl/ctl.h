/* pickupctl: shared by its own files only. */
#pragma once

#include "common/cleanup.h"

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/* What pickupctl ends with. */
enum {
    CTL_DONE = 0,
    CTL_REFUSED = 1, /* the daemon said no, and why */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
};

struct ctl {
    sd_bus *bus;
    bool json;
    const char *reason, *state, *text, *save; /* options of single verbs */
    int64_t after, limit, offset, camera;
};

/* A verb with its arguments; returns one of the codes above. */
typedef int (*ctl_fn)(struct ctl *ctl, int argc, char **argv);

/* ctl-bus.c. Calls one method; on failure says on stderr what happened and what to do, and returns
 * CTL_REFUSED or CTL_UNREACHABLE. `types` and the arguments are those of sd_bus_message_append().
 */
int ctl_connect(struct ctl *ctl, const char *address);
int ctl_call(struct ctl *ctl, const char *method, sd_bus_message **ret_reply, const char *types,
             ...);
/* The same of the kiosk, io.pickupd.Kiosk1. */
int ctl_call_kiosk(struct ctl *ctl, const char *method, sd_bus_message **ret_reply,
                   const char *types, ...);
/* The next element of a message as JSON: a{sv} becomes an object, structs and arrays arrays. */
json_t *ctl_json(sd_bus_message *message);
/* A whole reply as an array of its elements. */
json_t *ctl_call_json(struct ctl *ctl, int *ret_code, const char *method, const char *types, ...);

/* ctl-table.c. `rows` is an array of objects; the columns are `keys`. Fits the terminal; the last
 * column is cut. Takes `rows`. */
void ctl_print_table(json_t *rows, const char *const *keys);
void ctl_print_json(json_t *value);

/* ctl-read.c */
int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_session(struct ctl *ctl, int argc, char **argv);
int ctl_orders(struct ctl *ctl, int argc, char **argv);
int ctl_order(struct ctl *ctl, int argc, char **argv);
int ctl_doors(struct ctl *ctl, int argc, char **argv);
int ctl_events(struct ctl *ctl, int argc, char **argv);

/* ctl-do.c */
int ctl_present(struct ctl *ctl, int argc, char **argv);
int ctl_number(struct ctl *ctl, int argc, char **argv);
int ctl_stock(struct ctl *ctl, int argc, char **argv);
int ctl_retrieve(struct ctl *ctl, int argc, char **argv);
int ctl_inspect(struct ctl *ctl, int argc, char **argv);
int ctl_resolve(struct ctl *ctl, int argc, char **argv);
int ctl_door(struct ctl *ctl, int argc, char **argv);
int ctl_id_check(struct ctl *ctl, int argc, char **argv);
int ctl_clock(struct ctl *ctl, int argc, char **argv);
int ctl_dispute(struct ctl *ctl, int argc, char **argv);

/* ctl-config.c */
int ctl_check_config(struct ctl *ctl, int argc, char **argv);

/* ctl-camera.c */
int ctl_camera(struct ctl *ctl, int argc, char **argv);

/* ctl-test-card.c */
int ctl_test_card(struct ctl *ctl, int argc, char **argv);

/* ctl-watch.c */
int ctl_watch(struct ctl *ctl, int argc, char **argv);
