/* model/hparams.h - what a file says about its model, apart from the tensors. */
#ifndef GRAFT_MODEL_HPARAMS_H
#define GRAFT_MODEL_HPARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

/* How positions become angles, for all layers of a model; see model/rotation.h. */
typedef struct graft_rope_hparams {
    size_t d_rope;      /* entries of a head that are rotated, the first ones */
    size_t n_ctx_short; /* positions the model was first trained with */
    double base, scale; /* angle = scale * position * base^(-2i / d_rope) */
    bool none;          /* positions do not matter */
    bool yarn;          /* (Peng et al. 2023) only slow frequencies are scaled */
    bool longrope;      /* (Ding et al. 2024) factors for short and for long contexts */
    bool factors;       /* the family reads the factors of frequencies that a file may carry */
    double beta_fast, beta_slow; /* turns within n_ctx_short between which yarn blends */
    double log_multiplier;       /* of yarn's magnitude; 0: the paper's */
    double magnitude;            /* of what was rotated; 1 */
    double temperature; /* queries at position p are multiplied by
                         * 1 + temperature * log(1 + floor(p / n_ctx_short)) */
    double local_base, local_scale; /* of layers with a window; 0: as the others */
} graft_rope_hparams;

typedef struct graft_hparams {
    size_t n_layer, n_embd, n_head, n_kv, d_head, n_ff, n_vocab, n_ctx;
    double rms_eps;
    double attention_scale;                  /* of the products of queries and keys */
    double attention_softcap, logit_softcap; /* x becomes cap * tanh(x / cap); 0: none */
    double embedding_scale, residual_scale, logit_scale; /* what is multiplied by them; 1 */
    size_t window;        /* keys that a layer with a window sees */
    size_t window_period; /* the last of so many layers has none; 0: no layer has one */
    graft_rope_hparams rope;
} graft_hparams;

struct graft_model;

/* Fills model->hparams (all but n_vocab) with what the keys "<arch>.*" say, or their defaults. What a
 * family has beside that is added by its own function. GRAFT_E_MODEL, naming the file, for keys
 * that are missing, out of range or contradict each other. */
graft_status graft_model__read_hparams(struct graft_model *model);

/* After the family's: what must hold of any model. */
graft_status graft_model__check_hparams(const struct graft_model *model);

/* Key "<arch>.<key>". _get_ fails if it is absent, _want_ then leaves *out alone. */
graft_status graft_model__get_size(const struct graft_model *model, const char *key, size_t min,
                                   size_t max, size_t *out);
graft_status graft_model__want_size(const struct graft_model *model, const char *key, size_t min,
                                    size_t max, size_t *out);
graft_status graft_model__get_number(const struct graft_model *model, const char *key, double *out);
graft_status graft_model__want_number(const struct graft_model *model, const char *key,
                                      double *out);

/* A factor; 0 says nothing and leaves *out alone. */
graft_status graft_model__want_scale(const struct graft_model *model, const char *key, double *out);

/* GRAFT_E_MODEL with the file's name and what contradicts what. */
graft_status graft_model__refuse(const struct graft_model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
