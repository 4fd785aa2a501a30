#include "common/json-scan.h"

#include "common/cleanup.h"

#include <string.h>

#define INTEGER_DIGITS_MAX 18 /* always fits int64_t */

bool slice_is(struct slice slice, const char *text)
{
    size_t n = strlen(text);

    return slice.n == n && memcmp(slice.at, text, n) == 0;
}

void json_scan_begin(struct json_scan *scan, const char *text, size_t n)
{
    *scan = (struct json_scan){.p = text, .end = text + n};
}

static void skip_space(struct json_scan *scan)
{
    while (scan->p < scan->end &&
           (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\r' || *scan->p == '\t'))
        scan->p++;
}

bool json_scan_ends(struct json_scan *scan)
{
    skip_space(scan);
    return scan->p == scan->end;
}

char json_scan_peek(struct json_scan *scan)
{
    skip_space(scan);
    return scan->p < scan->end ? *scan->p : '\0';
}

static bool take(struct json_scan *scan, char byte)
{
    if (json_scan_peek(scan) != byte)
        return false;
    scan->p++;
    return true;
}

/* One character above U+007F, by the table of RFC 3629, section 4: the second byte's range depends
 * on the first, the others are 80 to BF. */
static bool skip_utf8(struct json_scan *scan)
{
    static const struct {
        uint8_t first, last, low, high, n;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    const uint8_t *p = (const uint8_t *)scan->p;
    size_t left = (size_t)(scan->end - scan->p), i = 0;

    while (i < ELEMENTSOF(rows) && (p[0] < rows[i].first || p[0] > rows[i].last))
        i++;
    if (i == ELEMENTSOF(rows) || left < rows[i].n || p[1] < rows[i].low || p[1] > rows[i].high)
        return false;
    for (size_t k = 2; k < rows[i].n; k++)
        if ((p[k] & 0xC0) != 0x80)
            return false;
    scan->p += rows[i].n;
    return true;
}

/* The scan stands behind the backslash. A \u may be half of a pair: that is left to jansson. */
static bool skip_escape(struct json_scan *scan)
{
    if (scan->p == scan->end || !memchr("\"\\/bfnrt", *scan->p, 8))
        return false;
    scan->p++;
    return true;
}

/* True while all eight bytes are plain: 20 to 7E without quote and backslash. Bytes are tested side
 * by side in one word; a false alarm (a byte above a borrow) costs only the slow loop. */
static bool eight_plain(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word, quote, slash;

    memcpy(&word, p, sizeof(word));
    quote = word ^ ones * '"';
    slash = word ^ ones * '\\';
    return !((word | (word - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
             tops);
}

/* The scan stands at the opening quote. */
static bool read_string(struct json_scan *scan, struct slice *ret, bool *ret_escaped)
{
    *ret_escaped = false;
    ret->at = ++scan->p;
    for (;;) {
        uint8_t byte;

        while (scan->end - scan->p >= 8 && eight_plain(scan->p))
            scan->p += 8;
        if (scan->p == scan->end)
            return false;
        byte = (uint8_t)*scan->p;
        if (byte == '"') {
            ret->n = (size_t)(scan->p++ - ret->at);
            return true;
        }
        if (byte < 0x20)
            return false;
        if (byte >= 0x80) {
            if (!skip_utf8(scan))
                return false;
            continue;
        }
        scan->p++;
        if (byte != '\\')
            continue;
        *ret_escaped = true;
        if (!skip_escape(scan))
            return false;
    }
}

static bool read_integer(struct json_scan *scan, int64_t *ret)
{
    const char *begin = scan->p;
    int64_t integer = 0;

    while (scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9') {
        if (scan->p - begin == INTEGER_DIGITS_MAX)
            return false;
        integer = integer * 10 + (*scan->p++ - '0');
    }
    if (*begin == '0' && scan->p - begin > 1)
        return false;
    if (scan->p < scan->end && (*scan->p == '.' || *scan->p == 'e' || *scan->p == 'E'))
        return false;
    *ret = integer;
    return scan->p > begin;
}

/* A letter that follows at once is found by whoever wants a comma or a bracket there. */
static bool read_word(struct json_scan *scan, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(scan->end - scan->p) < n || memcmp(scan->p, word, n) != 0)
        return false;
    scan->p += n;
    return true;
}

static bool skip_member(struct json_scan *scan, struct slice name, void *userdata)
{
    struct json_scan_value value;

    return json_scan_value(scan, &value);
}

static bool skip_element(struct json_scan *scan, void *userdata)
{
    struct json_scan_value value;

    return json_scan_value(scan, &value);
}

bool json_scan_value(struct json_scan *scan, struct json_scan_value *ret)
{
    char first = json_scan_peek(scan);
    bool good;

    ret->escaped = false;
    ret->text.at = scan->p;
    switch (first) {
    case '"':
        ret->type = SCAN_STRING;
        return read_string(scan, &ret->text, &ret->escaped);
    case '{':
        ret->type = SCAN_OBJECT;
        good = json_scan_object(scan, skip_member, NULL);
        break;
    case '[':
        ret->type = SCAN_ARRAY;
        good = json_scan_array(scan, skip_element, NULL);
        break;
    case 'n':
        ret->type = SCAN_NULL;
        good = read_word(scan, "null");
        break;
    case 't':
        ret->type = SCAN_TRUE;
        good = read_word(scan, "true");
        break;
    case 'f':
        ret->type = SCAN_FALSE;
        good = read_word(scan, "false");
        break;
    default:
        ret->type = SCAN_INTEGER;
        good = first != '\0' && read_integer(scan, &ret->integer);
    }
    ret->text.n = (size_t)(scan->p - ret->text.at);
    return good;
}

/* The names that an object has had so far. */
struct names {
    uint64_t mask; /* a bit for each, by a poor but quick hash */
    size_t n;
    struct slice names[JSON_SCAN_MEMBERS];
};

static bool note_name(struct names *names, struct slice name)
{
    unsigned hash = name.n == 0
                        ? 0
                        : (unsigned)name.n * 7 + (uint8_t)name.at[0] * 5 +
                              (uint8_t)name.at[name.n / 2] * 3 + (uint8_t)name.at[name.n - 1];
    uint64_t bit = UINT64_C(1) << (hash % 64);

    if (names->n == JSON_SCAN_MEMBERS)
        return false;
    for (size_t i = 0; names->mask & bit && i < names->n; i++)
        if (names->names[i].n == name.n && memcmp(names->names[i].at, name.at, name.n) == 0)
            return false;
    names->mask |= bit;
    names->names[names->n++] = name;
    return true;
}

static bool read_member(struct json_scan *scan, struct names *names, json_scan_member_fn fn,
                        void *userdata)
{
    struct slice name;
    bool escaped;

    return json_scan_peek(scan) == '"' && read_string(scan, &name, &escaped) && !escaped &&
           note_name(names, name) && take(scan, ':') && fn(scan, name, userdata);
}

bool json_scan_object(struct json_scan *scan, json_scan_member_fn fn, void *userdata)
{
    struct names names;

    names.mask = names.n = 0;
    if (!take(scan, '{') || scan->depth == JSON_SCAN_DEPTH)
        return false;
    scan->depth++;
    if (json_scan_peek(scan) != '}') {
        do {
            if (!read_member(scan, &names, fn, userdata))
                return false;
        } while (take(scan, ','));
    }
    scan->depth--;
    return take(scan, '}');
}

bool json_scan_array(struct json_scan *scan, json_scan_element_fn fn, void *userdata)
{
    if (!take(scan, '[') || scan->depth == JSON_SCAN_DEPTH)
        return false;
    scan->depth++;
    if (json_scan_peek(scan) != ']') {
        do {
            if (!fn(scan, userdata))
                return false;
        } while (take(scan, ','));
    }
    scan->depth--;
    return take(scan, ']');
}
