/* quant/formats.c - the list of formats. A new one is a file here and a row below. */
#include "quant/formats.h"

#include <stdint.h>
#include <strings.h>

const graft_format *const graft_formats[] = {
    &graft_format_f32,  &graft_format_f16,  &graft_format_bf16, &graft_format_q4_0,
    &graft_format_q4_1, &graft_format_q5_0, &graft_format_q5_1, &graft_format_q8_0,
    &graft_format_q2_k, &graft_format_q3_k, &graft_format_q4_k, &graft_format_q5_k,
    &graft_format_q6_k, &graft_format_iq4_nl, &graft_format_iq4_xs, &graft_format_iq3_s,
    &graft_format_iq3_xxs, &graft_format_iq2_s, &graft_format_iq2_xs, &graft_format_iq2_xxs,
    &graft_format_iq1_m, &graft_format_iq1_s, &graft_format_tq1_0, &graft_format_tq2_0,
    &graft_format_mxfp4, &graft_format_nvfp4, &graft_format_q1_0, &graft_format_q2_0, NULL,
};

const graft_format *graft_format_find(uint32_t ggml_type)
{
    for (const graft_format *const *f = graft_formats; *f; f++) {
        if ((*f)->ggml_type == ggml_type) {
            return *f;
        }
    }
    return NULL;
}

const graft_format *graft_format_by_name(const char *name)
{
    for (const graft_format *const *f = graft_formats; *f; f++) {
        if (strcasecmp((*f)->name, name) == 0) {
            return *f;
        }
    }
    return NULL;
}

graft_status graft_format_row_bytes(const graft_format *format, size_t n, size_t *out)
{
    if (n % format->block_elems != 0) {
        return graft_fail(GRAFT_E_MODEL, "a row of %zu numbers is not a multiple of %u (%s blocks)",
                          n, (unsigned)format->block_elems, format->name);
    }
    if (n / format->block_elems > SIZE_MAX / format->block_bytes) {
        return graft_fail(GRAFT_E_MODEL, "a row of %zu numbers in %s does not fit into memory", n,
                          format->name);
    }
    *out = n / format->block_elems * format->block_bytes;
    return GRAFT_OK;
}
