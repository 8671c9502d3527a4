$(OBJ)/src/kernels/avx512bf16/%.o: ISA_FLAGS := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mavx512vnni -mfma -mf16c -mprefer-vector-width=512 -ffp-contract=fast
