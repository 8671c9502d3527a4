/* convert/encodings.c - the list of encodings, and what they share. */
#include <string.h>

#include "convert/encoding.h"
#include "core/strings.h"

const graft_hf_encoding *const graft_hf_encodings[] = {
    &graft_hf_encoding_plain, &graft_hf_encoding_fp8, &graft_hf_encoding_bnb4, NULL,
};

void graft_hf__own_shape(graft_hf_coded *coded)
{
    const graft_safetensors_tensor *t = coded->tensor;
    coded->n_dims = t->n_dims;
    memcpy(coded->shape, t->shape, sizeof coded->shape);
    coded->n_cols = t->n_dims > 0 ? (size_t)t->shape[t->n_dims - 1] : 1;
    coded->n_rows = coded->n_cols > 0 ? t->n_elements / coded->n_cols : 0;
}

graft_status graft_hf_coded_open(graft_hf_coded *out, graft_hf_weights *weights,
                                 const graft_hf_config *config, graft_arena *arena,
                                 const graft_safetensors_tensor *tensor)
{
    graft_hf_opening opening = {weights, config, arena, out};
    *out = (graft_hf_coded){.tensor = tensor};
    for (size_t i = 0; graft_hf_encodings[i] != NULL; i++) {
        if (graft_hf_encodings[i]->knows(weights, tensor)) {
            out->encoding = graft_hf_encodings[i];
            graft_hf_weights_take(weights, tensor->name);
            return out->encoding->open(&opening);
        }
    }
    return graft_hf_weights_fail(weights, tensor->name, "is %s, which is not read (known: F32, "
                                 "F16, BF16, F8_E4M3 with scales, 4 bits of bitsandbytes)",
                                 tensor->dtype);
}

bool graft_hf__unused_companion(const char *name)
{
    static const char *const suffixes[] = {".input_scale", ".activation_scale", ".k_scale",
                                           ".v_scale", ".output_scale", ".q_scale",
                                           ".rotary_emb.inv_freq", ".attention.bias",
                                           ".attention.masked_bias"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (graft_str_ends_with(name, suffixes[i])) {
            return true;
        }
    }
    return false;
}

graft_status graft_hf__check_quantization(const graft_hf_config *config)
{
    static const char *const known[] = {"fp8", "fbgemm_fp8", "compressed-tensors", "modelopt",
                                        "bitsandbytes"};
    const graft_json *quantization = graft_hf_config_get(config, "quantization_config");
    const char *method = graft_json_string(graft_json_get(quantization, "quant_method"), NULL);
    if (quantization == NULL) {
        return GRAFT_OK;
    }
    for (size_t i = 0; method != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp(method, known[i]) == 0) {
            return GRAFT_OK;
        }
    }
    return graft_hf_config_fail(config, "quantization_config: quant_method \"%.80s\" is not read "
                                "(known: bitsandbytes in 4 bits; fp8, compressed-tensors and "
                                "modelopt where weights are F8_E4M3 with scales)",
                                method != NULL ? method : "");
}

graft_status graft_hf__companion(graft_hf_opening *opening, const char *suffix,
                                 const graft_safetensors_tensor **tensor, const float **out)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    float *values = NULL;
    graft_text_init(&name);
    *tensor = NULL;
    *out = NULL;
    GRAFT_TRY(graft_text_appendf(&name, "%s%s", opening->out->tensor->name, suffix));
    *tensor = graft_hf_weights_take(opening->weights, graft_text_z(&name));
    if (*tensor == NULL) {
        goto done;
    }
    const graft_format *format = (*tensor)->format;
    if (format == NULL) {
        status = graft_hf_weights_fail(opening->weights, graft_text_z(&name),
                                       "is %s, expected F32, F16 or BF16", (*tensor)->dtype);
        goto done;
    }
    GRAFT_TRY(graft_arena_alloc(opening->arena, &values, (*tensor)->n_elements, sizeof *values));
    format->decode((*tensor)->data, values, (*tensor)->n_elements);
    *out = values;
done:
    graft_text_clear(&name);
    return status;
}
