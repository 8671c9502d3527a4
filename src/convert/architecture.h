/* convert/architecture.h - room-internal: how the models of Hugging Face become those of GGUF.
 *
 * An architecture is a value of `architectures` in config.json. It is one file and one row of
 * architectures.c: which GGUF architecture it becomes, what its tensors are called there, of which
 * shape they are, and which keys tell the runtime its hyper-parameters. */
#ifndef GRAFT_CONVERT_ARCHITECTURE_H
#define GRAFT_CONVERT_ARCHITECTURE_H

#include "convert/config.h"
#include "convert/keys.h"
#include "core/arena.h"

typedef enum graft_hf_size {
    GRAFT_HF_NONE,  /* a vector has no second size */
    GRAFT_HF_EMBD, GRAFT_HF_VOCAB,
    GRAFT_HF_Q,     /* n_head * d_head */
    GRAFT_HF_KV,    /* n_kv * d_head */
    GRAFT_HF_QKV,   /* Q + 2 KV */
    GRAFT_HF_HEAD,  /* d_head */
    GRAFT_HF_FF, GRAFT_HF_FF2 /* gate and up in one */
} graft_hf_size;

typedef enum graft_hf_part {
    GRAFT_HF_PLAIN,
    GRAFT_HF_QUERY, GRAFT_HF_KEY, /* rows belong to heads that are rotated */
    GRAFT_HF_GAIN                 /* of a norm */
} graft_hf_part;

/* A tensor of a layer ("model.layers.N." + hf becomes "blk.N." + gguf) or of the whole model
 * ("model." + hf becomes gguf). A table of them ends with hf == NULL. */
typedef struct graft_hf_rule {
    const char *hf, *gguf;
    graft_hf_size rows, cols; /* a vector has cols NONE */
    graft_hf_part part;
    bool optional;
} graft_hf_rule;

typedef struct graft_hf_dims {
    size_t n_layer, n_embd, n_head, n_kv, d_head, n_ff, n_vocab, n_ctx;
    double rms_eps;
    bool has_head_dim; /* the file or the model's class says how wide a head is */
} graft_hf_dims;

/* A tensor that no file holds: factors of rotation. */
typedef struct graft_hf_extra {
    const char *name;
    const float *values;
    size_t n;
} graft_hf_extra;

enum { GRAFT_HF_MAX_EXTRAS = 2, GRAFT_HF_MAX_TABLES = 5 };

struct graft_hf_architecture;

/* What an architecture works with. */
typedef struct graft_hf_model {
    const struct graft_hf_architecture *architecture;
    graft_hf_config config;
    graft_hf_dims dims;
    graft_hf_rope rope;
    graft_hf_extra extras[GRAFT_HF_MAX_EXTRAS];
    size_t n_extras;
    graft_arena arena; /* whatever lives as long as the model */
} graft_hf_model;

typedef struct graft_hf_architecture {
    const char *name;         /* "LlamaForCausalLM" */
    const char *arch;         /* "llama" */
    const graft_hf_rule *rules[GRAFT_HF_MAX_TABLES]; /* of a layer; NULL ends the list */
    const graft_hf_default *defaults; /* what the model's class assumes */
    const char *activation;   /* the only one the runtime computes */
    bool interleaved;         /* rows of q and k become (head, d/2, 2) */
    float gain_shift;         /* added to the gains of norms */
    bool own_head_dim;        /* key_length is written even if the file has no head_dim */
    bool no_space_prefix;     /* tokenizer.ggml.add_space_prefix is always false */
    bool has_vision;          /* tensors of another part are left out */
    /* Checks what the runtime takes for granted and computes extras. May be NULL. */
    graft_status (*prepare)(graft_hf_model *model);
    graft_status (*keys)(const graft_hf_model *model, const graft_hf_keys *keys);
} graft_hf_architecture;

extern const graft_hf_architecture *const graft_hf_architectures[]; /* NULL-terminated */
extern const graft_hf_rule graft_hf_model_rules[]; /* rules.c: of the whole model */

/* The row for config.json; GRAFT_E_MODEL lists the known ones. */
graft_status graft_hf_architecture_of(const graft_hf_architecture **out,
                                      const graft_hf_config *config);

/* Reads config.json of the folder: architecture, dims, rope, extras. */
graft_status graft_hf_model_read(graft_hf_model *model, const char *folder);
void graft_hf_model_clear(graft_hf_model *model);

/* Whether its GGUF architecture has a class that sees and one of text alone. */
bool graft_hf_is_ambiguous(const graft_hf_architecture *architecture);

size_t graft_hf_size_of(const graft_hf_dims *dims, graft_hf_size size);

/* --- what architectures share --- */

/* block_count, context_length, ..., the rotation: the keys that most have. */
graft_status graft_hf_common_keys(const graft_hf_model *model, const graft_hf_keys *keys);
/* vocab_size and rope.dimension_count, which the kin of llama has beside them. */
graft_status graft_hf_llama_keys(const graft_hf_model *model, const graft_hf_keys *keys);
/* rope_freqs.weight of rope type "llama3". */
graft_status graft_hf_llama_prepare(graft_hf_model *model);
/* Layers with a window are those with layer % period != period - 1; anything else is refused. */
graft_status graft_hf_check_windows(const graft_hf_model *model, size_t period);
/* A remark if attention is scaled by something else than the runtime takes. */
graft_status graft_hf_check_scale(const graft_hf_model *model, size_t n_layer_of_largest);
/* Room for n numbers as an extra tensor. */
graft_status graft_hf_add_extra(graft_hf_model *model, const char *name, size_t n, float **out);

/* Tables of rules.c. */
extern const graft_hf_rule graft_hf_attention_rules[]; /* q, k, v, o */
extern const graft_hf_rule graft_hf_bias_rules[];      /* of these; optional */
extern const graft_hf_rule graft_hf_head_norm_rules[]; /* of q and k */
extern const graft_hf_rule graft_hf_gated_rules[];     /* gate, up, down */
extern const graft_hf_rule graft_hf_norm_rules[];      /* in front of attention and of the unit */
extern const graft_hf_rule graft_hf_sandwich_rules[];  /* in front of and behind both */

#endif
