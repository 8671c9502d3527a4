/* Any bytes as a folder of mlx-lm for a small base: adapter_config.json up to the first zero byte, then the
 * safetensors file. What is accepted fits the base, and all of its numbers are finite. */
#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/loaded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static graft_gguf *base;
    base = base == NULL ? tiny_base("base.gguf", "llama") : base;
    check_adapter_folder(data, n, "adapters.safetensors", base);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{\"lora_parameters\":{", "\"rank\":2", "\"scale\":20.0", "\"fine_tune_type\":\"lora\"",
        "\"num_layers\":-1", "\"model\":\"a/b\"", "}", "{", ",", "model.layers.0.self_attn.q_proj.lora_a",
        ".lora_b", "language_model.", "mlp.up_proj", "\"dtype\":\"F32\"", "\"dtype\":\"BF16\"",
        "\"shape\":[8,2]", "\"data_offsets\":[0,64]", NULL};
    return fuzz_tests("export_adapter_mlx", LLVMFuzzerTestOneInput, words);
}
#endif
