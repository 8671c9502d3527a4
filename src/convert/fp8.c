/* convert/fp8.c - F8_E4M3 with scales: one for all, one per row, or one per block of rows and
 * columns.
 *
 * The number is code * scale, computed in single precision. Codes follow "FP8 formats for deep
 * learning" (Micikevicius et al. 2022): sign, 4 bits of exponent with bias 7, 3 of fraction; no
 * infinities, all ones is NaN. Files call the scales weight_scale_inv (DeepSeek, Qwen: blocks of
 * weight_block_size) or weight_scale (compressed-tensors, ModelOpt). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "convert/encoding.h"

typedef struct fp8_state {
    const float *scales;
    size_t block_rows, block_cols; /* numbers that share a scale */
    size_t per_row;                /* scales of one row of blocks */
    float values[256];
} fp8_state;

static float decode(unsigned code)
{
    unsigned exponent = code >> 3 & 15, fraction = code & 7;
    float magnitude = exponent == 0 ? ldexpf((float)fraction, -9)
                                    : ldexpf((float)(8 + fraction), (int)exponent - 10);
    if ((code & 127) == 127) {
        magnitude = NAN;
    }
    return code & 128 ? -magnitude : magnitude;
}

static bool knows(const graft_hf_weights *weights, const graft_safetensors_tensor *tensor)
{
    (void)weights;
    return strcmp(tensor->dtype, "F8_E4M3") == 0 && tensor->n_dims >= 1;
}

/* Rows and columns of a block; 0 if the file does not say. */
static graft_status block_size(const graft_hf_config *config, size_t out[2])
{
    const graft_json *quantization = graft_hf_config_get(config, "quantization_config");
    const graft_json *size = graft_json_get(quantization, "weight_block_size");
    if (size == NULL) { /* compressed-tensors keeps it with the group of weights */
        const graft_json *groups = graft_json_get(quantization, "config_groups");
        graft_json_iter it = graft_json_iter_begin(groups);
        if (graft_json_iter_next(&it)) {
            size = graft_json_get(graft_json_get(it.value, "weights"), "block_structure");
        }
    }
    out[0] = out[1] = 0;
    if (size == NULL) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        const graft_json *n = graft_json_at(size, i);
        if (graft_json_length(size) != 2 || !graft_json_is(n, GRAFT_JSON_INT) ||
            graft_json_int(n) < 1 || graft_json_int(n) > 65536) {
            return graft_hf_config_fail(config, "quantization_config: weight_block_size is not a "
                                        "pair of sizes");
        }
        out[i] = (size_t)graft_json_int(n);
    }
    return GRAFT_OK;
}

/* What the shape of the scales means for the weight's. */
static graft_status arrange(graft_hf_opening *opening, const graft_safetensors_tensor *scale,
                            fp8_state *state)
{
    const graft_hf_coded *coded = opening->out;
    size_t block[2], rows = coded->n_rows, cols = coded->n_cols;
    graft_status status = block_size(opening->config, block);
    if (status != GRAFT_OK) {
        return status;
    }
    state->block_rows = rows > 0 ? rows : 1;
    state->block_cols = cols > 0 ? cols : 1;
    state->per_row = 1;
    if (scale->n_elements == 1) {
        return GRAFT_OK;
    }
    if (scale->n_elements == rows &&
        (scale->n_dims == 1 || (scale->n_dims == 2 && scale->shape[1] == 1))) {
        state->block_rows = 1;
        return GRAFT_OK;
    }
    if (block[0] > 0 && scale->n_dims == 2 && coded->n_dims == 2 &&
        scale->shape[0] == (rows + block[0] - 1) / block[0] &&
        scale->shape[1] == (cols + block[1] - 1) / block[1]) {
        state->block_rows = block[0];
        state->block_cols = block[1];
        state->per_row = (size_t)scale->shape[1];
        return GRAFT_OK;
    }
    return graft_hf_weights_fail(opening->weights, scale->name, "has %zu scales, which fit neither "
                                 "a weight of %zu x %zu nor blocks of %zu x %zu", scale->n_elements,
                                 rows, cols, block[0], block[1]);
}

static graft_status open(graft_hf_opening *opening)
{
    graft_status status = GRAFT_OK;
    fp8_state *state = NULL;
    const graft_safetensors_tensor *scale = NULL, *other = NULL;
    const float *values = NULL, *ignored;
    graft_hf__own_shape(opening->out);
    GRAFT_TRY(graft_arena_calloc(opening->arena, &state, 1, sizeof *state));
    GRAFT_TRY(graft_hf__companion(opening, "_scale_inv", &scale, &values));
    GRAFT_TRY(graft_hf__companion(opening, "_scale", &other, &ignored));
    if (scale != NULL && other != NULL) {
        status = graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                       "has two kinds of scales");
        goto done;
    }
    state->scales = scale != NULL ? values : ignored;
    scale = scale != NULL ? scale : other;
    if (scale == NULL) {
        status = graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                       "is F8_E4M3 without scales (weight_scale or "
                                       "weight_scale_inv)");
        goto done;
    }
    GRAFT_TRY(arrange(opening, scale, state));
    for (unsigned code = 0; code < 256; code++) {
        state->values[code] = decode(code);
    }
    opening->out->state = state;
    opening->out->origin = &graft_format_bf16;
done:
    return status;
}

static void read(const graft_hf_coded *coded, size_t row, float *out)
{
    const fp8_state *state = coded->state;
    const uint8_t *codes = coded->tensor->data + row * coded->n_cols;
    const float *scales = state->scales + row / state->block_rows * state->per_row;
    for (size_t begin = 0, block = 0; begin < coded->n_cols; block++) {
        size_t left = coded->n_cols - begin;
        size_t end = begin + (left < state->block_cols ? left : state->block_cols);
        for (; begin < end; begin++) {
            out[begin] = state->values[codes[begin]] * scales[block];
        }
    }
}

const graft_hf_encoding graft_hf_encoding_fp8 = {"F8_E4M3", knows, open, read};
