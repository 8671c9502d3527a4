/* adapter/lora.h - plain LoRA (Hu et al. 2021). */
#ifndef GRAFT_ADAPTER_LORA_H
#define GRAFT_ADAPTER_LORA_H

#include "adapter/adapter.h"

extern const graft_adapter_kind graft_adapter_lora;

#endif
