/* importance_write.c - importance matrices as llama.cpp's imatrix program writes them. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/importance.h"
#include "io/gguf.h"

/* An array of strings is encoded as it stands in the file: each its length (u64), then its bytes. */
static graft_status set_strings(graft_gguf_writer *file, const char *key, const char *const *texts,
                                size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text data;
    graft_text_init(&data);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(texts[i]);
        for (unsigned byte = 0; byte < 8; byte++) {
            GRAFT_TRY(graft_text_append_char(&data, (char)((uint64_t)len >> 8 * byte & 0xff)));
        }
        GRAFT_TRY(graft_text_append(&data, texts[i], len));
    }
    GRAFT_TRY(graft_gguf_copy_kv(file, &(graft_gguf_kv){
        .key = {key, strlen(key)}, .type = GRAFT_GGUF_ARRAY, .element_type = GRAFT_GGUF_STRING,
        .n = n, .data = (const uint8_t *)graft_text_z(&data), .n_bytes = data.len}));
done:
    graft_text_clear(&data);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const graft_importance_sums *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static graft_status add_part(graft_gguf_writer *file, const char *name, const char *suffix,
                             uint64_t n, const float *data)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_appendf(&text, "%s%s", name, suffix));
    GRAFT_TRY(graft_gguf_add_tensor(file, graft_text_z(&text), &graft_format_f32, 2,
                                    (const uint64_t[4]){n, 1, 1, 1}, data));
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_importance_write(const char *path, const graft_importance_sums *tensors, size_t n,
                                    const graft_importance_source *source)
{
    graft_status status = GRAFT_OK;
    const graft_importance_sums **order = NULL;
    graft_gguf_writer *file = NULL;
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(graft_gguf_set_string(file, "general.type", "imatrix", 7));
    GRAFT_TRY(set_strings(file, "imatrix.datasets", source->datasets, source->n_datasets));
    GRAFT_TRY(graft_gguf_set_u32(file, "imatrix.chunk_count", source->chunk_count));
    GRAFT_TRY(graft_gguf_set_u32(file, "imatrix.chunk_size", source->chunk_size));
    GRAFT_TRY(graft_alloc(&order, n, sizeof *order));
    for (size_t i = 0; i < n; i++) {
        order[i] = &tensors[i];
    }
    qsort(order, n, sizeof *order, by_name);
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(add_part(file, order[i]->name, ".in_sum2", order[i]->n_in, order[i]->sums));
        GRAFT_TRY(add_part(file, order[i]->name, ".counts", 1, &order[i]->count));
    }
    GRAFT_TRY(graft_gguf_write(file, path));
done:
    graft_free(order);
    graft_gguf_writer_free(file);
    return status;
}
