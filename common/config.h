/* Typed configuration from INI files and drop-ins (inih), every mistake reported at once.
 *
 * A program describes its settings in a table; config_load() fills its struct and collects every
 * mistake (unknown section or key, wrong type, out of range, missing) with file, line and remedy.
 * Drop-ins FILE.d/?*.conf are read after FILE in the order of their names; the last setting wins.
 */
#pragma once

#include "common/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

enum config_type {
    CONFIG_STRING,   /* char *, owned by the struct, never NULL after load (default may be "") */
    CONFIG_INTEGER,  /* int64_t, between min and max */
    CONFIG_BOOLEAN,  /* bool: yes/no, true/false, on/off, 1/0 */
    CONFIG_DURATION, /* int64_t, milliseconds: 500ms, 10s, 5min, 3d … (a bare number is seconds) */
    CONFIG_SIZE,     /* int64_t, bytes: 128K, 1G (powers of 1024) */
    CONFIG_CHOICE,   /* int: index in `choices` */
};

struct config_item {
    const char *section;
    const char *key;
    enum config_type type;
    size_t offset;              /* of the member in the program's struct */
    const char *standard;       /* default as it would be written; NULL = must be given */
    int64_t min, max;           /* INTEGER, DURATION (ms) and SIZE; both 0 = no limit */
    const char *const *choices; /* CHOICE, NULL-terminated */
    const char *pattern; /* STRING: POSIX extended expression the value must match, or NULL */
    const char *remedy;  /* what to write instead, said with every mistake */
};

struct config_mistake {
    char *file;
    unsigned line; /* 0 = the whole file, for example for a missing key */
    char *text;    /* what is wrong and what to do, one sentence each */
};

struct config_mistakes {
    struct config_mistake *items;
    size_t n;
};

/* Sections whose name carries an identity, such as [door 12], are handed to `section` line by line
 * before the table is tried. Returns 1 = taken, 0 = not mine, negative = taken but wrong, after
 * calling config_mistake_add(). May be NULL. */
typedef int (*config_section_fn)(void *target, const char *section, const char *key,
                                 const char *value, const char *file, unsigned line,
                                 struct config_mistakes *mistakes);

/* Fills `target` from `path` and its drop-ins. Returns 0; -EINVAL with at least one mistake (then
 * `target` holds what could be read and must still be freed); -ENOMEM. A file that cannot be read
 * is a mistake too. Call config_free() on the target in every case. */
int config_load(const char *path, const struct config_item *items, size_t n_items, void *target,
                config_section_fn section, struct config_mistakes *ret_mistakes);
/* Frees the strings of the table in `target`. */
void config_free(const struct config_item *items, size_t n_items, void *target);

/* Adds one mistake (printf style), for checks that look at several keys together. */
int config_mistake_add(struct config_mistakes *mistakes, const char *file, unsigned line,
                       const char *format, ...) _printf_(4, 5);
void config_mistakes_done(struct config_mistakes *mistakes);
/* Prints "file:line: text" per mistake to stderr, in file and line order. */
void config_mistakes_print(const struct config_mistakes *mistakes);
/* Values of the types above for use in section functions; 0 or -EINVAL. */
int config_parse_boolean(const char *value, bool *ret);
int config_parse_duration_ms(const char *value, int64_t *ret_ms);
int config_parse_integer(const char *value, int64_t *ret);

/* Where a path in the configuration points: absolute as it is; the bare name of a credential into
 * $CREDENTIALS_DIRECTORY when it lies there; else relative to the folder of `config_file`. "" stays
 * "". The result is owned by the caller; NULL without memory. */
char *config_path(const char *config_file, const char *value, bool credential);
