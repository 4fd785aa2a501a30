#include "hq/hq-config.h"

#include "common/nearest.h"
#include "common/wire.h"

#include <errno.h>
#include <string.h>

#define ITEM(section, key, type, member, standard, ...)                                            \
    {                                                                                              \
        section, key, type, offsetof(struct hq_config, member), standard, __VA_ARGS__              \
    }
#define MINUTE      INT64_C(60000)
#define DAY         (24 * 60 * MINUTE)
#define WHITE_SPACE " \t,"
#define BRANCH_WORD "branch "
#define NAME_REMEDY "Write 1 to 32 lower-case letters, digits and hyphens."

static const struct config_item items[] = {
    ITEM("broker", "host", CONFIG_STRING, host, NULL, .pattern = ".",
         .remedy = "Write the host name of the MQTT broker."),
    ITEM("broker", "port", CONFIG_INTEGER, port, "8883", .min = 1, .max = UINT16_MAX),
    ITEM("broker", "user", CONFIG_STRING, user, "hq", 0),
    ITEM("broker", "password_file", CONFIG_STRING, password_file, "", 0),
    ITEM("broker", "ca_file", CONFIG_STRING, ca_file, "", 0),
    ITEM("broker", "certificate_file", CONFIG_STRING, certificate_file, "", 0),
    ITEM("broker", "key_file", CONFIG_STRING, key_file, "", 0),
    ITEM("broker", "keepalive", CONFIG_DURATION, keepalive_ms, "30s", .min = 5000,
         .max = 10 * MINUTE),
    ITEM("broker", "backoff_min", CONFIG_DURATION, backoff_min_ms, "1s", .min = 10, .max = MINUTE),
    ITEM("broker", "backoff_max", CONFIG_DURATION, backoff_max_ms, "60s", .min = 10,
         .max = 60 * MINUTE),
    ITEM("broker", "connect_timeout", CONFIG_DURATION, connect_timeout_ms, "15s", .min = 1000,
         .max = 5 * MINUTE),
    ITEM("broker", "ack_repeat", CONFIG_DURATION, ack_repeat_ms, "10s", .min = 100,
         .max = 10 * MINUTE),
};

const struct config_item *hq_config_items(size_t *ret_n)
{
    *ret_n = ELEMENTSOF(items);
    return items;
}

static struct hq_branch *find_branch(const struct hq_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_branches; i++)
        if (strcmp(config->branches[i].name, name) == 0)
            return &config->branches[i];
    return NULL;
}

static struct hq_branch *make_branch(struct hq_config *config, const char *name)
{
    struct hq_branch *list;
    char *copy;

    list = reallocarray(config->branches, config->n_branches + 1, sizeof(*list));
    if (!list)
        return NULL;
    config->branches = list;
    copy = strdup(name);
    if (!copy)
        return NULL;
    list[config->n_branches] = (struct hq_branch){.name = copy, .retention_ms = 30 * DAY};
    return &list[config->n_branches++];
}

static void free_banks(struct hq_branch *branch)
{
    for (size_t i = 0; i < branch->n_banks; i++)
        free(branch->banks[i]);
    free(branch->banks);
    branch->banks = NULL;
    branch->n_banks = 0;
}

static int set_banks(struct hq_branch *branch, const char *value, const char *file, unsigned line,
                     struct config_mistakes *mistakes)
{
    _cleanup_free_ char *copy = strdup(value);
    char *rest = NULL;

    if (!copy)
        return -ENOMEM;
    free_banks(branch);
    for (char *word = strtok_r(copy, WHITE_SPACE, &rest); word;
         word = strtok_r(NULL, WHITE_SPACE, &rest)) {
        char **list;

        if (!wire_bank_valid(word)) {
            config_mistake_add(mistakes, file, line, "'%s' cannot be the name of a bank. %s", word,
                               NAME_REMEDY);
            return -EINVAL;
        }
        list = reallocarray(branch->banks, branch->n_banks + 1, sizeof(*list));
        if (!list)
            return -ENOMEM;
        branch->banks = list;
        list[branch->n_banks] = strdup(word);
        if (!list[branch->n_banks])
            return -ENOMEM;
        branch->n_banks++;
    }
    return 1;
}

static int set_member(struct hq_branch *branch, const char *key, const char *value,
                      const char *file, unsigned line, struct config_mistakes *mistakes)
{
    int64_t number;

    if (strcmp(key, "banks") == 0)
        return set_banks(branch, value, file, line, mistakes);
    if (strcmp(key, "number") == 0) {
        if (config_parse_integer(value, &number) >= 0 && number >= 1 && number <= UINT16_MAX) {
            branch->number = number;
            return 1;
        }
        config_mistake_add(mistakes, file, line,
                           "number = %s must be an integer from 1 to 65535. Give each branch its "
                           "own; the codes carry it.",
                           value);
    } else if (strcmp(key, "retention") == 0) {
        if (config_parse_duration_ms(value, &number) >= 0 && number >= DAY &&
            number <= 3650 * DAY) {
            branch->retention_ms = number;
            return 1;
        }
        config_mistake_add(mistakes, file, line,
                           "retention = %s must be a time from 1d to 3650d. Write, for example, "
                           "30d.",
                           value);
    } else {
        config_mistake_add(mistakes, file, line,
                           "Unknown key '%s' in [branch %s]. Known there: number, banks, "
                           "retention.",
                           key, branch->name);
    }
    return -EINVAL;
}

