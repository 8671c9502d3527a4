/* files COMMAND ARGUMENT...: the io room's readers and writers, for comparison with others.
 *
 *   gguf-copy IN OUT          every key and tensor through our reader and writer
 *   gguf-list IN              one line per tensor: name, format, offset of its data, dimensions
 *   safetensors-copy IN OUT   f32 tensors and the metadata "format"
 *   safetensors-list IN       one line per tensor: name, dtype, offset of its data, shape
 *   hdf5-write OUT            an image with known arrays
 *   hdf5-list IN              what graft_h5_list says
 *   json IN STYLE             the value in style 0 compact, 1 python, 2 pretty
 *   yaml IN                   the value as compact JSON
 *   yaml-write IN             a JSON object as YAML */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/gguf.h"
#include "io/hdf5.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/yaml.h"

static graft_status gguf_copy(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_gguf *in = NULL;
    graft_gguf_writer *out = NULL;
    GRAFT_TRY(graft_gguf_open(&in, arguments[0]));
    GRAFT_TRY(graft_gguf_writer_new(&out));
    for (size_t i = 0; i < graft_gguf_n_kv(in); i++) {
        GRAFT_TRY(graft_gguf_copy_kv(out, graft_gguf_kv_at(in, i)));
    }
    for (size_t i = 0; i < graft_gguf_n_tensors(in); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(in, i);
        GRAFT_TRY(graft_gguf_add_tensor(out, t->name, t->format, t->n_dims, t->ne, t->data));
    }
    GRAFT_TRY(graft_gguf_write(out, arguments[1]));
done:
    graft_gguf_close(in);
    graft_gguf_writer_free(out);
    return status;
}

/* Offsets are counted from the start of a mapping, which both ends of the file are part of. */
static graft_status gguf_list(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_gguf *in = NULL;
    const uint8_t *first = NULL;
    GRAFT_TRY(graft_gguf_open(&in, arguments[0]));
    for (size_t i = 0; i < graft_gguf_n_tensors(in); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(in, i);
        first = first == NULL || t->data < first ? t->data : first;
    }
    for (size_t i = 0; i < graft_gguf_n_tensors(in); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(in, i);
        printf("%s %s %td", t->name, t->format->name, t->data - first);
        for (uint32_t d = 0; d < t->n_dims; d++) {
            printf(" %" PRIu64, t->ne[d]);
        }
        printf("\n");
    }
done:
    graft_gguf_close(in);
    return status;
}

static graft_status safetensors_copy(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_safetensors *in = NULL;
    graft_safetensors_writer *out = NULL;
    float **values = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_safetensors_open(&in, arguments[0]));
    GRAFT_TRY(graft_safetensors_writer_new(&out));
    n = graft_safetensors_n(in);
    GRAFT_TRY(graft_alloc(&values, n, sizeof *values));
    for (size_t i = 0; i < n; i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(in, i);
        GRAFT_TRY(graft_alloc(&values[i], t->n_elements, sizeof **values));
        t->format->decode(t->data, values[i], t->n_elements);
        GRAFT_TRY(graft_safetensors_add(out, t->name, t->n_dims, t->shape, values[i]));
    }
    if (graft_safetensors_metadata(in, "format") != NULL) {
        GRAFT_TRY(graft_safetensors_set_metadata(out, "format",
                                                 graft_safetensors_metadata(in, "format")));
    }
    GRAFT_TRY(graft_safetensors_write(out, arguments[1]));
done:
    for (size_t i = 0; values != NULL && i < n; i++) {
        graft_free(values[i]);
    }
    graft_free(values);
    graft_safetensors_close(in);
    graft_safetensors_writer_free(out);
    return status;
}

static graft_status safetensors_list(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_safetensors *in = NULL;
    const uint8_t *first = NULL;
    GRAFT_TRY(graft_safetensors_open(&in, arguments[0]));
    for (size_t i = 0; i < graft_safetensors_n(in); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(in, i);
        first = first == NULL || t->data < first ? t->data : first;
    }
    for (size_t i = 0; i < graft_safetensors_n(in); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(in, i);
        printf("%s %s %td", t->name, t->dtype, t->data - first);
        for (uint32_t d = 0; d < t->n_dims; d++) {
            printf(" %" PRIu64, t->shape[d]);
        }
        printf("\n");
    }
done:
    graft_safetensors_close(in);
    return status;
}

static graft_status hdf5_write(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_h5_writer *image = NULL;
    static float values[1000];
    static const uint64_t counters[2] = {7, UINT64_MAX};
    for (int i = 0; i < 1000; i++) {
        values[i] = (float)i / 8;
    }
    GRAFT_TRY(graft_h5_new(&image));
    GRAFT_TRY(graft_h5_put_f32(image, "adapter/blk.0/a", values, 1000));
    GRAFT_TRY(graft_h5_put_u64(image, "counters", counters, 2));
    GRAFT_TRY(graft_h5_put_text(image, "config", "seed: 42\n", 9));
    GRAFT_TRY(graft_h5_put_text(image, "nothing", NULL, 0));
    GRAFT_TRY(graft_h5_write(image, arguments[0]));
done:
    graft_h5_writer_free(image);
    return status;
}

static graft_status hdf5_list(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    graft_text list;
    graft_text_init(&list);
    GRAFT_TRY(graft_h5_read(&image, arguments[0]));
    GRAFT_TRY(graft_h5_list(image, &list));
    printf("%s", graft_text_z(&list));
done:
    graft_text_clear(&list);
    graft_h5_free(image);
    return status;
}

static graft_status read_json(graft_json **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_file_read(&text, path, (size_t)1 << 30));
    GRAFT_TRY(graft_json_parse(out, graft_text_z(&text), text.len));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status json(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(read_json(&value, arguments[0]));
    GRAFT_TRY(graft_json_write(&text, value, (graft_json_style)atoi(arguments[1])));
    fwrite(text.data, 1, text.len, stdout);
done:
    graft_text_clear(&text);
    graft_json_free(value);
    return status;
}

static graft_status yaml(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_yaml_read(&value, arguments[0]));
    GRAFT_TRY(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    fwrite(text.data, 1, text.len, stdout);
done:
    graft_text_clear(&text);
    graft_json_free(value);
    return status;
}

static graft_status yaml_write(char **arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(read_json(&value, arguments[0]));
    GRAFT_TRY(graft_yaml_write(&text, value));
    fwrite(text.data, 1, text.len, stdout);
done:
    graft_text_clear(&text);
    graft_json_free(value);
    return status;
}

static const struct {
    const char *name;
    int n_arguments;
    graft_status (*run)(char **arguments);
} commands[] = {
    {"gguf-copy", 2, gguf_copy}, {"gguf-list", 1, gguf_list},
    {"safetensors-copy", 2, safetensors_copy}, {"safetensors-list", 1, safetensors_list},
    {"hdf5-write", 1, hdf5_write}, {"hdf5-list", 1, hdf5_list}, {"json", 2, json},
    {"yaml", 1, yaml}, {"yaml-write", 1, yaml_write},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 == commands[i].n_arguments) {
            if (commands[i].run(argv + 2) == GRAFT_OK) {
                return 0;
            }
            fprintf(stderr, "%s\n", graft_error_message());
            return 1;
        }
    }
    fprintf(stderr, "usage: files COMMAND ARGUMENT...\n");
    return 2;
}
