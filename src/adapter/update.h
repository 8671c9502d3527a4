/* adapter/update.h - one step of an optimiser over the parameters of an adapter. */
#ifndef GRAFT_ADAPTER_UPDATE_H
#define GRAFT_ADAPTER_UPDATE_H

#include "adapter/adapter.h"
#include "optim/optimizer.h"

/* Applies adapter->grads. The learning rate of every B, and of magnitudes, is `b_ratio` times that of every A
 * (Hayou, Ghosh & Yu 2024, "LoRA+"). `step` is 1-based; moments as the optimiser has them, [n_params] each. */
void graft_adapter_update(graft_adapter *adapter, const graft_optimizer *optimizer,
                          const graft_kernels *kernels, graft_real *const *moments, uint64_t step,
                          const graft_optimizer_options *options, double b_ratio);

#endif
