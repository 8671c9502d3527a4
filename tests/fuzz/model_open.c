/* Any bytes as a base model: it is refused, or it reads tokens: the loss is a number, or the message
 * names what is not finite. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu.h"
#include "support/fuzz.h"
#include "support/tiny_model.h"
#include "train/trainer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TOKENS = 4 };

/* Sizes that a file of some kilobytes can claim and that only take long. */
static bool is_small(const graft_hparams *h)
{
    return h->n_layer <= 4 && h->n_head <= 64 && h->d_head <= 256 && h->n_ff <= 4096;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static graft_compute compute;
    static bool ready;
    int32_t ids[TOKENS] = {0, 1, 0, 1};
    float weights[TOKENS] = {0, 1, 1, 1};
    uint8_t roles[TOKENS] = {0};
    const graft_example example = {ids, weights, roles, TOKENS, 0}, *examples[1] = {&example};
    double loss = 0, weight = 0;
    graft_model *model;
    if (!ready) {
        graft_cpu_level level;
        fuzz_check(graft_cpu_parse(&level, "portable") == GRAFT_OK);
        fuzz_check(graft_compute_init(&compute, level, false) == GRAFT_OK);
        ready = true;
    }
    graft_status status = graft_model_open(&model, fuzz_file(data, n));
    if (status != GRAFT_OK) {
        fuzz_check(status == GRAFT_E_MODEL && model == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    fuzz_check(model->hparams.n_vocab > 0 && model->n_slots > 0);
    if (model->hparams.n_vocab >= 2 && is_small(&model->hparams)) {
        status = graft_examples_loss(model, &compute, examples, 1, 64, &loss, &weight);
        fuzz_check(status == GRAFT_OK || status == GRAFT_E_NUMERICS || status == GRAFT_E_MODEL);
        fuzz_check(status != GRAFT_OK || isfinite(loss));
    }
    graft_model_close(model);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(int argc, char **argv)
{
    static const tiny_options tiny = {1, 8, 2, 1, 8, 8, .seed = 1};
    static const char *const words[] = {
        "GGUF", "general.architecture", "llama", "qwen3", "gemma2", "phi3", "granite", ".block_count",
        ".embedding_length", ".attention.head_count", ".attention.head_count_kv", ".context_length",
        ".feed_forward_length", ".attention.layer_norm_rms_epsilon", ".rope.freq_base",
        ".rope.dimension_count", ".rope.scaling.type", ".rope.scaling.factor", "yarn", "linear",
        ".attention.key_length", ".attention.sliding_window", "token_embd.weight", "output.weight",
        "blk.0.attn_q.weight", "rope_freqs.weight", NULL};
    if (argc == 4 && strcmp(argv[1], "--seed") == 0) { /* FAMILY FILE: how the inputs were made */
        tiny_options options = tiny;
        options.arch = argv[2];
        return rename(tiny_model("seed.gguf", &options), argv[3]);
    }
    return fuzz_tests("model_open", LLVMFuzzerTestOneInput, words);
}
#endif
