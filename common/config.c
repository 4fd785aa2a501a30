#include "common/config.h"
#include "common/config-value.h"
#include "common/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define SECTION_MAX 49 /* inih cuts longer names */

/* One loading. inih tells no line numbers in its packaged build, so the reader counts them. It also
 * looks at the shape of each line itself, because inih reports only the first bad one, and cuts
 * overlong lines in two. */
struct loading {
    const struct config_item *items;
    size_t n_items;
    bool *given;
    void *target;
    config_section_fn section;
    struct config_mistakes *mistakes;
    int r; /* first failure that is no mistake of the writer: -ENOMEM */

    const char *file;
    FILE *stream;
    char *buffer;
    size_t buffer_bytes;
    unsigned line;
    unsigned section_line; /* of the header of the section being read */
    bool section_broken;   /* unreadable header: its lines would land in the wrong section */
    bool section_reported; /* unknown section: said once */
};

#define mistake(loading, line, ...)                                                                \
    note(loading, config_mistake_add((loading)->mistakes, (loading)->file, line, __VA_ARGS__))

static void note(struct loading *loading, int r)
{
    if (r == -ENOMEM)
        loading->r = r;
}

/* True when inih may have the section header. */
static bool accept_header(struct loading *loading, const char *line)
{
    const char *end = strchr(line, ']');

    if (!end) {
        mistake(loading, loading->line, "The section header has no closing ']'. Write [section].");
        return false;
    }
    if (end - line - 1 > SECTION_MAX) {
        mistake(loading, loading->line,
                "The section name is longer than %d characters. Shorten it.", SECTION_MAX);
        return false;
    }
    end += 1 + strspn(end + 1, " \t\r\n");
    if (*end && *end != ';' && *end != '#') {
        mistake(loading, loading->line,
                "There is text behind the section header. Put it on a line of its own.");
        return false;
    }
    loading->section_broken = false;
    return true;
}

/* True when inih may have the line of `n` bytes, which has no white space in front; otherwise the
 * mistake is noted. `room` is what inih's buffer holds, with a terminator. */
static bool accept_line(struct loading *loading, const char *line, size_t n, size_t room)
{
    bool header = *line == '[';

    if (*line == ';' || *line == '#' || *line == '\n')
        return false;
    if (header) {
        loading->section_line = loading->line;
        loading->section_reported = false;
        loading->section_broken = true; /* until accept_header() has seen it */
    } else if (loading->section_broken) {
        return false;
    }
    if (memchr(line, '\0', n)) {
        mistake(loading, loading->line, "The line holds a NUL byte. Write the file as plain text.");
        return false;
    }
    if (n + 1 > room) {
        mistake(loading, loading->line, "The line is longer than %zu characters. Shorten it.",
                room - 2);
        return false;
    }
    if (header)
        return accept_header(loading, line);
    if (*line == '=' || *line == ':' || !strpbrk(line, "=:")) {
        mistake(loading, loading->line,
                "The line is neither a [section] nor 'key = value'. Start comments with #.");
        return false;
    }
    return true;
}

/* fgets for inih: every line of the file once, refused ones as empty lines, without white space in
 * front, which inih would take for a continuation of the value above. */
static char *read_line(char *ret_line, int size, void *userdata)
{
    struct loading *loading = userdata;
    char *line;
    ssize_t n;

    errno = 0;
    n = getline(&loading->buffer, &loading->buffer_bytes, loading->stream);
    if (n < 0) {
        if (!feof(loading->stream))
            mistake(loading, loading->line,
                    "The file cannot be read: %s. Check what the path names.", strerror(errno));
        return NULL;
    }
    line = loading->buffer;
    if (loading->line++ == 0 && n >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0)
        line += 3; /* byte order mark of an editor on Windows */
    line += strspn(line, " \t\r\n\v\f");
    n -= line - loading->buffer;
    if (n > 0 && accept_line(loading, line, (size_t)n, (size_t)size - 1))
        memcpy(ret_line, line, (size_t)n + 1);
    else
        strcpy(ret_line, "\n");
    return ret_line;
}

