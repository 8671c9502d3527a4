/* support/invariants.h - what must hold of every file that a reader accepts: all tensors inside, disjoint
 * and aligned, and everything readable. What does not hold ends the program (fuzz_check). */
#ifndef GRAFT_TESTS_SUPPORT_INVARIANTS_H
#define GRAFT_TESTS_SUPPORT_INVARIANTS_H

#include <stdbool.h>
#include <stddef.h>

/* Opens the GGUF file, which may be one of up to n_parts; true if it was accepted. *n_tensors (may be
 * NULL) is what the whole model has, 0 if not all parts belong to it. */
bool check_gguf(const char *path, size_t n_parts, size_t *n_tensors);

/* Opens the safetensors file of n bytes; true if it was accepted. */
bool check_safetensors(const char *path, size_t n);

#endif
