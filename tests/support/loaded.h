/* support/loaded.h - what must hold of every adapter that is read from a file. */
#ifndef GRAFT_TESTS_SUPPORT_LOADED_H
#define GRAFT_TESTS_SUPPORT_LOADED_H

#include <stdbool.h>

#include "export/export.h"

/* Loads it for the base; true if it was accepted, and then everything fits. What does not hold ends
 * the program (fuzz_check). */
bool check_adapter(const char *path, const graft_gguf *base);

/* The same of any bytes as a folder of tests: adapter_config.json up to the first zero byte, then the
 * safetensors file of the name. */
bool check_adapter_folder(const uint8_t *data, size_t n, const char *weights, const graft_gguf *base);

#endif
