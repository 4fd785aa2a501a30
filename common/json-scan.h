/* A strict, small JSON scanner that builds nothing: the caller walks a text that lies in memory and
 * gets slices of it. Inner part of common/page-scan.h. Pure, allocates nothing.
 *
 * It reads only the usual form: integers of at most 18 digits without sign, member names without
 * escapes, at most JSON_SCAN_MEMBERS members an object and JSON_SCAN_DEPTH levels, no \u escape.
 * Everything else is "unusual", whether it is JSON or not: every function then returns false, and
 * the caller gives the whole text to jansson. What it does accept is JSON to jansson as well
 * (RFC 8259, UTF-8 of RFC 3629, no member twice). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCAN_DEPTH   16
#define JSON_SCAN_MEMBERS 48

/* Bytes inside the text; not terminated. */
struct slice {
    const char *at;
    size_t n;
};

struct json_scan {
    const char *p, *end;
    unsigned depth;
};

enum json_scan_type {
    SCAN_NULL,
    SCAN_FALSE,
    SCAN_TRUE,
    SCAN_INTEGER,
    SCAN_STRING,
    SCAN_ARRAY,
    SCAN_OBJECT,
};

struct json_scan_value {
    enum json_scan_type type;
    bool escaped;      /* a string with a backslash in it: `text` is not what it says */
    int64_t integer;   /* >= 0 */
    struct slice text; /* of a string: what is between the quotes; else the value's own bytes */
};

void json_scan_begin(struct json_scan *scan, const char *text, size_t n);
/* True when nothing but white space is left. */
bool json_scan_ends(struct json_scan *scan);
/* What the next value will be, without reading it: its first byte, or 0 at the end. */
char json_scan_peek(struct json_scan *scan);
/* Reads the next value, whatever it is; arrays and objects with all that is in them. */
bool json_scan_value(struct json_scan *scan, struct json_scan_value *ret);

/* Reads an object. `fn` is called at each member's value and must read exactly that value. */
typedef bool (*json_scan_member_fn)(struct json_scan *scan, struct slice name, void *userdata);
bool json_scan_object(struct json_scan *scan, json_scan_member_fn fn, void *userdata);
/* Reads an array. `fn` is called at each element and must read exactly that. */
typedef bool (*json_scan_element_fn)(struct json_scan *scan, void *userdata);
bool json_scan_array(struct json_scan *scan, json_scan_element_fn fn, void *userdata);

bool slice_is(struct slice slice, const char *text);
