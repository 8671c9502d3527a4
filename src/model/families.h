/* model/families.h - the rows of families.c. */
#ifndef GRAFT_MODEL_FAMILIES_H
#define GRAFT_MODEL_FAMILIES_H

#include "model/model.h"

extern const graft_family graft_family_llama;
extern const graft_family graft_family_mistral3;
extern const graft_family graft_family_smollm3;
extern const graft_family graft_family_qwen2;
extern const graft_family graft_family_qwen3;
extern const graft_family graft_family_phi3;
extern const graft_family graft_family_gemma2;
extern const graft_family graft_family_gemma3;
extern const graft_family graft_family_granite;

#endif
