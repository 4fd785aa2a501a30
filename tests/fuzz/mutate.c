/* fuzz-X [--runs=N] [--seed=S] FILE…: every file as it is, then N mutations of them. */
#include "tests/fuzz/mutate.h"

#include "common/cleanup.h"

#include <stdio.h>
#include <string.h>

#define INPUT_MAX (64 * 1024)
#define FILES_MAX 64

struct input {
    size_t n;
    uint8_t bytes[INPUT_MAX];
};

/* xorshift64*, so that a seed means the same on every machine. */
static uint64_t state = 1;

static size_t draw(size_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return below ? (size_t)((state * UINT64_C(2685821657736338717)) >> 33) % below : 0;
}

static void splice(struct input *input, size_t at, size_t gone, const void *bytes, size_t n)
{
    uint8_t copy[INPUT_MAX];

    if (at + gone > input->n || input->n - gone + n > INPUT_MAX)
        return;
    memcpy(copy, bytes, n); /* it may lie in the input itself */
    memmove(input->bytes + at + n, input->bytes + at + gone, input->n - at - gone);
    memcpy(input->bytes + at, copy, n);
    input->n = input->n - gone + n;
}

static void mutate(struct input *input)
{
    size_t at = draw(input->n + 1), rest = input->n - at, n = draw(rest < 64 ? rest + 1 : 64);
    uint8_t byte = (uint8_t)draw(256);
    size_t words = 0, from = draw(input->n + 1);

    while (fuzz_words[words])
        words++;
    switch (draw(7)) {
    case 0: /* another byte */
        if (rest > 0)
            input->bytes[at] = byte;
        break;
    case 1: /* another bit */
        if (rest > 0)
            input->bytes[at] ^= (uint8_t)(1u << draw(8));
        break;
    case 2:
        splice(input, at, n, "", 0);
        break;
    case 3:
        splice(input, at, 0, &byte, 1);
        break;
    case 4: { /* a piece of it once more, somewhere else */
        size_t piece = draw(input->n - from < 200 ? input->n - from + 1 : 200);

        splice(input, at, 0, input->bytes + from, piece);
        break;
    }
    default: {
        const char *word = fuzz_words[draw(words)];

        splice(input, at, draw(2) ? n : 0, word, strlen(word));
    }
    }
}

static int read_file(const char *path, struct input *input)
{
    FILE *file = fopen(path, "rb");

    if (!file) {
        fprintf(stderr, "%s cannot be read\n", path);
        return -1;
    }
    input->n = fread(input->bytes, 1, sizeof(input->bytes), file);
    fclose(file);
    return LLVMFuzzerTestOneInput(input->bytes, input->n);
}

int main(int argc, char **argv)
{
    static struct input files[FILES_MAX], input;
    unsigned long runs = 0;
    size_t n = 0;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--runs=", 7) == 0)
            runs = strtoul(argv[i] + 7, NULL, 10);
        else if (strncmp(argv[i], "--seed=", 7) == 0)
            state = strtoul(argv[i] + 7, NULL, 10) * 2 + 1;
        else if (n < FILES_MAX && read_file(argv[i], &files[n++]) < 0)
            return 1;
    }
    for (unsigned long run = 0; n > 0 && run < runs; run++) {
        if (run % 8 == 0 || input.n == 0)
            input = files[draw(n)];
        mutate(&input);
        LLVMFuzzerTestOneInput(input.bytes, input.n);
    }
    return 0;
}
