/* convert/architectures.h - room-internal: the rows of architectures.c, each in the file of its
 * name. */
#ifndef GRAFT_CONVERT_ARCHITECTURES_H
#define GRAFT_CONVERT_ARCHITECTURES_H

#include "convert/architecture.h"

extern const graft_hf_architecture graft_hf_llama, graft_hf_mistral, graft_hf_mistral3,
    graft_hf_mistral3_vision, graft_hf_smollm3, graft_hf_qwen2, graft_hf_qwen3, graft_hf_phi3,
    graft_hf_gemma2, graft_hf_gemma3, graft_hf_gemma3_vision, graft_hf_granite;

/* A remark where layers are to have windows, which the runtime does not compute. */
graft_status graft_hf_qwen_prepare(graft_hf_model *model);

#endif
