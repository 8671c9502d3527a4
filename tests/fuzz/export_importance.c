/* Any bytes as an importance matrix, GGUF or .dat: every accepted value is finite and not negative, and
 * is found by the name of its tensor. */
#include <math.h>

#include "export/importance_internal.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_importance *importance;
    graft_status status = graft_importance_open(&importance, fuzz_file(data, n));
    if (status != GRAFT_OK) {
        fuzz_check(status == GRAFT_E_MODEL && importance == NULL);
        fuzz_check(graft_error_message()[0] != '\0');
        return 0;
    }
    fuzz_check(graft_importance_n(importance) > 0);
    for (size_t i = 0; i < importance->n_rows; i++) {
        size_t n_values = 0;
        const float *values = graft_importance_find(importance, importance->rows[i].name, &n_values);
        fuzz_check(values == importance->rows[i].values && n_values == importance->rows[i].n);
        fuzz_check(n_values * sizeof *values <= n);
        for (size_t k = 0; k < n_values; k++) {
            fuzz_check(isfinite(values[k]) && values[k] >= 0);
        }
    }
    (void)graft_importance_dataset(importance);
    graft_importance_close(importance);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "GGUF", "general.type", "imatrix", "imatrix.chunk_count", "imatrix.datasets", ".in_sum2",
        ".counts", "blk.0.attn_q.weight", "\x80\x7f", NULL};
    return fuzz_tests("export_importance", LLVMFuzzerTestOneInput, words);
}
#endif