static const struct config_item *find_item(const struct loading *loading, const char *section,
                                           const char *key)
{
    for (size_t i = 0; i < loading->n_items; i++) {
        const struct config_item *item = &loading->items[i];

        if ((!section || strcmp(item->section, section) == 0) && strcmp(item->key, key) == 0)
            return item;
    }
    return NULL;
}

/* The names of all sections, or of the keys of one, each once; there is room for all items. */
static size_t names(const struct loading *loading, const char *section, const char **ret_names)
{
    size_t n = 0;

    for (size_t i = 0; i < loading->n_items; i++) {
        const struct config_item *item = &loading->items[i];
        const char *name = section ? item->key : item->section;
        bool known = section && strcmp(item->section, section) != 0;

        for (size_t j = 0; j < n && !known; j++)
            known = strcmp(ret_names[j], name) == 0;
        if (!known)
            ret_names[n++] = name;
    }
    return n;
}

static void list_names(const char *const *list, size_t n, char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(ret_text);

        snprintf(ret_text + used, size - used, "%s%s", i > 0 ? ", " : "", list[i]);
    }
}

static void unknown_key(struct loading *loading, const char *section, const char *key)
{
    _cleanup_free_ const char **list = calloc(loading->n_items + 1, sizeof(*list));
    const struct config_item *other = find_item(loading, NULL, key);
    char text[1024];
    const char *near;
    size_t n;

    if (!list) {
        loading->r = -ENOMEM;
        return;
    }
    n = names(loading, section, list);
    if (n > 0) { /* the section is known */
        near = nearest_word(key, list, n);
        list_names(list, n, text, sizeof(text));
        if (near)
            mistake(loading, loading->line, "Unknown key '%s' in [%s]. Did you mean '%s'?", key,
                    section, near);
        else if (other)
            mistake(loading, loading->line, "Unknown key '%s' in [%s]. It belongs in [%s].", key,
                    section, other->section);
        else
            mistake(loading, loading->line, "Unknown key '%s' in [%s]. Known there: %s.", key,
                    section, text);
        return;
    }
    if (loading->section_reported)
        return;
    loading->section_reported = true;
    if (*section == '\0') {
        mistake(loading, loading->line, "Key '%s' stands before any section. Write [%s] above it.",
                key, other ? other->section : "section");
        return;
    }
    n = names(loading, NULL, list);
    near = nearest_word(section, list, n);
    list_names(list, n, text, sizeof(text));
    if (near)
        mistake(loading, loading->section_line, "Unknown section [%s]. Did you mean [%s]?", section,
                near);
    else
        mistake(loading, loading->section_line, "Unknown section [%s]. Known sections: %s.",
                section, text);
}

static void set_item(struct loading *loading, const struct config_item *item, const char *value)
{
    _cleanup_free_ char *problem = NULL;
    int r;

    r = config_value_set(item, value, loading->target, &problem);
    if (r == -ENOMEM)
        loading->r = r;
    else if (r < 0)
        mistake(loading, loading->line, "%s = %s in [%s] %s%s %s%s", item->key, value,
                item->section, problem, problem[strlen(problem) - 1] == '?' ? "" : ".",
                config_value_remedy(item),
                strstr(value, " #") ? " A comment needs a line of its own." : "");
    loading->given[item - loading->items] = true;
}

static int handle_setting(void *userdata, const char *section, const char *key, const char *value)
{
    struct loading *loading = userdata;
    const struct config_item *item;
    int r = 0;

    if (loading->section)
        r = loading->section(loading->target, section, key, value, loading->file, loading->line,
                             loading->mistakes);
    note(loading, r);
    if (r != 0)
        return 1;
    item = find_item(loading, section, key);
    if (item)
        set_item(loading, item, value);
    else
        unknown_key(loading, section, key);
    return 1;
}

static void load_file(struct loading *loading, const char *path)
{
    size_t n_before = loading->mistakes->n;
    int r;

    loading->file = path;
    loading->line = loading->section_line = 0;
    loading->section_broken = loading->section_reported = false;
    loading->stream = fopen(path, "re");
    if (!loading->stream) {
        mistake(loading, 0, "The file cannot be read: %s. Make it, or name another with --config=.",
                strerror(errno));
        return;
    }
    r = ini_parse_stream(read_line, loading, handle_setting, loading);
    if (r == -2)
        loading->r = -ENOMEM;
    else if (r > 0 && loading->mistakes->n == n_before)
        mistake(loading, (unsigned)r, "The line cannot be read. Write 'key = value'.");
    fclose(loading->stream);
}

