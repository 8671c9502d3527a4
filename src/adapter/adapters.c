#include <string.h>

#include "adapter/kinds.h"

const graft_adapter_kind *const graft_adapter_kinds[] = {
    &graft_adapter_lora, &graft_adapter_gaussian, &graft_adapter_pissa, &graft_adapter_olora, NULL,
};

const graft_adapter_kind *graft_adapter_kind_find(const char *name)
{
    for (size_t i = 0; graft_adapter_kinds[i] != NULL; i++) {
        if (strcmp(graft_adapter_kinds[i]->name, name) == 0) {
            return graft_adapter_kinds[i];
        }
    }
    return NULL;
}
