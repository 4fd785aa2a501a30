#include "hq/verbs.h"

#include "common/log.h"
#include "common/nearest.h"

#include <errno.h>
#include <string.h>

static const struct verb_option *find(const struct verb_option *options, size_t n_options,
                                      const char *name, size_t n_name)
{
    for (size_t i = 0; i < n_options; i++)
        if (strlen(options[i].name) == n_name && strncmp(options[i].name, name, n_name) == 0)
            return &options[i];
    return NULL;
}

static int unknown(const char *verb, const struct verb_option *options, size_t n_options,
                   const char *name)
{
    const char *names[n_options + 1], *near;

    for (size_t i = 0; i < n_options; i++)
        names[i] = options[i].name;
    names[n_options] = "json";
    near = nearest_word(name, names, n_options + 1);
    if (near)
        log_error("%s: unknown option --%s. Did you mean --%s?", verb, name, near);
    else
        log_error("%s: unknown option --%s. See pickup-hq --help.", verb, name);
    return -EINVAL;
}

static int set_number(const char *verb, const struct verb_option *option, const char *value)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < option->min || number > option->max) {
        log_error("%s: --%s=%s must be a whole number from %lld to %lld.", verb, option->name,
                  value, (long long)option->min, (long long)option->max);
        return -EINVAL;
    }
    *option->number = number;
    return 0;
}

static int take(struct context *context, const char *verb, const struct verb_option *options,
                size_t n_options, const char *word)
{
    const char *name = word + 2, *value = strchr(name, '=');
    size_t n = value ? (size_t)(value - name) : strlen(name);
    const struct verb_option *option = find(options, n_options, name, n);

    if (strcmp(name, "json") == 0) {
        context->json = true;
        return 0;
    }
    if (!option)
        return unknown(verb, options, n_options, strndupa(name, n));
    if (option->flag && !value) {
        *option->flag = true;
        return 0;
    }
    if (option->flag || !value || !value[1]) {
        log_error(option->flag ? "%s: --%s takes no value." : "%s: write --%s=VALUE.", verb,
                  option->name);
        return -EINVAL;
    }
    if (option->number)
        return set_number(verb, option, value + 1);
    *option->text = value + 1;
    return 0;
}

int verb_options(struct context *context, int argc, char **argv, const struct verb_option *options,
                 size_t n_options, int min_words, int max_words)
{
    bool only_words = false;
    int n = 0;

    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
            if (take(context, argv[0], options, n_options, argv[i]) < 0)
                return -EINVAL;
        } else {
            argv[++n] = argv[i];
        }
    }
    if (n < min_words || n > max_words) {
        log_error(n < min_words ? "%s: something is missing. See pickup-hq --help."
                                : "%s: too many words. See pickup-hq --help.",
                  argv[0]);
        return -EINVAL;
    }
    argv[n + 1] = NULL;
    return n;
}

int verb_store_failed(const struct context *context, int error)
{
    log_error("%s/hq.db: %s", context->state,
              error == -ENOSPC  ? "the disk is full. Make room and do it again."
              : error == -EBUSY ? "it is in use by another process. Try again."
                                : strerror(-error));
    return EXIT_FAILED;
}
