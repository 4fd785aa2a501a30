#include "hq/hq.h"
#include "hq/book.h"
#include "hq/keys.h"
#include "hq/verbs.h"

#include "common/code.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static json_t *key_document(const char *name, const char *purpose, int key_id,
                            const uint8_t seed[KEY_BYTES])
{
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    uint8_t public_key[CODE_PUBLIC_KEY_BYTES];

    code_public_key(seed, public_key);
    sodium_bin2base64(text, sizeof(text), public_key, sizeof(public_key),
                      sodium_base64_VARIANT_ORIGINAL);
    return json_pack("{s:s,s:s,s:i,s:i,s:s,s:i,s:s,s:b}", "kind", "key", "key", name, "rev", 0,
                     "seq", 0, "purpose", purpose, "key_id", key_id, "public", text, "revoked", 0);
}

static json_t *policy_document(const struct hq_branch *branch)
{
    json_t *banks = json_array();

    for (size_t i = 0; i < branch->n_banks; i++)
        json_array_append_new(banks, json_string(branch->banks[i]));
    return json_pack("{s:s,s:s,s:i,s:i,s:I,s:I,s:o}", "kind", "policy", "policy", "branch", "rev",
                     0, "seq", 0, "number", (json_int_t)branch->number, "retention_s",
                     (json_int_t)(branch->retention_ms / 1000), "banks", banks);
}

/* Takes `document`. */
static int publish(struct store *store, const char *branch, const char *kind, const char *name,
                   json_t *document, bool *changed)
{
    int r = document ? book_publish(store, branch, kind, name, document) : -ENOMEM;

    json_decref(document);
    *changed |= r > 0;
    return r;
}

int hq_publish(struct store *store, const struct hq_config *config, const char *state,
               char **ret_error)
{
    uint8_t code_seed[KEY_BYTES], badge_seed[KEY_BYTES];
    bool changed = false;
    int r = key_load(state, KEY_CODE, code_seed, ret_error);

    if (r >= 0)
        r = key_load(state, KEY_BADGE, badge_seed, ret_error);
    for (size_t i = 0; i < config->n_branches && r >= 0; i++) {
        const char *branch = config->branches[i].name;

        r = publish(store, branch, "key", "code-1",
                    key_document("code-1", "code", CODE_KEY_ID, code_seed), &changed);
        if (r >= 0)
            r = publish(store, branch, "key", "badge-1",
                        key_document("badge-1", "badge", BADGE_KEY_ID, badge_seed), &changed);
        if (r >= 0)
            r = publish(store, branch, "key", "number",
                        json_pack("{s:s,s:s,s:i,s:i,s:s,s:i}", "kind", "key", "key", "number",
                                  "rev", 0, "seq", 0, "purpose", "number", "generation", 1),
                        &changed);
        if (r >= 0)
            r = publish(store, branch, "policy", "branch", policy_document(&config->branches[i]),
                        &changed);
    }
    sodium_memzero(code_seed, sizeof(code_seed));
    sodium_memzero(badge_seed, sizeof(badge_seed));
    return r < 0 ? r : changed;
}

void hq_poke(const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (folder < 0 || fd < 0)
        return;
    /* Through the folder's descriptor, because a socket's path has room for 107 bytes only. */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" HQ_SOCKET, folder);
    (void)sendto(fd, "!", 1, 0, (const struct sockaddr *)&address, sizeof(address));
}

int hq_lock(const char *state, int *ret_fd)
{
    _cleanup_free_ char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/serve.lock", state) < 0)
        return -ENOMEM;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return log_errno(errno, "%s cannot be made", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        log_error("Another pickup-hq serve runs on %s. Stop it first.", state);
        close(fd);
        return -EBUSY;
    }
    *ret_fd = fd;
    return 0;
}

bool hq_is_served(const char *state)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;

    if (asprintf(&path, "%s/serve.lock", state) < 0) {
        path = NULL;
        return false;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int hq_hold_database(const char *state, bool replace, int *ret_fd)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    int how = replace ? LOCK_EX : LOCK_SH, r;

    *ret_fd = -1;
    if (asprintf(&path, "%s/hq.db.lock", state) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return errno == ENOENT ? 0 : log_errno(errno, "%s cannot be made", path);
    r = flock(fd, how | LOCK_NB) < 0 ? -errno : 0;
    if (r == -EWOULDBLOCK) {
        if (replace)
            log_notice("Other pickup-hq commands use %s; waiting for their end.", state);
        do
            r = flock(fd, how) < 0 ? -errno : 0;
        while (r == -EINTR);
    }
    if (r < 0)
        return log_errno(r, "%s cannot be locked", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int make_folder(const char *state)
{
    if (mkdir(state, 0750) < 0 && errno != EEXIST) {
        log_error("%s cannot be made: %s. Make the folder above it first.", state, strerror(errno));
        return -errno;
    }
    return 0;
}

static int set_up(struct context *context, struct store *store, char **ret_error)
{
    char feed[UUID_LENGTH + 1];
    int r = store_begin(store);

    if (r >= 0 && store_feed(store, feed) == -ENODATA)
        r = store_new_feed(store, feed);
    if (r >= 0)
        r = hq_publish(store, &context->config, context->state, ret_error);
    if (r >= 0)
        r = store_commit(store);
    if (r < 0)
        store_rollback(store);
    return r;
}

int verb_init(struct context *context, int argc, char **argv)
{
    _cleanup_(store_freep) struct store *store = NULL;
    _cleanup_free_ char *error = NULL;
    int r = verb_options(context, argc, argv, NULL, 0, 0, 0);

    if (r < 0)
        return EXIT_USAGE;
    r = make_folder(context->state);
    if (r == 0)
        r = hq_hold_database(context->state, false, &context->database_lock);
    if (r < 0)
        return EXIT_FAILED;
    r = keys_make(context->state, &error);
    if (r >= 0)
        r = store_open(context->state, true, &store, &error);
    if (r >= 0)
        r = set_up(context, store, &error);
    if (r < 0) {
        log_error("%s", error ?: strerror(-r));
        return EXIT_FAILED;
    }
    hq_poke(context->state);
    if (context->json)
        printf("{\"state\":\"ready\",\"branches\":%zu}\n", context->config.n_branches);
    else
        printf("%s is ready. Copy feed.pub and number.key to each bank; back up the other keys.\n",
               context->state);
    return EXIT_GOOD;
}