static int is_drop_in(const struct dirent *entry)
{
    return fnmatch("?*.conf", entry->d_name, FNM_PERIOD) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not the locale's order */
}

static void load_drop_ins(struct loading *loading, const char *path)
{
    _cleanup_free_ char *folder = NULL;
    struct dirent **entries;
    int n;

    if (asprintf(&folder, "%s.d", path) < 0) {
        folder = NULL;
        loading->r = -ENOMEM;
        return;
    }
    n = scandir(folder, &entries, is_drop_in, by_name);
    if (n < 0) {
        loading->file = folder;
        if (errno != ENOENT)
            mistake(loading, 0,
                    "The folder of drop-ins cannot be read: %s. Check its mode and owner.",
                    strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        _cleanup_free_ char *file = NULL;

        if (asprintf(&file, "%s/%s", folder, entries[i]->d_name) < 0) {
            file = NULL;
            loading->r = -ENOMEM;
        } else {
            load_file(loading, file);
        }
        free(entries[i]);
    }
    free(entries);
}

/* Every member gets its default first, so that `target` can be used and freed whatever follows. */
static void set_defaults(struct loading *loading, const char *path)
{
    loading->file = path;
    for (size_t i = 0; i < loading->n_items; i++) {
        const struct config_item *item = &loading->items[i];
        void *member = (char *)loading->target + item->offset;
        _cleanup_free_ char *problem = NULL;
        const char *standard = item->standard;
        int r;

        switch (item->type) {
        case CONFIG_STRING:
            /* A default need not have the form that a given value must have: "" means none. */
            *(char **)member = strdup(standard ?: "");
            if (!*(char **)member)
                loading->r = -ENOMEM;
            continue;
        case CONFIG_INTEGER:
        case CONFIG_DURATION:
        case CONFIG_SIZE:
            *(int64_t *)member = 0;
            break;
        case CONFIG_BOOLEAN:
            *(bool *)member = false;
            break;
        case CONFIG_CHOICE:
            *(int *)member = 0;
            break;
        }
        r = standard ? config_value_set(item, standard, loading->target, &problem) : 0;
        if (r == -ENOMEM)
            loading->r = r;
        else if (r < 0)
            mistake(loading, 0, "The built-in default %s = %s in [%s] %s. Set it in the file.",
                    item->key, standard, item->section, problem);
    }
}

static void report_missing(struct loading *loading, const char *path)
{
    loading->file = path;
    for (size_t i = 0; i < loading->n_items; i++) {
        const struct config_item *item = &loading->items[i];

        if (!item->standard && !loading->given[i])
            mistake(loading, 0, "%s is missing in [%s]. %s", item->key, item->section,
                    config_value_remedy(item));
    }
}

int config_load(const char *path, const struct config_item *items, size_t n_items, void *target,
                config_section_fn section, struct config_mistakes *ret_mistakes)
{
    _cleanup_free_ bool *given = calloc(n_items + 1, sizeof(*given));
    struct loading loading = {
        .items = items,
        .n_items = n_items,
        .given = given,
        .target = target,
        .section = section,
        .mistakes = ret_mistakes,
    };

    *ret_mistakes = (struct config_mistakes){0};
    set_defaults(&loading, path);
    if (!given)
        return -ENOMEM;
    load_file(&loading, path);
    load_drop_ins(&loading, path);
    free(loading.buffer);
    report_missing(&loading, path);
    if (loading.r < 0)
        return loading.r;
    return ret_mistakes->n > 0 ? -EINVAL : 0;
}

void config_free(const struct config_item *items, size_t n_items, void *target)
{
    for (size_t i = 0; i < n_items; i++) {
        char **member = (char **)((char *)target + items[i].offset);

        if (items[i].type != CONFIG_STRING)
            continue;
        free(*member);
        *member = NULL;
    }
}