static int take_section(void *target, const char *section, const char *key, const char *value,
                        const char *file, unsigned line, struct config_mistakes *mistakes)
{
    struct hq_config *config = target;
    struct hq_branch *branch;
    const char *name;

    if (strncmp(section, BRANCH_WORD, strlen(BRANCH_WORD)) != 0)
        return 0;
    name = section + strlen(BRANCH_WORD);
    if (!wire_bank_valid(name)) {
        config_mistake_add(mistakes, file, line, "'%s' cannot be the name of a branch. %s", name,
                           NAME_REMEDY);
        return -EINVAL;
    }
    branch = find_branch(config, name) ?: make_branch(config, name);
    if (!branch)
        return -ENOMEM;
    return set_member(branch, key, value, file, line, mistakes);
}

/* Names and numbers that must differ over the whole file. */
static int check_branches(const char *path, const struct hq_config *config,
                          struct config_mistakes *mistakes)
{
    if (config->n_branches == 0)
        return config_mistake_add(mistakes, path, 0,
                                  "There is no branch. Add [branch NAME] with number= and banks=.");
    for (size_t i = 0; i < config->n_branches; i++) {
        const struct hq_branch *branch = &config->branches[i];

        if (branch->number == 0)
            config_mistake_add(mistakes, path, 0,
                               "number is missing in [branch %s]. Write the branch's number, 1 to "
                               "65535.",
                               branch->name);
        if (branch->n_banks == 0)
            config_mistake_add(mistakes, path, 0,
                               "banks is missing in [branch %s]. Write the names of its banks.",
                               branch->name);
        for (size_t k = 0; k < i; k++)
            if (branch->number && config->branches[k].number == branch->number)
                config_mistake_add(mistakes, path, 0,
                                   "[branch %s] and [branch %s] both have number %lld. Give each "
                                   "its own.",
                                   config->branches[k].name, branch->name,
                                   (long long)branch->number);
        for (size_t k = 0; k < branch->n_banks; k++)
            if (hq_config_branch_of(config, branch->banks[k]) != branch)
                config_mistake_add(mistakes, path, 0,
                                   "Bank %s belongs to two branches. Remove it from one of them.",
                                   branch->banks[k]);
    }
    return 0;
}

static int resolve(const char *file, bool credential, char **path)
{
    char *resolved = config_path(file, *path, credential);

    if (!resolved)
        return -ENOMEM;
    free(*path);
    *path = resolved;
    return 0;
}

int hq_config_load(const char *path, struct hq_config *ret_config,
                   struct config_mistakes *ret_mistakes)
{
    char **credentials[] = {&ret_config->password_file, &ret_config->certificate_file,
                            &ret_config->key_file};
    int r, load;

    memset(ret_config, 0, sizeof(*ret_config));
    load = config_load(path, items, ELEMENTSOF(items), ret_config, take_section, ret_mistakes);
    if (load < 0)
        return load;
    check_branches(path, ret_config, ret_mistakes);
    if (ret_config->backoff_min_ms > ret_config->backoff_max_ms)
        config_mistake_add(ret_mistakes, path, 0,
                           "[broker] backoff_min is longer than backoff_max. Make it shorter.");
    if (*ret_config->certificate_file && (!*ret_config->key_file || !*ret_config->ca_file))
        config_mistake_add(ret_mistakes, path, 0,
                           "[broker] certificate_file needs key_file and ca_file. Give all three.");
    r = resolve(path, false, &ret_config->ca_file);
    for (size_t i = 0; i < ELEMENTSOF(credentials) && r >= 0; i++)
        r = resolve(path, true, credentials[i]);
    if (r < 0)
        return r;
    return ret_mistakes->n > 0 ? -EINVAL : 0;
}

void hq_config_done(struct hq_config *config)
{
    for (size_t i = 0; i < config->n_branches; i++) {
        free_banks(&config->branches[i]);
        free(config->branches[i].name);
    }
    free(config->branches);
    config->branches = NULL;
    config->n_branches = 0;
    config_free(items, ELEMENTSOF(items), config);
}

const struct hq_branch *hq_config_branch(const struct hq_config *config, const char *name)
{
    return find_branch(config, name);
}

const struct hq_branch *hq_config_branch_of(const struct hq_config *config, const char *bank)
{
    for (size_t i = 0; i < config->n_branches; i++)
        for (size_t k = 0; k < config->branches[i].n_banks; k++)
            if (strcmp(config->branches[i].banks[k], bank) == 0)
                return &config->branches[i];
    return NULL;
}

const char *hq_config_nearest_branch(const struct hq_config *config, const char *name)
{
    _cleanup_free_ const char **names = calloc(config->n_branches + 1, sizeof(*names));

    if (!names)
        return NULL;
    for (size_t i = 0; i < config->n_branches; i++)
        names[i] = config->branches[i].name;
    return nearest_word(name, names, config->n_branches);
}
