/* quants list                      name, GGUF type, numbers and bytes of a block, can encode
 * quants decode|encode NAME IN OUT  blocks to raw f32 or back
 *
 * For test_quant.py. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "quant/format.h"

static int list(void)
{
    for (const graft_format *const *f = graft_formats; *f != NULL; f++) {
        printf("%s %u %u %u %d\n", (*f)->name, (unsigned)(*f)->ggml_type,
               (unsigned)(*f)->block_elems, (unsigned)(*f)->block_bytes, (*f)->encode != NULL);
    }
    return 0;
}

static int convert(bool decode, const char *name, const char *in_path, const char *out_path)
{
    const graft_format *format = graft_format_by_name(name);
    FILE *in = fopen(in_path, "rb"), *out = fopen(out_path, "wb");
    size_t elem_bytes = format->block_elems * sizeof(float), n = 0;
    unsigned char blocks[1024];
    float values[256];
    void *from = decode ? (void *)blocks : (void *)values, *to = decode ? (void *)values : blocks;
    size_t from_bytes = decode ? format->block_bytes : elem_bytes;
    size_t to_bytes = decode ? elem_bytes : format->block_bytes;
    while (in != NULL && out != NULL && fread(from, from_bytes, 1, in) == 1) {
        if (decode) {
            format->decode(blocks, values, 1);
        } else {
            format->encode(values, blocks, 1);
        }
        n += fwrite(to, to_bytes, 1, out);
    }
    return in == NULL || out == NULL || fclose(out) != 0 || n == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        return list();
    }
    if (argc == 5 && graft_format_by_name(argv[2]) != NULL) {
        return convert(strcmp(argv[1], "decode") == 0, argv[2], argv[3], argv[4]);
    }
    fprintf(stderr, "usage: quants list | quants decode|encode FORMAT IN OUT\n");
    return 2;
}
