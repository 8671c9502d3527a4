#include "model/rotation.h"

#include <math.h>

#include "autograd/rows.h"
#include "model/model.h"

#define PI 3.14159265358979323846

/* --- frequencies --- */

/* Pairs of entries that yarn begins and ends to blend at: those that turn beta times within the
 * positions the model was first trained with. */
typedef struct yarn_range {
    double low, high;
} yarn_range;

static double turning_pair(const graft_rope_hparams *rope, double base, double turns)
{
    return (double)rope->d_rope * log((double)rope->n_ctx_short / (turns * 2 * PI)) /
           (2 * log(base));
}

static yarn_range find_range(const graft_rope_hparams *rope, double base)
{
    double low = floor(turning_pair(rope, base, rope->beta_fast));
    double high = ceil(turning_pair(rope, base, rope->beta_slow));
    return (yarn_range){fmax(0, low), fmin((double)rope->d_rope - 1, high)};
}

/* Share of pair i that keeps its own frequency: 1 where it turns fast. */
static double kept_share(yarn_range range, size_t i)
{
    double at = ((double)i - range.low) / fmax(0.001, range.high - range.low);
    return 1 - fmin(1, fmax(0, at));
}

/* factors: [d_rope / 2] or NULL. */
static graft_status frequencies(graft_model *model, double base, double scale,
                                const graft_real *factors, const graft_real **out)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *rope = &model->hparams.rope;
    size_t half = rope->d_rope / 2;
    graft_real *inv_freq = NULL;
    GRAFT_TRY(graft_arena_alloc(&model->arena, &inv_freq, half, sizeof *inv_freq));
    yarn_range range = find_range(rope, base);
    for (size_t i = 0; i < half; i++) {
        double own = pow(base, -2.0 * (double)i / (double)rope->d_rope);
        double kept = rope->yarn ? kept_share(range, i) : 0;
        own /= factors == NULL ? 1.0 : (double)factors[i];
        inv_freq[i] = (graft_real)(own * (kept + (1 - kept) * scale));
    }
    *out = inv_freq;
done:
    return status;
}

static graft_status read_factors(graft_model *model, const char *name, graft_real **out)
{
    graft_status status = GRAFT_OK;
    size_t half = model->hparams.rope.d_rope / 2;
    *out = NULL;
    if (graft_gguf_find_tensor(model->file, name) == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_model__vector(model, name, half, out));
    for (size_t i = 0; i < half; i++) {
        if (!((*out)[i] > 0)) {
            return graft_model__refuse(model, "tensor \"%s\" has a factor that is not positive",
                                       name);
        }
    }
done:
    return status;
}

/* YaRN makes attention sharper the further it stretches: by the model's factor, and by the scale of
 * these layers, as the runtime puts it together. */
static double yarn_magnitude(const graft_rope_hparams *rope, double scale)
{
    double stretch = -log(rope->scale), paper = stretch <= 0 ? 1 : 1 + 0.1 * stretch;
    double multiplied = stretch <= 0 ? 1 : 1 + 0.1 * rope->log_multiplier * stretch;
    double own = rope->log_multiplier == 0 ? paper : paper / multiplied;
    return own * (1 - 0.1 * log(scale)) / (1 + 0.1 * stretch);
}

graft_status graft_model__rotation(graft_model *model, bool local, graft_rotation *out)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *rope = &model->hparams.rope;
    bool own = local && rope->local_base > 0;
    double base = own ? rope->local_base : rope->base;
    double scale = own ? rope->local_scale : rope->scale;
    graft_real *all = NULL, *near = NULL, *far = NULL;
    *out = (graft_rotation){.d_rope = rope->d_rope,
                            .n_short = rope->n_ctx_short,
                            .magnitude = rope->magnitude,
                            .temperature = rope->temperature};
    out->magnitude *= rope->yarn ? yarn_magnitude(rope, scale) : 1;
    if (rope->factors) {
        GRAFT_TRY(read_factors(model, "rope_freqs.weight", &all));
        GRAFT_TRY(read_factors(model, "rope_factors_short.weight", &near));
        GRAFT_TRY(read_factors(model, "rope_factors_long.weight", &far));
    }
    if ((near == NULL) != (far == NULL)) {
        return graft_model__refuse(model, "of rope_factors_short.weight and "
                                   "rope_factors_long.weight one is missing");
    }
    GRAFT_TRY(frequencies(model, base, scale, all != NULL ? all : near, &out->inv_freq));
    if (all == NULL && far != NULL) {
        GRAFT_TRY(frequencies(model, base, scale, far, &out->inv_freq_long));
    }
done:
    return status;
}

/* --- tables --- */

typedef struct table_rows {
    const graft_rotation *rotation;
    const graft_real *inv_freq;
    const uint32_t *positions;
    graft_real *table;
    bool queries;
} table_rows;

static double magnitude_at(const table_rows *t, uint32_t position)
{
    const graft_rotation *r = t->rotation;
    if (!t->queries || r->temperature == 0) {
        return r->magnitude;
    }
    double times = (double)(position / r->n_short);
    return r->magnitude * (1 + r->temperature * log(1 + times));
}

static void fill_rows(const void *context, size_t begin, size_t end)
{
    const table_rows *t = context;
    size_t half = t->rotation->d_rope / 2;
    for (size_t i = begin; i < end; i++) {
        double magnitude = magnitude_at(t, t->positions[i]);
        for (size_t k = 0; k < half; k++) {
            double angle = t->positions[i] * (double)t->inv_freq[k];
            t->table[(i * half + k) * 2] = (graft_real)(cos(angle) * magnitude);
            t->table[(i * half + k) * 2 + 1] = (graft_real)(sin(angle) * magnitude);
        }
    }
}

graft_status graft_rotation_table(const graft_rotation *rotation, graft_tape *tape,
                                  const graft_pass *pass, bool queries, bool long_context,
                                  const graft_real **out)
{
    graft_status status = GRAFT_OK;
    table_rows rows = {rotation, rotation->inv_freq, pass->positions, NULL, queries};
    if (long_context && rotation->inv_freq_long != NULL) {
        rows.inv_freq = rotation->inv_freq_long;
    }
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &rows.table,
                                pass->n_tok * rotation->d_rope, sizeof *rows.table));
    graft_rows_run(pass->n_tok, fill_rows, &rows);
    *out = rows.table;
done:
    return status;
}
