/* convert/bnb4.c - 4-bit weights of bitsandbytes: NF4 and FP4 (Dettmers et al. 2023, "QLoRA").
 *
 * The weight is flat: code 2i in the high half of byte i, code 2i + 1 in the low one. A number
 * is quant_map[code] * absmax of its block, rounded to the type that training computed with.
 * With double quantisation absmax is itself coded: nested_quant_map[code] * nested_absmax of its
 * block + offset. What the sizes are is JSON in the bytes of
 * weight.quant_state.bitsandbytes__nf4. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "convert/encoding.h"
#include "core/half.h"
#include "core/memory.h"

static const char *const state_suffixes[] = {".quant_state.bitsandbytes__nf4",
                                             ".quant_state.bitsandbytes__fp4"};
static const uint64_t max_block = (uint64_t)1 << 20;

typedef struct bnb4_state {
    const uint8_t *codes;
    const float *absmax; /* of each block; NULL: coded */
    size_t block;
    const uint8_t *absmax_codes;
    const float *nested_absmax, *nested_map; /* the map has 256 entries */
    size_t nested_block;
    float offset;
    float map[16];
} bnb4_state;

/* The tensor NAME + suffix, marked as used; NULL if there is none. */
static graft_status take(graft_hf_opening *opening, const char *suffix,
                         const graft_safetensors_tensor **out)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(graft_text_appendf(&name, "%s%s", opening->out->tensor->name, suffix));
    *out = graft_hf_weights_take(opening->weights, graft_text_z(&name));
done:
    graft_text_clear(&name);
    return status;
}

static const graft_safetensors_tensor *find_state(const graft_hf_weights *weights,
                                                  const char *name, const char **suffix)
{
    char full[512];
    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(full, sizeof full, "%s%s", name, state_suffixes[i]);
        const graft_safetensors_tensor *found =
            n > 0 && (size_t)n < sizeof full ? graft_hf_weights_find(weights, full) : NULL;
        if (found != NULL) {
            *suffix = state_suffixes[i];
            return found;
        }
    }
    return NULL;
}

static bool knows(const graft_hf_weights *weights, const graft_safetensors_tensor *tensor)
{
    const char *ignored;
    return strcmp(tensor->dtype, "U8") == 0 &&
           find_state(weights, tensor->name, &ignored) != NULL;
}

static graft_status read_size(graft_hf_opening *opening, const graft_json *json, const char *name,
                              size_t *out)
{
    const graft_json *value = graft_json_get(json, name);
    int64_t n = graft_json_int(value);
    if (!graft_json_is(value, GRAFT_JSON_INT) || n < 1 || (uint64_t)n > max_block) {
        return graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                     "has a quantisation state whose %s is not a size", name);
    }
    *out = (size_t)n;
    return GRAFT_OK;
}

static graft_status read_shape(graft_hf_opening *opening, const graft_json *json)
{
    graft_hf_coded *coded = opening->out;
    const graft_json *shape = graft_json_get(json, "shape");
    size_t n = 1;
    bool fits = graft_json_is(shape, GRAFT_JSON_ARRAY) && graft_json_length(shape) >= 1 &&
                graft_json_length(shape) <= 4;
    coded->n_dims = fits ? (uint32_t)graft_json_length(shape) : 0;
    for (uint32_t d = 0; fits && d < coded->n_dims; d++) {
        const graft_json *size = graft_json_at(shape, d);
        fits = graft_json_is(size, GRAFT_JSON_INT) && graft_json_int(size) > 0 &&
               graft_size_mul(n, (size_t)graft_json_int(size), &n);
        coded->shape[d] = fits ? (uint64_t)graft_json_int(size) : 0;
    }
    if (!fits || coded->tensor->n_bytes != n / 2 + n % 2) {
        return graft_hf_weights_fail(opening->weights, coded->tensor->name, "has %zu bytes, which "
                                     "do not fit the shape in its quantisation state",
                                     coded->tensor->n_bytes);
    }
    for (uint32_t d = coded->n_dims; d < 8; d++) {
        coded->shape[d] = 1;
    }
    coded->n_cols = (size_t)coded->shape[coded->n_dims - 1];
    coded->n_rows = n / coded->n_cols;
    return GRAFT_OK;
}

static graft_status read_dtype(graft_hf_opening *opening, const graft_json *json)
{
    static const struct {
        const char *name;
        const graft_format *format;
    } types[] = {{"float32", &graft_format_f32}, {"float16", &graft_format_f16},
                 {"bfloat16", &graft_format_bf16}};
    const char *name = graft_json_string(graft_json_get(json, "dtype"), NULL);
    for (size_t i = 0; name != NULL && i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            opening->out->origin = types[i].format;
            return GRAFT_OK;
        }
    }
    return graft_hf_weights_fail(opening->weights, opening->out->tensor->name, "has a quantisation "
                                 "state with dtype \"%.40s\" (known: float32, float16, bfloat16)",
                                 name != NULL ? name : "");
}

