/* A small mutating driver for a fuzz function, for compilers without libFuzzer and for the suite:
 * the same seed gives the same inputs everywhere. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own names (https://llvm.org/docs/LibFuzzer.html). */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* What the mutator likes to put in; ends with NULL. Each fuzzer has its own list. */
extern const char *const fuzz_words[];
