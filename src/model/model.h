/* model/model.h - a base model: the tensors of a GGUF file and the forward pass of its family. */
#ifndef GRAFT_MODEL_MODEL_H
#define GRAFT_MODEL_MODEL_H

#include "adapter/slot.h"
#include "io/gguf.h"

typedef struct graft_hparams {
    size_t n_layer, n_embd, n_head, n_kv, d_head, d_rope, n_ff, n_vocab, n_ctx;
    double rms_eps, rope_base;
    double rope_scale; /* positions are multiplied by it: 1 / factor of linear scaling */
} graft_hparams;

typedef struct graft_model graft_model;

/* Keys and values of past tokens, for decoding: activations [n_layer][n_rows, n_kv * d_head] each,
 * rows graft_act_ld apart. */
typedef struct graft_kv_cache {
    char *k, *v;
    size_t n_rows, layer_bytes;
} graft_kv_cache;

/* Rows of the last layer that anything reads, in ascending order, none twice. */
typedef struct graft_rows_wanted {
    const uint32_t *rows;
    size_t n;
} graft_rows_wanted;

/* Bytes per token: of what a kept layer holds until its backward, and of what a layer at work needs
 * beside that. */
typedef struct graft_layer_bytes {
    size_t kept, work;
} graft_layer_bytes;

/* A family is one file and one row of families.c. */
typedef struct graft_family {
    const char *arch; /* general.architecture */
    /* Reads hyper-parameters and tensors; fills model->hparams, slots and family_data. */
    graft_status (*open)(graft_model *model);
    /* *out = the residual stream after the last layer, the wanted rows [wanted->n, n_embd]. The
     * lowest n_recomputed layers are run again in backward instead of being kept. */
    graft_status (*hidden)(graft_model *model, graft_tape *tape, const graft_pass *pass,
                           const graft_kv_cache *cache, size_t n_recomputed,
                           const graft_rows_wanted *wanted, graft_tensor **out);
    /* With the adapters that are attached; for choosing passes by memory. */
    graft_layer_bytes (*layer_bytes)(const graft_model *model, const graft_kernels *kernels);
} graft_family;
extern const graft_family *const graft_families[]; /* NULL-terminated */

struct graft_model {
    graft_gguf *file;
    const graft_family *family;
    graft_hparams hparams;
    graft_slot *slots; /* all linear maps of the layers, in order */
    size_t n_slots;
    graft_weight embedding, head;
    bool tied;
    graft_real *output_gain;
    graft_real *inv_freq; /* [d_rope / 2], rope factors applied */
    graft_arena arena;    /* what lives as long as the model */
    void *family_data;
};

/* Opens and checks a model. GRAFT_E_MODEL for an unknown architecture ("known: ..."), a missing
 * or misshapen tensor, a tensor that the family does not know, or hyper-parameters out of range;
 * always with the file's name. */
graft_status graft_model_open(graft_model **out, const char *path);
void graft_model_close(graft_model *model);

/* Residual stream of a pass at the wanted rows. ids are checked against the vocabulary
 * (GRAFT_E_DATA). `wanted` and its rows must outlive the tape. */
graft_status graft_model_hidden(graft_model *model, graft_tape *tape, const graft_pass *pass,
                                const graft_kv_cache *cache, size_t n_recomputed,
                                const graft_rows_wanted *wanted, graft_tensor **out);
/* Runs the pass and adds its share of the loss (see graft_op_head_loss); logprobs
 * [n_predictions] or NULL. */
graft_status graft_model_loss(graft_model *model, graft_tape *tape, const graft_pass *pass,
                              size_t n_recomputed, double total_weight, double *loss,
                              float *logprobs);
/* How logits come out of the residual stream. */
graft_head graft_model_head(const graft_model *model);
/* *out = logits [n_rows, n_vocab] of a residual stream. */
graft_status graft_model_logits(graft_model *model, graft_tape *tape, graft_tensor *hidden,
                                graft_tensor **out);

graft_status graft_kv_cache_init(graft_kv_cache *cache, const graft_model *model,
                                 const graft_kernels *kernels, size_t n_rows);
/* Keys and values of n rows, all layers; the two ranges may overlap. */
void graft_kv_cache_copy(graft_kv_cache *cache, const graft_model *model, size_t to, size_t from,
                         size_t n);
void graft_kv_cache_clear(graft_kv_cache *cache);

/* --- for families --- */

/* The tensor `name` as a weight [n_out, n_in]; GRAFT_E_MODEL if missing or of another shape. */
graft_status graft_model__weight(graft_model *model, const char *name, size_t n_out, size_t n_in,
                                 graft_weight *out);
/* The tensor `name` of n elements as reals in the model's arena; must be finite. */
graft_status graft_model__vector(graft_model *model, const char *name, size_t n, graft_real **out);
/* A slot for tensor "blk.<layer>.<part>.weight", appended to model->slots (room was made). */
graft_status graft_model__slot(graft_model *model, size_t layer, const char *part, size_t n_out,
                               size_t n_in, graft_slot **out);
/* Fails if the file has tensors whose names the family did not ask for. */
graft_status graft_model__all_known(const graft_model *model, size_t n_asked);
/* cos, sin per token and frequency [n_tok, d_rope] in the pass's arena. */
graft_status graft_model__rope_table(const graft_model *model, graft_tape *tape,
                                     const graft_pass *pass, graft_real **out);

#endif
