#include "fault-rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES_MAX 32

struct rule {
    unsigned ops; /* bits of enum fault_op */
    enum fault_file_kind kind;
    bool any_kind, onwards;
    long at, seen;
    enum fault_action action;
};

static struct {
    struct rule rules[RULES_MAX];
    unsigned n;
    int64_t quota;
    struct stat read; /* of the file, when it was read */
    bool loaded;
} state = {.quota = INT64_MAX};

static const struct {
    const char *name;
    unsigned ops;
} op_names[] = {
    {"open", 1u << FAULT_OP_OPEN},
    {"read", 1u << FAULT_OP_READ},
    {"write", 1u << FAULT_OP_WRITE},
    {"grow", 1u << FAULT_OP_GROW},
    {"sync", 1u << FAULT_OP_SYNC},
    {"truncate", 1u << FAULT_OP_TRUNCATE},
    {"delete", 1u << FAULT_OP_DELETE},
    {"change",
     1u << FAULT_OP_WRITE | 1u << FAULT_OP_SYNC | 1u << FAULT_OP_TRUNCATE | 1u << FAULT_OP_DELETE},
};

static const char *const action_names[] = {
    [FAULT_FULL] = "full",   [FAULT_EIO] = "eio",   [FAULT_READONLY] = "readonly",
    [FAULT_FLIP] = "flip",   [FAULT_KILL] = "kill", [FAULT_KILL_AFTER] = "kill-after",
    [FAULT_POWER] = "power", [FAULT_TORN] = "torn",
};

static void mistake(const char *line)
{
    fprintf(stderr, "fault-vfs: PICKUP_FAULTS has no such rule: %s\n", line);
    abort();
}

static void read_rule(const char *line, char *op, const char *when, const char *action)
{
    struct rule rule = {.any_kind = true};
    char *kind = strchr(op, '@'), *rest;

    if (state.n == RULES_MAX)
        mistake(line);
    if (kind) {
        *kind++ = '\0';
        rule.any_kind = false;
        rule.kind = strcmp(kind, "wal") == 0 ? FAULT_FILE_WAL : FAULT_FILE_DB;
    }
    for (size_t i = 0; i < sizeof(op_names) / sizeof(*op_names); i++)
        if (strcmp(op, op_names[i].name) == 0)
            rule.ops = op_names[i].ops;
    rule.at = strtol(when, &rest, 10);
    rule.onwards = *rest == '+';
    for (size_t i = FAULT_FULL; i < sizeof(action_names) / sizeof(*action_names); i++)
        if (strcmp(action, action_names[i]) == 0)
            rule.action = (enum fault_action)i;
    if (!rule.ops || rule.at < 1 || rule.action == FAULT_NONE)
        mistake(line);
    state.rules[state.n++] = rule;
}

static void load(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[200], op[32], when[32], action[32];

    state.n = 0;
    state.quota = INT64_MAX;
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        int n = sscanf(line, "%31s %31s %31s", op, when, action);

        if (n <= 0 || *op == '#')
            continue;
        if (n == 2 && strcmp(op, "quota") == 0)
            state.quota = strtoll(when, NULL, 10);
        else if (n == 3)
            read_rule(line, op, when, action);
        else
            mistake(line);
    }
    fclose(file);
}

static const char *follow_file(void)
{
    const char *path = getenv("PICKUP_FAULTS");
    struct stat now = {};

    if (!path)
        return NULL;
    if (stat(path, &now) < 0)
        memset(&now, 0, sizeof(now));
    if (state.loaded && now.st_ino == state.read.st_ino && now.st_size == state.read.st_size &&
        now.st_mtim.tv_sec == state.read.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == state.read.st_mtim.tv_nsec)
        return path;
    load(path);
    state.read = now;
    state.loaded = true;
    return path;
}

enum fault_action fault_rules_judge(enum fault_op op, enum fault_file_kind kind)
{
    enum fault_action action = FAULT_NONE;

    if (!follow_file())
        return FAULT_NONE;
    for (unsigned i = 0; i < state.n; i++) {
        struct rule *rule = &state.rules[i];

        if (!(rule->ops & 1u << op) || (!rule->any_kind && rule->kind != kind))
            continue;
        rule->seen++;
        if (action == FAULT_NONE &&
            (rule->onwards ? rule->seen >= rule->at : rule->seen == rule->at))
            action = rule->action;
    }
    return action;
}

int64_t fault_rules_quota(void)
{
    return follow_file() ? state.quota : INT64_MAX;
}

void fault_rules_note(const char *what, const char *path)
{
    const char *rules = follow_file();
    char name[4096], line[4200];
    int fd, n;

    if (!rules)
        return;
    snprintf(name, sizeof(name), "%s.hits", rules);
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    n = snprintf(line, sizeof(line), "%s %s\n", what, path ? path : "-");
    if (write(fd, line, (size_t)n) < 0)
        perror(name);
    close(fd);
}
