/* support/envelope.h - an HDF5 image as the checkpoint file that holds it, with a right digest. */
#ifndef GRAFT_TESTS_SUPPORT_ENVELOPE_H
#define GRAFT_TESTS_SUPPORT_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

enum { ENVELOPE_BYTES = 512, ENVELOPE_LENGTH_AT = 12, ENVELOPE_DIGEST_AT = 20 };

/* fuzz_file of the image behind the header that belongs to it. */
const char *envelope_file(const uint8_t *image, size_t n);

#endif
