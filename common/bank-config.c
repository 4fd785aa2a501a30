#include "common/bank-config.h"

#include <errno.h>
#include <string.h>

#define ITEM(section, key, type, member, standard, ...)                                            \
    {                                                                                              \
        section, key, type, offsetof(struct bank_config, member), standard, __VA_ARGS__            \
    }
#define NAME_PATTERN "^[a-z0-9-]{1,32}$"
#define NAME_REMEDY  "Write 1 to 32 lower-case letters, digits and hyphens."
#define MINUTE       INT64_C(60000)
#define DAY          (24 * 60 * MINUTE)

static const struct config_item items[] = {
    ITEM("bank", "name", CONFIG_STRING, name, NULL, .pattern = NAME_PATTERN, .remedy = NAME_REMEDY),
    ITEM("bank", "branch", CONFIG_STRING, branch, NULL, .pattern = NAME_PATTERN,
         .remedy = NAME_REMEDY),
    ITEM("bank", "branch_number", CONFIG_INTEGER, branch_number, NULL, .min = 1, .max = UINT16_MAX),
    ITEM("bank", "doors_file", CONFIG_STRING, doors_file, "doors.conf", 0),
    ITEM("hq", "host", CONFIG_STRING, host, NULL, .pattern = ".",
         .remedy = "Write the host name of the MQTT broker."),
    ITEM("hq", "port", CONFIG_INTEGER, port, "8883", .min = 1, .max = UINT16_MAX),
    ITEM("hq", "user", CONFIG_STRING, user, "", 0),
    ITEM("hq", "password_file", CONFIG_STRING, password_file, "", 0),
    ITEM("hq", "ca_file", CONFIG_STRING, ca_file, "", 0),
    ITEM("hq", "certificate_file", CONFIG_STRING, certificate_file, "", 0),
    ITEM("hq", "key_file", CONFIG_STRING, key_file, "", 0),
    ITEM("hq", "feed_key", CONFIG_STRING, feed_key, "feed.pub", 0),
    ITEM("hq", "keepalive", CONFIG_DURATION, keepalive_ms, "30s", .min = 5000, .max = 10 * MINUTE),
    ITEM("hq", "backoff_min", CONFIG_DURATION, backoff_min_ms, "1s", .min = 10, .max = MINUTE),
    ITEM("hq", "backoff_max", CONFIG_DURATION, backoff_max_ms, "60s", .min = 10,
         .max = 60 * MINUTE),
    ITEM("hq", "connect_timeout", CONFIG_DURATION, connect_timeout_ms, "15s", .min = 1000,
         .max = 5 * MINUTE),
    ITEM("hq", "poll", CONFIG_DURATION, poll_ms, "10min", .min = 1000, .max = DAY),
    ITEM("hq", "resend", CONFIG_DURATION, resend_ms, "10s", .min = 100, .max = 10 * MINUTE),
    ITEM("hq", "status", CONFIG_DURATION, status_ms, "60s", .min = 100, .max = 60 * MINUTE),
    ITEM("hq", "fetch_bytes", CONFIG_SIZE, fetch_bytes, "1M", .min = 128 << 10, .max = 64 << 20),
    ITEM("keys", "number_key", CONFIG_STRING, number_key, "number.key", 0),
    ITEM("doors", "open_timeout", CONFIG_DURATION, open_timeout_ms, "2500ms", .min = 100,
         .max = 10000),
    ITEM("doors", "close_timeout", CONFIG_DURATION, close_timeout_ms, "60s", .min = 1000,
         .max = 30 * MINUTE),
    ITEM("doors", "pulses", CONFIG_INTEGER, pulses, "3", .min = 1, .max = 5),
    ITEM("doors", "report_timeout", CONFIG_DURATION, report_timeout_ms, "30s", .min = 11000,
         .max = 10 * MINUTE),
    ITEM("clock", "source", CONFIG_STRING, clock_source, "kernel", .pattern = "^(kernel|file)$",
         .remedy = "Write kernel or file."),
    ITEM("clock", "file", CONFIG_STRING, clock_file, "/run/systemd/timesync/synchronized", 0),
    ITEM("clock", "file_age", CONFIG_DURATION, clock_file_age_ms, "1h", .min = 1000, .max = DAY),
    ITEM("clock", "holdover", CONFIG_DURATION, holdover_ms, "3d", .min = 0, .max = 30 * DAY),
    ITEM("store", "event_keep", CONFIG_DURATION, event_keep_ms, "30d", .min = DAY,
         .max = 3650 * DAY),
    ITEM("store", "order_keep", CONFIG_DURATION, order_keep_ms, "90d", .min = DAY,
         .max = 3650 * DAY),
    ITEM("store", "outbox_max", CONFIG_INTEGER, outbox_max, "500000", .min = 1000,
         .max = 100000000),
    ITEM("store", "reserve", CONFIG_SIZE, reserve_bytes, "32M", .min = 0, .max = INT64_C(1) << 40),
    ITEM("store", "retention", CONFIG_DURATION, retention_ms, "30d", .min = DAY, .max = 3650 * DAY),
    ITEM("staff", "session_timeout", CONFIG_DURATION, session_timeout_ms, "2min", .min = 5000,
         .max = 60 * MINUTE),
};

