/* Any bytes: the quick way through a page takes nothing that the long way would not take, and reads
 * the same from it. */
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/page-compare.h"

#include <stdio.h>
#include <string.h>

const char *const fuzz_words[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\\n",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "01",
    "1e3",
    "1.0",
    "-1",
    "99999999999999999999",
    "\"a\":1,",
    "\"kind\":\"order\",",
    "\"kind\":\"key\",",
    "\"order\":\"A\",",
    "\"rev\":0,",
    "\"seq\":3,",
    "\"placed\":{\"bank\":\"b\",\"door\":1}",
    "\"status\":\"moved\",",
    "{},",
    "\xC3\xA9",
    "\xC0\xAF",
    "\xED\xA0\x80",
    "\xF4\x90\x80\x80",
    "\xF0\x9F\x8E\x81",
    "\xE4\xBD",
    " ",
    "\n",
    "\x01",
    "\x7F",
    "\"parcels\":[",
    "\"code\":{",
    "[[[[[[[[[[[[[[[[",
    NULL,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct page_scan page;
    struct page_tally tally = {};
    _cleanup_free_ char *copy = malloc(n + (n == 0)); /* so that a sanitizer sees the end */
    const char *differs;

    if (!copy)
        return 0;
    memcpy(copy, bytes, n);
    differs = page_compare(&page, copy, n, &tally);
    if (differs) {
        fprintf(stderr, "%s:\n%.*s\n", differs, (int)n, copy);
        abort();
    }
    return 0;
}
