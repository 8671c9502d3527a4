# Haswell and later; gcc may fuse here because results of this level are its own contract.
$(OBJ)/src/kernels/avx2/%.o: ISA_FLAGS := -mavx2 -mfma -mf16c -ffp-contract=fast
