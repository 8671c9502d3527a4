/* Any bytes as a PEFT folder for a small base: adapter_config.json up to the first zero byte, then the
 * safetensors file. What is accepted fits the base, and all of its numbers are finite. */
#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/loaded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static graft_gguf *base;
    base = base == NULL ? tiny_base("base.gguf", "llama") : base;
    check_adapter_folder(data, n, "adapter_model.safetensors", base);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{\"peft_type\":\"LORA\",", "\"r\":2", "\"lora_alpha\":4", "\"use_rslora\":true",
        "\"use_dora\":true", ".lora_magnitude_vector", "\"shape\":[8]",
        "\"rank_pattern\":{", "\"alpha_pattern\":{", "\"bias\":\"none\"", "\"q_proj\":1", "}", "{", ",",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", ".lora_B.weight",
        ".default", "\"dtype\":\"F32\"", "\"dtype\":\"BF16\"", "\"shape\":[2,8]",
        "\"data_offsets\":[0,64]", NULL};
    return fuzz_tests("export_adapter_peft", LLVMFuzzerTestOneInput, words);
}
#endif
