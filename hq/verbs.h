/* The verbs of pickup-hq. Each is a process of its own on the same store; those that change what
 * the banks get commit and then wake the running `serve`. */
#pragma once

#include "hq/hq-config.h"
#include "hq/keys.h"
#include "hq/store.h"

/* Exit codes. */
enum verb_exit {
    EXIT_GOOD = 0,
    EXIT_PARTLY = 1, /* some of it was rejected, or was not found */
    EXIT_FAILED = 2, /* could not be done at all */
    EXIT_USAGE = 64, /* the command line cannot be understood (EX_USAGE) */
};

struct context {
    const char *config_path;
    const char *state; /* folder */
    struct hq_config config;
    struct store *store; /* NULL before `init` */
    int database_lock;   /* hq_hold_database(); -1 = none */
    bool json;           /* --json was given */
};

/* `argv[0]` is the verb. Return an exit code. */
int verb_init(struct context *context, int argc, char **argv);
int verb_serve(struct context *context, int argc, char **argv);
int verb_import(struct context *context, int argc, char **argv);
int verb_orders(struct context *context, int argc, char **argv);
int verb_order(struct context *context, int argc, char **argv);
int verb_cancel(struct context *context, int argc, char **argv);
int verb_hold(struct context *context, int argc, char **argv);
int verb_release(struct context *context, int argc, char **argv);
int verb_handover(struct context *context, int argc, char **argv);
int verb_move(struct context *context, int argc, char **argv);
int verb_pending(struct context *context, int argc, char **argv);
int verb_status(struct context *context, int argc, char **argv);
int verb_bank(struct context *context, int argc, char **argv);
int verb_clock(struct context *context, int argc, char **argv);
int verb_banks(struct context *context, int argc, char **argv);
int verb_code(struct context *context, int argc, char **argv);
int verb_badge(struct context *context, int argc, char **argv);
int verb_events(struct context *context, int argc, char **argv);
int verb_verify(struct context *context, int argc, char **argv);
int verb_backup(struct context *context, int argc, char **argv);
int verb_restore(struct context *context, int argc, char **argv);
int verb_command(struct context *context, int argc, char **argv);

/* --- options (options.c) ---------------------------------------------------------------------- */

/* One option of a verb, "--name=VALUE", or "--name" when it is a flag. */
struct verb_option {
    const char *name;
    const char **text; /* the value, points into argv */
    int64_t *number;   /* or as a whole number from `min` to `max` */
    int64_t min, max;
    bool *flag; /* or just that it was given */
};

/* Takes the options and leaves the other words, of which there must be `min_words` to `max_words`,
 * in argv[1] …; --json is always known. Returns their number, or says what is wrong with usage()
 * and returns -EINVAL. */
int verb_options(struct context *context, int argc, char **argv, const struct verb_option *options,
                 size_t n_options, int min_words, int max_words);

/* Logs that the store said no, and returns EXIT_FAILED. */
int verb_store_failed(const struct context *context, int error);
