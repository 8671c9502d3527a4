/* model/rotation.h - rotary position embedding: the angles by which heads are turned (Su et al. 2021),
 * with what models do to reach longer contexts: linear scaling, factors per frequency (Llama 3.1),
 * YaRN (Peng et al. 2023), LongRoPE (Ding et al. 2024). */
#ifndef GRAFT_MODEL_ROTATION_H
#define GRAFT_MODEL_ROTATION_H

#include "autograd/ops.h"
#include "model/hparams.h"

struct graft_model;

/* Layers of a kind share one. */
typedef struct graft_rotation {
    size_t d_rope;
    const graft_real *inv_freq;      /* [d_rope / 2]: angle per position */
    const graft_real *inv_freq_long; /* for contexts beyond n_short; NULL: the same */
    size_t n_short;
    double magnitude;   /* of what was rotated */
    double temperature; /* queries at position p: * (1 + temperature * log(1 + floor(p / n_short))) */
} graft_rotation;

/* Reads factors (tensors rope_freqs.weight, rope_factors_short.weight, rope_factors_long.weight)
 * where the family has them. `local`: for layers with a window. */
graft_status graft_model__rotation(struct graft_model *model, bool local, graft_rotation *out);

/* What graft_op_rope takes, in the pass's arena: cos, sin per token and frequency [n_tok, d_rope].
 * long_context chooses the factors. */
graft_status graft_rotation_table(const graft_rotation *rotation, graft_tape *tape,
                                  const graft_pass *pass, bool queries, bool long_context,
                                  const graft_real **out);

#endif
