/* convert/plain.c - weights as they are: F32, F16, BF16. */
#include "convert/encoding.h"

static bool knows(const graft_hf_weights *weights, const graft_safetensors_tensor *tensor)
{
    (void)weights;
    return tensor->format != NULL;
}

static graft_status open(graft_hf_opening *opening)
{
    graft_hf__own_shape(opening->out);
    opening->out->origin = opening->out->tensor->format;
    return GRAFT_OK;
}

static void read(const graft_hf_coded *coded, size_t row, float *out)
{
    const graft_format *format = coded->origin;
    size_t row_bytes = coded->n_cols * format->block_bytes;
    format->decode(coded->tensor->data + row * row_bytes, out, coded->n_cols);
}

const graft_hf_encoding graft_hf_encoding_plain = {"plain", knows, open, read};
