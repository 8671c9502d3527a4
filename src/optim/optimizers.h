/* optim/optimizers.h - the rows of optimizers.c. */
#ifndef GRAFT_OPTIM_OPTIMIZERS_H
#define GRAFT_OPTIM_OPTIMIZERS_H

#include "optim/optimizer.h"

extern const graft_optimizer graft_optimizer_adamw;

#endif
