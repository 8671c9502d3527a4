#include "optim/optimizers.h"

#include <string.h>

const graft_optimizer *const graft_optimizers[] = {&graft_optimizer_adamw, NULL};

const graft_optimizer *graft_optimizer_find(const char *name)
{
    for (size_t i = 0; graft_optimizers[i] != NULL; i++) {
        if (strcmp(graft_optimizers[i]->name, name) == 0) {
            return graft_optimizers[i];
        }
    }
    return NULL;
}
