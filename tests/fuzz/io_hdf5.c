/* Any bytes as the image of a checkpoint whose digest is right: what stands behind the digest is
 * still only read as lists of known types. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/hdf5.h"
#include "support/envelope.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is listed is there under its name, as long as it is said to be. */
static void read_listed(const graft_h5 *image, char *line)
{
    graft_text text;
    float *numbers;
    size_t n = 0;
    char *length = strrchr(line, ' ');
    fuzz_check(length != NULL);
    *length++ = '\0';
    char *type = strrchr(line, ' ');
    fuzz_check(type != NULL);
    *type = '\0';
    graft_status status = graft_h5_size(image, line, &n);
    fuzz_check(strchr(line, '\\') != NULL || (status == GRAFT_OK && n == strtoull(length, NULL, 10)));
    graft_text_init(&text);
    (void)graft_h5_get_text(image, line, &text);
    (void)graft_h5_get_packed(image, line, &text);
    graft_text_clear(&text);
    if (status == GRAFT_OK && n < 1 << 20) {
        fuzz_check(graft_alloc(&numbers, n, sizeof *numbers) == GRAFT_OK);
        (void)graft_h5_get_f32(image, line, numbers, n);
        graft_free(numbers);
    }
}

static void read_all(const graft_h5 *image)
{
    graft_text list;
    graft_text_init(&list);
    if (graft_h5_list(image, &list) == GRAFT_OK && list.len > 0) {
        for (char *line = strtok(list.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            read_listed(image, line);
        }
    }
    graft_text_clear(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_h5 *image;
    if (graft_h5_read(&image, envelope_file(data, n)) == GRAFT_OK) {
        read_all(image);
    }
    graft_h5_free(image);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"TREE", "SNOD", "HEAP", "OHDR", "\x89HDF\r\n\x1a\n", NULL};
    return fuzz_tests("io_hdf5", LLVMFuzzerTestOneInput, words);
}
#endif
