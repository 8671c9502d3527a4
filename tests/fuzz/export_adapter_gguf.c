/* Any bytes as an adapter file for a small base: what is accepted fits the base, and all of its numbers
 * are finite. */
#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/loaded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static graft_gguf *base;
    if (base == NULL) {
        base = tiny_base("base.gguf", "llama");
    }
    check_adapter(fuzz_file(data, n), base);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "general.type", "adapter", "adapter.type", "lora", "adapter.lora.alpha", ".lora_a", ".lora_b",
        "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.ffn_up.weight", "graft.base_sha256",
        "graft.base_bytes", "GGUF", NULL};
    return fuzz_tests("export_adapter_gguf", LLVMFuzzerTestOneInput, words);
}
#endif
