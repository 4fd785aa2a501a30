/* pickup-hq serve: the inner parts. One loop, one store, one MQTT thread. What banks send is
 * gathered into one transaction until the socket is drained (group commit); nothing is acknowledged
 * or published before its commit. */
#pragma once

#include "hq/verbs.h"

#include "common/link-health.h"
#include "common/wire.h"

/* What is owed to a bank. Nothing here must survive: all of it is asked for again. */
struct serve_bank {
    const char *name;
    size_t branch;   /* index in the configuration */
    int64_t reached; /* through which it has or was sent the feed without a gap; -1 = not known */
    struct wire_ack ack;
    bool ack_due;    /* to be sent after the commit */
    bool ack_repeat; /* once more with the next tick */
    bool news_due;   /* to be told the newest seq, so that it fetches */
    bool told;       /* was told and has not answered yet */
};

/* An answer to up/fetch that is being sent. */
struct serve_answer {
    struct serve_bank *bank;
    int64_t at;        /* through which it was sent */
    int64_t end;       /* what it will bring; -1 = not looked up yet */
    int64_t max_bytes; /* of documents */
};

struct serve {
    struct context *context;
    struct store *store;
    struct mqtt *mqtt;
    struct link_health health; /* of the connection to the broker */
    uint8_t feed_seed[KEY_BYTES];
    char feed[UUID_LENGTH + 1];
    struct serve_bank *banks; /* by name */
    size_t n_banks;
    bool *unsettled;              /* per branch: banks have moved on in this batch */
    int64_t *pushed;              /* per branch: the seq that the banks were told of */
    struct serve_answer *answers; /* first come, first served; room for two a bank */
    size_t n_answers;
    bool batch; /* a transaction is open */
    uint64_t batch_began_us;
    uint64_t failed_us; /* when it was last said that the store fails; 0 = never */
    unsigned batch_rows;
};

/* NULL when the configuration has no such bank. */
struct serve_bank *serve_find_bank(struct serve *serve, const char *name);
/* Opens the transaction unless it is. */
int serve_batch(struct serve *serve);
/* Signs and publishes; -EAGAIN = later, -ENOTCONN. */
int serve_publish(struct serve *serve, const struct serve_bank *bank, enum wire_topic topic,
                  const char *json, size_t n_json);

/* --- serve-feed.c: the orders feed ------------------------------------------------------------ */

/* up/fetch. */
int serve_fetch(struct serve *serve, struct serve_bank *bank, const char *json, size_t n);
/* up/applied. */
int serve_applied(struct serve *serve, struct serve_bank *bank, const char *json, size_t n);
/* Sends what was committed since the last time to the banks of its branch. Outside a batch only. */
int serve_push(struct serve *serve);
/* Every bank is to be told the newest seq: we were away. */
void serve_announce(struct serve *serve);
/* Banks that did not answer may be told again. */
void serve_feed_repeat(struct serve *serve);
/* Goes on with announcements and answers as far as the connection takes them. Outside a batch. */
int serve_feed_pump(struct serve *serve);

/* --- serve-events.c: the events feed ---------------------------------------------------------- */

/* up/events. */
int serve_events(struct serve *serve, struct serve_bank *bank, const char *json, size_t n);
/* up/status. */
int serve_status(struct serve *serve, struct serve_bank *bank, const char *json, size_t n);
/* Sends the acknowledgements that are due. Outside a batch only. */
int serve_acks_pump(struct serve *serve);
/* Makes those due that are to be repeated. */
void serve_acks_repeat(struct serve *serve);

/* --- serve-command.c -------------------------------------------------------------------------- */

/* up/reply. */
int serve_reply(struct serve *serve, struct serve_bank *bank, const char *json, size_t n);
/* Sends the commands that wait. Outside a batch only. */
int serve_commands_pump(struct serve *serve);
