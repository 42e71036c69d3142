/* A fuzz target defines this function. Under libFuzzer it is given ever new inputs; linked with replay_main.c
 * it runs over a committed corpus, as a plain test. It must return 0 and crash on a fault. */
#ifndef SS_TESTS_FUZZ_H
#define SS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#endif
