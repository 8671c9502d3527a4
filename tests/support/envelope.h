/* support/envelope.h - an HDF5 image as the checkpoint file that holds it, with a right digest. */
#ifndef GRAFT_TESTS_SUPPORT_ENVELOPE_H
#define GRAFT_TESTS_SUPPORT_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

enum { ENVELOPE_BYTES = 512, ENVELOPE_LENGTH_AT = 12, ENVELOPE_DIGEST_AT = 20 };

/* fuzz_file of the image behind the header that belongs to it. */
const char *envelope_file(const uint8_t *image, size_t n);

/* libhdf5 1.10 loses memory where it gives up on broken metadata: the programs that show it such data
 * do not report its leaks. */
#define ENVELOPE_IGNORES_LEAKS_OF_HDF5                                                         \
    __attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);      \
    const char *__lsan_default_suppressions(void) { return "leak:libhdf5"; }

#endif