const struct config_item *bank_config_items(size_t *ret_n)
{
    *ret_n = ELEMENTSOF(items);
    return items;
}

static int resolve(const char *file, bool credential, char **path)
{
    char *resolved;

    if (!*path)
        return 0; /* not given, which is among the mistakes already */
    resolved = config_path(file, *path, credential);
    if (!resolved)
        return -ENOMEM;
    free(*path);
    *path = resolved;
    return 0;
}

/* After a mistake a member may be missing altogether. */
static bool given(const char *value)
{
    return value && *value;
}

/* Mistakes that only several keys together show. */
static int check(const char *path, const struct bank_config *config,
                 struct config_mistakes *mistakes)
{
    int r = 0;

    if (config->backoff_min_ms > config->backoff_max_ms)
        r = config_mistake_add(mistakes, path, 0,
                               "[hq] backoff_min is longer than backoff_max. Make it shorter.");
    if (r != -ENOMEM && config->order_keep_ms < config->retention_ms)
        r = config_mistake_add(mistakes, path, 0,
                               "[store] order_keep is shorter than retention. Make it at least as "
                               "long.");
    if (r != -ENOMEM && given(config->certificate_file) && !given(config->key_file))
        r = config_mistake_add(mistakes, path, 0,
                               "[hq] certificate_file is given without key_file. Give both.");
    if (r != -ENOMEM && given(config->certificate_file) && !given(config->ca_file))
        r = config_mistake_add(mistakes, path, 0,
                               "[hq] certificate_file is given without ca_file, so the broker "
                               "could be anybody. Give the CA's certificate.");
    return r == -ENOMEM ? r : 0;
}

int bank_config_load(const char *path, struct bank_config *ret_config,
                     struct config_mistakes *ret_mistakes)
{
    int r, load;

    memset(ret_config, 0, sizeof(*ret_config));
    load = config_load(path, items, ELEMENTSOF(items), ret_config, NULL, ret_mistakes);
    if (load < 0 && load != -EINVAL)
        return load;
    r = check(path, ret_config, ret_mistakes);
    if (r < 0)
        return r;
    if (ret_config->user && ret_config->name && !*ret_config->user) {
        free(ret_config->user);
        ret_config->user = strdup(ret_config->name);
        if (!ret_config->user)
            return -ENOMEM;
    }
    char **files[] = {&ret_config->doors_file, &ret_config->ca_file, &ret_config->clock_file};
    char **credentials[] = {&ret_config->password_file, &ret_config->certificate_file,
                            &ret_config->key_file, &ret_config->feed_key, &ret_config->number_key};

    for (size_t i = 0; i < ELEMENTSOF(files); i++)
        if (resolve(path, false, files[i]) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < ELEMENTSOF(credentials); i++)
        if (resolve(path, true, credentials[i]) < 0)
            return -ENOMEM;
    return ret_mistakes->n > 0 ? -EINVAL : 0;
}

void bank_config_done(struct bank_config *config)
{
    config_free(items, ELEMENTSOF(items), config);
}
