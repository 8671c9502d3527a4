/* Any bytes as a model to be quantised: it is refused, or the file that is written is sound and has as
 * many tensors. The last byte chooses the type. */
#include "core/log.h"
#include "export/quantize.h"
#include "support/fuzz.h"
#include "support/invariants.h"
#include "support/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m", "q2_k",
                                        "iq4_nl"};
    graft_gguf *file;
    graft_quantized result;
    graft_quantize_job job = {.allow_requantize = true};
    size_t n_written = 0;
    const char *path = test_temp_path("quantised.gguf");
    fuzz_without_syncs();
    if (n == 0 || graft_gguf_open(&file, fuzz_file(data, n - 1)) != GRAFT_OK) {
        return 0;
    }
    fuzz_check(graft_mix_get(&job.mix, types[data[n - 1] % 8]) == GRAFT_OK);
    graft_status status = graft_quantize_gguf(&result, file, &job, path);
    if (status == GRAFT_OK) {
        fuzz_check(check_gguf(path, 1, &n_written));
        fuzz_check(n_written == graft_gguf_n_tensors(file) && n_written == result.n_tensors);
    } else {
        fuzz_check(status == GRAFT_E_MODEL || status == GRAFT_E_NUMERICS || status == GRAFT_E_FAILED);
        fuzz_check(graft_error_message()[0] != '\0');
    }
    graft_gguf_close(file);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "GGUF", "general.architecture", "llama", "llama.block_count", "general.alignment",
        "token_embd.weight", "output.weight", "blk.0.attn_v.weight", "blk.0.ffn_down.weight",
        "general.file_type", NULL};
    return fuzz_tests("export_quantize", LLVMFuzzerTestOneInput, words);
}
#endif
