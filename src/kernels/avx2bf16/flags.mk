$(OBJ)/src/kernels/avx2bf16/%.o: ISA_FLAGS := -mavx2 -mfma -mf16c -ffp-contract=fast
