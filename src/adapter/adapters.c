#include "adapter/adapter.h"
#include "adapter/lora.h"

const graft_adapter_kind *const graft_adapter_kinds[] = {&graft_adapter_lora, NULL};
