$(OBJ)/src/kernels/avx512/%.o: ISA_FLAGS := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512 -ffp-contract=fast
