/* quants list                      name, GGUF type, numbers and bytes of a block, can encode
 * quants decode|encode NAME IN OUT  blocks to raw f32 or back
 * quants weigh NAME IN OUT WEIGHTS  encode, rows as long as the raw f32 in WEIGHTS
 *
 * For test_quant.py. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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
            format->encode(values, blocks, 1, NULL);
        }
        n += fwrite(to, to_bytes, 1, out);
    }
    return in == NULL || out == NULL || fclose(out) != 0 || n == 0;
}

/* Reads all floats of a file; 0 if it cannot. */
static size_t read_floats(const char *path, float **out)
{
    FILE *file = fopen(path, "rb");
    size_t n = 0;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        n = (size_t)ftell(file) / sizeof **out;
        rewind(file);
        *out = malloc(n * sizeof **out + 1);
        n = *out != NULL ? fread(*out, sizeof **out, n, file) : 0;
        fclose(file);
    }
    return n;
}

static int weigh(const graft_format *format, const char *in_path, const char *out_path,
                 const char *weights_path)
{
    float *values = NULL, *weights = NULL;
    size_t n = read_floats(in_path, &values), row = read_floats(weights_path, &weights);
    size_t n_blocks = row / format->block_elems, bytes = n_blocks * format->block_bytes;
    unsigned char *blocks = malloc(bytes + 1);
    FILE *out = fopen(out_path, "wb");
    for (size_t i = 0; out != NULL && blocks != NULL && row > 0 && i + row <= n; i += row) {
        format->encode(values + i, blocks, n_blocks, weights);
        fwrite(blocks, 1, bytes, out);
    }
    free(values);
    free(weights);
    free(blocks);
    return out == NULL || fclose(out) != 0 || row == 0;
}

int main(int argc, char **argv)
{
    const graft_format *format = argc > 2 ? graft_format_by_name(argv[2]) : NULL;
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        return list();
    }
    if (argc == 6 && format != NULL && strcmp(argv[1], "weigh") == 0) {
        return weigh(format, argv[3], argv[4], argv[5]);
    }
    if (argc == 5 && format != NULL) {
        return convert(strcmp(argv[1], "decode") == 0, argv[2], argv[3], argv[4]);
    }
    fprintf(stderr, "usage: quants list | quants decode|encode FORMAT IN OUT\n");
    return 2;
}
