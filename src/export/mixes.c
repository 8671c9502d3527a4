/* mixes.c - the list of mixes. What each does to which tensor is in mix_rules.c. */
#include "export/mixes.h"

#include <string.h>
#include <strings.h>

#include "core/unknown.h"
#include "export/mix_types.h"

const graft_mix graft_mixes[] = {
    {"q4_k_m", "q4_k", GRAFT_MIX_Q4_K_M, "Q4_K", "4 bits, some tensors 6: the usual choice"},
    {"q4_k_s", NULL, GRAFT_MIX_Q4_K_S, "Q4_K", "4 bits, a few tensors 5"},
    {"q5_k_m", "q5_k", GRAFT_MIX_Q5_K_M, "Q5_K", "5 bits, some tensors 6"},
    {"q5_k_s", NULL, GRAFT_MIX_Q5_K_S, "Q5_K", "5 bits"},
    {"q6_k", NULL, GRAFT_MIX_Q6_K, "Q6_K", "6 bits"},
    {"q8_0", NULL, GRAFT_MIX_Q8_0, "Q8_0", "8 bits, hardly different from 16"},
    {"q4_0", NULL, GRAFT_MIX_Q4_0, "Q4_0", "4 bits, simple and fast"},
    {"q4_1", NULL, GRAFT_MIX_Q4_1, "Q4_1", "4 bits and a minimum"},
    {"q5_0", NULL, GRAFT_MIX_Q5_0, "Q5_0", "5 bits, simple"},
    {"q5_1", NULL, GRAFT_MIX_Q5_1, "Q5_1", "5 bits and a minimum"},
    {"iq4_nl", NULL, GRAFT_MIX_IQ4_NL, "IQ4_NL", "4 bits, spaced for weights"},
    {"iq4_xs", NULL, GRAFT_MIX_IQ4_XS, "IQ4_XS", "4 bits, spaced for weights, smaller"},
    {"q3_k_l", NULL, GRAFT_MIX_Q3_K_L, "Q3_K", "3 bits, many tensors 5"},
    {"q3_k_m", "q3_k", GRAFT_MIX_Q3_K_M, "Q3_K", "3 bits, many tensors 4"},
    {"q3_k_s", NULL, GRAFT_MIX_Q3_K_S, "Q3_K", "3 bits"},
    {"q2_k", NULL, GRAFT_MIX_Q2_K, "Q2_K", "2 bits, many tensors 3"},
    {"q2_k_s", NULL, GRAFT_MIX_Q2_K_S, "Q2_K", "2 bits; needs an importance matrix"},
    {"bf16", NULL, GRAFT_MIX_BF16, "BF16", "16 bits, the range of single precision"},
    {"f16", NULL, GRAFT_MIX_F16, "F16", "16 bits, IEEE half precision"},
    {"f32", NULL, GRAFT_MIX_F32, "F32", "single precision"},
    {0},
};

const graft_mix *graft_mix_find(const char *name)
{
    for (const graft_mix *mix = graft_mixes; mix->name != NULL; mix++) {
        bool known = graft_format_by_name(mix->format) != NULL;
        if (known && (strcasecmp(name, mix->name) == 0 ||
                      (mix->alias != NULL && strcasecmp(name, mix->alias) == 0))) {
            return mix;
        }
    }
    return NULL;
}

graft_status graft_mix_get(const graft_mix **out, const char *name)
{
    const char *known[64];
    size_t n = 0;
    *out = graft_mix_find(name);
    for (const graft_mix *mix = graft_mixes; mix->name != NULL; mix++) {
        if (graft_mix_find(mix->name) != NULL && n < sizeof known / sizeof *known) {
            known[n++] = mix->name;
        }
    }
    return *out != NULL ? GRAFT_OK : graft_fail_unknown("type", name, known, n);
}
