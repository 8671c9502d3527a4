/* images FILE...: what graft takes from images behind their headers, for comparison with h5py. One line per file: the
 * SHA-256 of the names, types, lengths and bytes of all arrays, or "BAD" and why; "?" if a name is not as it is shown. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/sha256.h"
#include "io/hdf5.h"

/* Adds an array as `line` lists it: "name type n". */
static graft_status add_array(graft_sha256 *hash, const graft_h5 *image, char *line)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    void *numbers = NULL;
    size_t n;
    char *type = strchr(line, ' ') + 1;
    graft_text_init(&text);
    graft_sha256_update(hash, line, strlen(line));
    type[-1] = '\0';
    type[strcspn(type, " ")] = '\0';
    GRAFT_TRY(graft_h5_size(image, line, &n));
    if (strcmp(type, "packed") == 0) {
        GRAFT_TRY(graft_h5_get_packed(image, line, &text));
    } else if (strcmp(type, "text") == 0) {
        GRAFT_TRY(graft_h5_get_text(image, line, &text));
    } else if (strcmp(type, "f32") == 0) {
        GRAFT_TRY(graft_alloc(&numbers, n, 4));
        GRAFT_TRY(graft_h5_get_f32(image, line, numbers, n));
        GRAFT_TRY(graft_text_append(&text, numbers, 4 * n));
    } else {
        GRAFT_TRY(graft_alloc(&numbers, n, 8));
        GRAFT_TRY(graft_h5_get_u64(image, line, numbers, n));
        GRAFT_TRY(graft_text_append(&text, numbers, 8 * n));
    }
    graft_sha256_update(hash, graft_text_z(&text), text.len);
done:
    graft_free(numbers);
    graft_text_clear(&text);
    return status;
}

static graft_status digest(char hex[65], const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    graft_text list;
    graft_sha256 hash;
    uint8_t bytes[32];
    graft_text_init(&list);
    graft_sha256_init(&hash);
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_list(image, &list));
    for (char *line = list.data, *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        GRAFT_TRY(add_array(&hash, image, line));
    }
    graft_sha256_final(&hash, bytes);
    graft_sha256_hex(bytes, hex);
done:
    graft_text_clear(&list);
    graft_h5_free(image);
    return status;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char hex[65];
        graft_status status = digest(hex, argv[i]);
        bool is_missing = status != GRAFT_OK && strstr(graft_error_message(), "is missing") != NULL;
        printf("%s%s\n", is_missing ? "? " : status != GRAFT_OK ? "BAD " : hex,
               status != GRAFT_OK ? graft_error_message() : "");
    }
    return 0;
}
