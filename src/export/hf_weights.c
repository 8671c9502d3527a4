/* export/hf_weights.c - model.safetensors: Hugging Face's names and row order, streamed.
 *
 * The rows come from export/merge.h. Those of q and k are put back into the order that Hugging Face
 * rotates (peft_names.h), and gains of norms lose what GGUF files have added. */
#include <string.h>

#include "core/memory.h"
#include "export/hf.h"
#include "export/merge.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/safetensors.h"

/* One tensor on its way. */
typedef struct turned {
    const graft_tensor_source *inner;
    size_t row, heads; /* numbers of a row; heads whose rows are interleaved, 0: none */
    size_t n_rows;     /* over all dimensions but the first */
    float shift;       /* taken off each number */
    graft_text name;
} turned;

/* --- names --- */

static graft_status name_norm(graft_text *out, const graft_hf_class *class, const char *name)
{
    static const struct {
        const char *gguf, *plain, *sandwich;
    } norms[] = {
        {"attn_norm", "input_layernorm", "input_layernorm"},
        {"ffn_norm", "post_attention_layernorm", "pre_feedforward_layernorm"},
        {"post_attention_norm", NULL, "post_attention_layernorm"},
        {"post_ffw_norm", NULL, "post_feedforward_layernorm"},
        {"attn_q_norm", "self_attn.q_norm", "self_attn.q_norm"},
        {"attn_k_norm", "self_attn.k_norm", "self_attn.k_norm"},
    };
    size_t n_digits = strncmp(name, "blk.", 4) == 0 ? strspn(name + 4, "0123456789") : 0;
    const char *part = name + 4 + n_digits + 1;
    for (size_t i = 0; n_digits > 0 && i < sizeof norms / sizeof *norms; i++) {
        size_t n = strlen(norms[i].gguf);
        const char *hf = class->sandwich ? norms[i].sandwich : norms[i].plain;
        if (strncmp(part, norms[i].gguf, n) == 0 && strcmp(part + n, ".weight") == 0 && hf != NULL) {
            return graft_text_appendf(out, "model.layers.%.*s.%s.weight", (int)n_digits, name + 4,
                                      hf);
        }
    }
    return graft_fail(GRAFT_E_FAILED, "tensor \"%s\" has no counterpart in %s", name, class->name);
}

/* The matrix that a tensor belongs to: itself, or of a bias the one it is added to. */
static graft_status name_map(graft_text *out, const char *name)
{
    bool bias = graft_str_ends_with(name, ".bias");
    return graft_text_appendf(out, "%.*s%s", (int)(strlen(name) - (bias ? strlen("bias") : 0)), name,
                              bias ? "weight" : "");
}

/* *skipped: config.json says what the tensor holds. *norm: it is the gain of one. */
static graft_status name_tensor(graft_text *out, const graft_hf_class *class, const char *name,
                                bool *skipped, bool *norm)
{
    graft_status status = GRAFT_OK;
    graft_text map;
    graft_text_init(&map);
    *skipped = strcmp(name, "rope_freqs.weight") == 0 ||
               graft_str_starts_with(name, "rope_factors_");
    *norm = strstr(name, "norm") != NULL;
    if (*skipped) {
        return GRAFT_OK;
    }
    if (strcmp(name, "token_embd.weight") == 0) {
        return graft_text_append_z(out, "model.embed_tokens.weight");
    }
    if (strcmp(name, "output_norm.weight") == 0) {
        return graft_text_append_z(out, "model.norm.weight");
    }
    if (*norm) {
        return name_norm(out, class, name);
    }
    GRAFT_TRY(name_map(&map, name));
    GRAFT_TRY(graft_export__hf_name(out, class->arch, map.data));
    GRAFT_TRY(graft_text_append_z(out, graft_str_ends_with(name, ".bias") ? ".bias" : ".weight"));
done:
    graft_text_clear(&map);
    return status;
}

/* --- rows --- */

/* Where the row (or of a vector the number) stands in the GGUF file. */
static uint64_t place_of(const turned *t, uint64_t row, uint64_t n_rows)
{
    if (t->heads == 0) {
        return row;
    }
    uint64_t half = n_rows / t->heads / 2;
    uint64_t head = row / (2 * half), side = row % (2 * half) / half, pair = row % half;
    return head * 2 * half + pair * 2 + side;
}

static graft_status read_inner(const turned *t, uint64_t row, float *out)
{
    const graft_tensor_source *s = t->inner;
    if (s->read != NULL) {
        return s->read(s->context, row, 1, out);
    }
    size_t blocks = t->row / s->format->block_elems;
    s->format->decode((const uint8_t *)s->data + row * blocks * s->format->block_bytes, out, blocks);
    return GRAFT_OK;
}

static graft_status read_rows(const void *context, uint64_t first_row, size_t n_rows, float *out)
{
    graft_status status = GRAFT_OK;
    const turned *t = context;
    bool vector = t->n_rows == 1 && t->heads > 0;
    float *row = NULL;
    for (size_t k = 0; k < n_rows; k++) {
        float *to = out + k * t->row;
        GRAFT_TRY(read_inner(t, vector ? 0 : place_of(t, first_row + k, t->n_rows), to));
        for (size_t i = 0; t->shift != 0 && i < t->row; i++) {
            to[i] -= t->shift;
        }
    }
    if (vector) {
        GRAFT_TRY(graft_alloc(&row, t->row, sizeof *row));
        memcpy(row, out, t->row * sizeof *row);
        for (size_t i = 0; i < t->row; i++) {
            out[i] = row[place_of(t, i, t->row)];
        }
    }
done:
    graft_free(row);
    return status;
}

