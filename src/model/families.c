#include "model/families.h"

const graft_family *const graft_families[] = {
    &graft_family_llama,  &graft_family_mistral3, &graft_family_smollm3, &graft_family_qwen2,
    &graft_family_qwen3,  &graft_family_phi3,     &graft_family_gemma2,  &graft_family_gemma3,
    &graft_family_granite, NULL,
};
