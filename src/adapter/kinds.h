/* adapter/kinds.h - room-internal: the kinds of adapters, one file each. */
#ifndef GRAFT_ADAPTER_KINDS_H
#define GRAFT_ADAPTER_KINDS_H

#include "adapter/adapter.h"

extern const graft_adapter_kind graft_adapter_lora, graft_adapter_gaussian, graft_adapter_pissa,
    graft_adapter_olora;

#endif
