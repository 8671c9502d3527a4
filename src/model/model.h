/* model/model.h - a base model: the tensors of a GGUF file and the forward pass of its family. */
#ifndef GRAFT_MODEL_MODEL_H
#define GRAFT_MODEL_MODEL_H

#include "core/map.h"
#include "io/gguf.h"
#include "model/block.h"
#include "model/hparams.h"

typedef struct graft_model graft_model;

/* Keys and values of past tokens, for decoding: activations [n_layer][n_kv][n_rows, d_head]
 * each. */
typedef struct graft_kv_cache {
    char *k, *v;
    size_t n_rows, layer_bytes, head_bytes; /* of one layer, and one head of it */
} graft_kv_cache;

/* Rows of the last layer that anything reads, in ascending order, none twice. */
typedef struct graft_rows_wanted {
    const uint32_t *rows;
    size_t n;
} graft_rows_wanted;

/* Bytes per token: of what a kept layer holds until its backward, of what a layer at work needs
 * beside that, and of what a pass makes once for all layers. */
typedef struct graft_layer_bytes {
    size_t kept, work, once;
} graft_layer_bytes;

/* A family is one file and one row of families.c: what sets it apart from the rest. */
typedef struct graft_family {
    const char *arch; /* general.architecture */
    bool halves;      /* rotations turn entry i of a head with i + d_rope / 2, not 2i with 2i + 1 */
    bool partial;     /* heads may be turned in part */
    bool tied;        /* files have no output head of their own */
    graft_gate gate;
    /* Reads keys that only this family has into model->hparams, whose other fields are set; may be
     * NULL. */
    graft_status (*read_hparams)(graft_model *model);
    /* Fetches the tensors of layer l. Run, gate, halves, rotation and window are set. */
    graft_status (*read_block)(graft_model *model, size_t l, graft_block *block);
} graft_family;
extern const graft_family *const graft_families[]; /* NULL-terminated */

enum { GRAFT_MAX_ROTATIONS = 2 };

struct graft_model {
    graft_gguf *file;
    const graft_family *family;
    graft_hparams hparams;
    graft_block *blocks; /* [n_layer] */
    graft_slot *slots;   /* all linear maps of the layers, in order */
    size_t n_slots;
    graft_weight embedding, head; /* the same where they are tied */
    bool tied;
    graft_real *output_gain;
    graft_rotation rotations[GRAFT_MAX_ROTATIONS]; /* of layers without a window, and with one */
    size_t n_rotations;
    bool long_context; /* see graft_model_set_context */
    graft_arena arena; /* what lives as long as the model */
    graft_map asked;   /* while it opens: names of tensors that were asked for */
};

/* Opens and checks a model. GRAFT_E_MODEL for an unknown architecture ("known: ..."), a missing
 * or misshapen tensor, a tensor that the family does not know, or hyper-parameters out of range;
 * always with the file's name. */
graft_status graft_model_open(graft_model **out, const char *path);
void graft_model_close(graft_model *model);

/* Sequences will be of up to n_tok tokens, prompts and replies together. Some models are made for
 * short and for long contexts with rotations of their own, and all of a sequence must be read with
 * the same ones; until something is set they are those for short contexts. */
void graft_model_set_context(graft_model *model, size_t n_tok);
/* Longest context that the model reads as it is set; SIZE_MAX if that makes no difference. */
size_t graft_model_context(const graft_model *model);

/* To be called before passes run: scratch for all threads, and what follows from the parameters of attached
 * adapters as they are now. */
graft_status graft_model_prepare(const graft_model *model, graft_compute *compute);

/* With the adapters that are attached; for choosing passes by memory. */
graft_layer_bytes graft_model_layer_bytes(const graft_model *model, const graft_kernels *kernels);

/* Residual stream of a pass at the wanted rows. ids are checked against the vocabulary, positions
 * against the context that was set (GRAFT_E_DATA). The lowest n_recomputed layers are run again in
 * backward instead of being kept. `wanted` and its rows must outlive the tape. */
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

/* What a token takes in a cache, keys and values of all layers. */
size_t graft_kv_row_bytes(const graft_model *model, const graft_kernels *kernels);
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
/* The same for "blk.<layer>.<part>.weight". */
graft_status graft_model__gain(graft_model *model, size_t layer, const char *part, size_t n,
                               graft_real **out);
/* A slot for tensor "blk.<layer>.<part>.weight", appended to model->slots (room was made). */
graft_status graft_model__slot(graft_model *model, size_t layer, const char *part, size_t n_out,
                               size_t n_in, graft_slot **out);
/* Its bias "blk.<layer>.<part>.bias", if the file has one. */
graft_status graft_model__bias(graft_model *model, size_t layer, const char *part,
                               graft_slot *slot);
/* Fails, naming one, if the file has tensors that nobody asked for. */
graft_status graft_model__all_known(const graft_model *model);

#endif