/* A companion of exactly n numbers. */
static graft_status need(graft_hf_opening *opening, const char *suffix, size_t n,
                         const float **out)
{
    const graft_safetensors_tensor *tensor;
    graft_status status = graft_hf__companion(opening, suffix, &tensor, out);
    if (status == GRAFT_OK && (tensor == NULL || tensor->n_elements != n)) {
        status = graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                       "needs %zu numbers in %s, and there are %zu", n, suffix + 1,
                                       tensor == NULL ? 0 : tensor->n_elements);
    }
    return status;
}

/* The scales of blocks, themselves coded or not. */
static graft_status read_absmax(graft_hf_opening *opening, const graft_json *json,
                                bnb4_state *state)
{
    graft_status status = GRAFT_OK;
    const graft_safetensors_tensor *codes = NULL;
    size_t n = opening->out->n_rows * opening->out->n_cols;
    size_t n_blocks = (n + state->block - 1) / state->block;
    double offset = 0;
    if (!graft_json_has(json, "nested_blocksize")) {
        return need(opening, ".absmax", n_blocks, &state->absmax);
    }
    GRAFT_TRY(take(opening, ".absmax", &codes));
    if (codes == NULL || strcmp(codes->dtype, "U8") != 0 || codes->n_elements != n_blocks) {
        status = graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                       "needs %zu codes (U8) in absmax", n_blocks);
        goto done;
    }
    state->absmax_codes = codes->data;
    GRAFT_TRY(read_size(opening, json, "nested_blocksize", &state->nested_block));
    GRAFT_TRY(need(opening, ".nested_absmax",
                   (n_blocks + state->nested_block - 1) / state->nested_block,
                   &state->nested_absmax));
    GRAFT_TRY(need(opening, ".nested_quant_map", 256, &state->nested_map));
    const graft_json *value = graft_json_get(json, "nested_offset");
    offset = graft_json_double(value);
    if ((!graft_json_is(value, GRAFT_JSON_DOUBLE) && !graft_json_is(value, GRAFT_JSON_INT)) ||
        !isfinite((float)offset)) {
        status = graft_hf_weights_fail(opening->weights, opening->out->tensor->name,
                                       "has a quantisation state without nested_offset");
        goto done;
    }
    state->offset = (float)offset;
done:
    return status;
}

static graft_status open(graft_hf_opening *opening)
{
    graft_status status = GRAFT_OK;
    bnb4_state *state = NULL;
    graft_json *json = NULL;
    const char *suffix = NULL;
    const float *map = NULL;
    const graft_hf_coded *coded = opening->out;
    const graft_safetensors_tensor *described =
        find_state(opening->weights, coded->tensor->name, &suffix);
    GRAFT_TRY(take(opening, suffix, &described));
    if (graft_json_parse(&json, (const char *)described->data, described->n_bytes) != GRAFT_OK) {
        status = graft_hf_weights_fail(opening->weights, described->name, "is not JSON: %s",
                                       graft_error_message());
        goto done;
    }
    GRAFT_TRY(graft_arena_calloc(opening->arena, &state, 1, sizeof *state));
    GRAFT_TRY(read_shape(opening, json));
    GRAFT_TRY(read_dtype(opening, json));
    GRAFT_TRY(read_size(opening, json, "blocksize", &state->block));
    GRAFT_TRY(read_absmax(opening, json, state));
    GRAFT_TRY(need(opening, ".quant_map", 16, &map));
    memcpy(state->map, map, sizeof state->map);
    state->codes = coded->tensor->data;
    opening->out->state = state;
done:
    graft_json_free(json);
    return status;
}

static float absmax_of(const bnb4_state *state, size_t block)
{
    if (state->absmax != NULL) {
        return state->absmax[block];
    }
    return state->nested_map[state->absmax_codes[block]] *
               state->nested_absmax[block / state->nested_block] +
           state->offset;
}

static void read(const graft_hf_coded *coded, size_t row, float *out)
{
    const bnb4_state *state = coded->state;
    size_t at = row * coded->n_cols;
    float scale = 0;
    for (size_t i = 0; i < coded->n_cols; i++, at++) {
        if (i == 0 || at % state->block == 0) {
            scale = absmax_of(state, at / state->block);
        }
        unsigned byte = state->codes[at / 2];
        float x = state->map[at % 2 == 0 ? byte >> 4 : byte & 15] * scale;
        if (coded->origin == &graft_format_bf16) {
            x = graft_bf16_to_f32(graft_f32_to_bf16(x));
        } else if (coded->origin == &graft_format_f16) {
            x = graft_f16_to_f32(graft_f32_to_f16(x));
        }
        out[i] = x;
    }
}

const graft_hf_encoding graft_hf_encoding_bnb4 = {"bitsandbytes", knows, open, read};
