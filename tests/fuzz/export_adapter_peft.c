/* Any bytes as a PEFT folder for a small base: adapter_config.json up to the first zero byte, then the
 * safetensors file. What is accepted fits the base, and all of its numbers are finite. */
#include <stdio.h>
#include <string.h>

#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/loaded.h"
#include "support/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    fuzz_check(file != NULL && (n == 0 || fwrite(bytes, 1, n, file) == n) && fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static graft_gguf *base;
    const uint8_t *end = n > 0 ? memchr(data, 0, n) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : n;
    if (base == NULL) {
        base = tiny_base("base.gguf", "llama");
        (void)tiny_dir("peft");
    }
    put(test_temp_path("peft/adapter_config.json"), data, length);
    put(test_temp_path("peft/adapter_model.safetensors"), end != NULL ? end + 1 : data,
        end != NULL ? n - length - 1 : 0);
    check_adapter(test_temp_path("peft"), base);
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
