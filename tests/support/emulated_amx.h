/* support/emulated_amx.h - the kernels of level amx on a machine that has no tiles. */
#ifndef GRAFT_TESTS_SUPPORT_EMULATED_AMX_H
#define GRAFT_TESTS_SUPPORT_EMULATED_AMX_H

#include "kernels/kernels.h"
#include "support/test.h"

/* False on a CPU that lacks AVX-512 BF16 as well. */
bool test_emulated_amx(graft_kernels *out);

#endif