static graft_status note_rows(const void *context, uint64_t first_row, size_t n_rows,
                              const float *values, const double *costs)
{
    graft_status status = GRAFT_OK;
    const turned *t = context;
    (void)costs; /* nothing is rounded to blocks */
    for (size_t k = 0; k < n_rows && t->inner->written != NULL; k++) {
        GRAFT_TRY(t->inner->written(t->inner->context, place_of(t, first_row + k, t->n_rows), 1,
                                    values + k * t->row, NULL));
    }
done:
    return status;
}

/* --- the file --- */

typedef struct weights {
    const graft_export_job *job;
    graft_merged merge;
    graft_tensor_source *sources;
    turned *tensors;
    size_t n;
    graft_survival *survival;
    const graft_format *format;
} weights;

static graft_status turn(weights *w, const graft_hf_class *class, const graft_tensor_source *inner)
{
    graft_status status = GRAFT_OK;
    turned *t = &w->tensors[w->n];
    const graft_export_adapter *a = w->job->adapter;
    bool skipped, norm;
    graft_text map;
    graft_text_init(&map);
    GRAFT_TRY(name_tensor(&t->name, class, inner->name, &skipped, &norm));
    if (skipped) {
        return GRAFT_OK;
    }
    *t = (turned){.inner = inner, .row = (size_t)inner->ne[0], .n_rows = 1, .name = t->name,
                  .shift = norm ? class->gain_shift : 0};
    for (uint32_t d = 1; d < inner->n_dims; d++) {
        t->n_rows *= (size_t)inner->ne[d];
    }
    GRAFT_TRY(name_map(&map, inner->name));
    t->heads = graft_export__interleaved_heads(a->arch, map.data, a->n_head, a->n_kv);
    w->sources[w->n] = (graft_tensor_source){
        .name = t->name.data, .n_dims = inner->n_dims, .format = w->format, .read = read_rows,
        .written = inner->written != NULL ? note_rows : NULL, .context = t};
    memcpy(w->sources[w->n].ne, inner->ne, sizeof inner->ne);
    w->n++;
done:
    graft_text_clear(&map);
    return status;
}

/* Everything is made and nothing published: the moment to refuse. */
static graft_status judge(void *context)
{
    weights *w = context;
    for (size_t i = 0; i < w->merge.n; i++) {
        w->merge.targets[i] = w->format;
    }
    return graft_export__judge(w->job, &w->merge, w->survival);
}

static graft_status write_file(weights *w, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_safetensors_writer *file = NULL;
    graft_quantize_stream *stream = NULL;
    const graft_quantize_job write = {
        .tensors = w->sources, .n_tensors = w->n, .allow_requantize = true,
        .progress = w->job->progress, .context = w->job->context, .finish = judge,
        .finish_context = w};
    GRAFT_TRY(graft_safetensors_writer_new(&file));
    GRAFT_TRY(graft_safetensors_set_metadata(file, "format", "pt"));
    GRAFT_TRY(graft_quantize_stream_open(&stream, &write));
    for (size_t i = 0; i < w->n; i++) {
        const graft_tensor_source *s = &w->sources[i];
        uint64_t shape[4];
        for (uint32_t d = 0; d < s->n_dims; d++) {
            shape[d] = s->ne[s->n_dims - 1 - d];
        }
        GRAFT_TRY(graft_safetensors_add_as(file, s->name, w->format, s->n_dims, shape, NULL));
    }
    GRAFT_TRY(graft_safetensors_write_with(file, path, graft_quantize_stream_put, stream));
done:
    graft_quantize_stream_close(stream);
    graft_safetensors_writer_free(file);
    return status;
}

graft_status graft_export__write_hf_weights(const graft_export_job *job, const graft_hf_class *class,
                                            const graft_format *format, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_survival own;
    weights w = {.job = job, .format = format,
                 .survival = job->survival != NULL ? job->survival : &own};
    char *path = NULL;
    graft_survival_init(&own);
    graft_survival_clear(w.survival);
    GRAFT_TRY(graft_merged_open(&w.merge, job->base, job->adapter));
    GRAFT_TRY(graft_alloc(&w.sources, w.merge.n, sizeof *w.sources));
    GRAFT_TRY(graft_alloc(&w.tensors, w.merge.n, sizeof *w.tensors));
    for (size_t i = 0; i < w.merge.n; i++) {
        GRAFT_TRY(turn(&w, class, &w.merge.sources[i]));
    }
    GRAFT_TRY(graft_path_join(&path, folder, "model.safetensors"));
    GRAFT_TRY(write_file(&w, path));
done:
    for (size_t i = 0; w.tensors != NULL && i < w.merge.n; i++) {
        graft_text_clear(&w.tensors[i].name);
    }
    graft_free(w.tensors);
    graft_free(w.sources);
    graft_merged_clear(&w.merge);
    graft_survival_clear(&own);
    graft_free(path);
    return status;
}
