#include "train/plan.h"

#include "core/clock.h"
#include "core/threads.h"
#include "io/files.h"

#define USUAL_PASS 2048   /* tokens; unpacking the weights is then a few percent of a pass */
#define SHORT_PASS 1024   /* at least so many where all layers are recomputed, whatever is short */
#define LEAST_PASS 512    /* and else: what fewer would cost was not measured */
#define SHARED_PASS 16384 /* tokens of a pass that grows by sharing */
#define PROCESS_BYTES ((size_t)64 << 20) /* what a process has before it trains, about */
#define MIB(bytes) ((bytes) >> 20)

/* Logits of some tokens and what they are made of. */
static size_t head_bytes(const graft_model *model, const graft_kernels *kernels, size_t n_tok)
{
    const graft_hparams *h = &model->hparams;
    size_t bytes = kernels->bytes ? graft_bytes_size(h->n_vocab) + graft_bytes_size(h->n_embd) : 0;
    size_t rows = n_tok < GRAFT_HEAD_CHUNK ? n_tok : GRAFT_HEAD_CHUNK;
    return rows * ((h->n_vocab + 2 * h->n_embd) * sizeof(graft_real) + bytes);
}

/* Bytes of a pass: kept layers hold their activations until the pass ends, recomputed ones their
 * input, and one of them its activations as well while it is at work; before any layer goes back, the
 * head is at work. */
static size_t pass_bytes(const graft_model *model, const graft_kernels *kernels, size_t n_tok,
                         size_t n_recomputed)
{
    const graft_hparams *h = &model->hparams;
    graft_layer_bytes layer = graft_model_layer_bytes(model, kernels);
    size_t stream = h->n_embd * sizeof(graft_real);
    size_t layers = n_recomputed * stream + (h->n_layer - n_recomputed) * layer.kept;
    size_t work = n_tok * (layer.work + (n_recomputed > 0 ? layer.kept : 0));
    size_t head = head_bytes(model, kernels, n_tok);
    return n_tok * (layers + 3 * stream + layer.once) + (head > work ? head : work);
}

size_t graft_plan_pass_bytes(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels, size_t n_tok)
{
    return pass_bytes(model, kernels, n_tok,
                      graft_plan_recomputed(plan, model, kernels, n_tok));
}

size_t graft_plan_reading_bytes(const graft_model *model, const graft_kernels *kernels,
                                size_t n_tok)
{
    return pass_bytes(model, kernels, n_tok, model->hparams.n_layer);
}

/* At any number of threads. */
static size_t state_bytes(size_t n_params)
{
    return 4 * n_params * sizeof(graft_real) + ((size_t)8 << 20);
}

static size_t thread_bytes(const graft_kernels *kernels)
{
    return (size_t)graft_threads() * graft_product_thread_bytes(kernels);
}

/* Parameters, two moments, and the best parameters so far if some are kept between evaluations. */
static size_t checkpoint_bytes(size_t n_params, bool keeps_best)
{
    return (keeps_best ? 4 : 3) * n_params * sizeof(float) + ((size_t)1 << 20);
}

/* A checkpoint is made in memory (io/hdf5.h), beside the best parameters that it has a copy of. */
static size_t saving_bytes(size_t n_params, bool keeps_best)
{
    return (keeps_best ? 5 : 3) * n_params * sizeof(graft_real) + ((size_t)2 << 20);
}

size_t graft_plan_resident_bytes(const graft_model *model)
{
    for (size_t i = 0; i < graft_gguf_n_parts(model->file); i++) {
        size_t n;
        const uint8_t *bytes = graft_gguf_bytes(model->file, i, &n);
        graft_mapped_forget(bytes, n);
    }
    return graft_rss_bytes();
}

static size_t room_bytes(const graft_config *config, const graft_model *model, size_t fixed)
{
    size_t available = graft_memory_available();
    size_t taken = fixed + graft_plan_resident_bytes(model) + (size_t)graft_gguf_size(model->file);
    if (config->max_memory != 0) {
        size_t limit = (size_t)config->max_memory << 20;
        return limit > taken ? limit - taken : 0;
    }
    if (available == 0) {
        return SIZE_MAX;
    }
    return available > fixed ? (available - fixed) / 2 : 0;
}

/* Of a pass that did not grow by sharing. */
static size_t largest_tokens(const graft_plan *plan)
{
    return plan->longest > plan->usual_tokens ? plan->longest : plan->usual_tokens;
}

size_t graft_plan_recomputed(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels, size_t n_tok)
{
    size_t n_layer = model->hparams.n_layer, n = 0;
    if (plan->checkpointing != GRAFT_CHECKPOINTING_AUTO) {
        return plan->checkpointing == GRAFT_CHECKPOINTING_TRUE ? n_layer : 0;
    }
    while (n < n_layer && pass_bytes(model, kernels, n_tok, n) > plan->room_bytes) {
        n++;
    }
    return n;
}

/* Shorter passes than the longest may keep more layers, up to the room there is. */
size_t graft_plan_step_bytes(const graft_plan *plan, const graft_model *model,
                             const graft_kernels *kernels)
{
    size_t n_tok = plan->max_tokens_per_pass;
    size_t most = graft_plan_pass_bytes(plan, model, kernels, n_tok);
    if (plan->checkpointing == GRAFT_CHECKPOINTING_AUTO) {
        size_t kept = pass_bytes(model, kernels, n_tok, 0);
        kept = kept < plan->room_bytes ? kept : plan->room_bytes;
        most = most > kept ? most : kept;
    }
    return (most > plan->pass_bytes ? most : plan->pass_bytes) + plan->fixed_bytes;
}

/* What the machine or max_memory has for good, for a pass that keeps all its layers. Not counted is
 * what threads need: sums must not depend on their number. */
static size_t lasting_room(const graft_config *config, const graft_model *model, size_t state)
{
    size_t total = config->max_memory != 0 ? (size_t)config->max_memory << 20
                                           : graft_memory_total() / 2;
    size_t taken = state + (size_t)graft_gguf_size(model->file) + PROCESS_BYTES;
    return total > taken ? total - taken : 0;
}

/* As many tokens of a pass, between these two, as fit into the room with all layers kept. */
static size_t roomy_tokens(const graft_model *model, const graft_kernels *kernels, size_t room,
                           size_t least, size_t most)
{
    while (most > least && pass_bytes(model, kernels, most, 0) > room) {
        most -= most / 8;
    }
    return most > least ? most : least;
}

/* Sets both sizes for examples of at most `longest` tokens. */
static void choose_tokens(graft_plan *plan, const graft_model *model, const graft_kernels *kernels,
                          size_t room)
{
    bool recomputes = plan->checkpointing == GRAFT_CHECKPOINTING_TRUE;
    size_t usual = roomy_tokens(model, kernels, room, recomputes ? SHORT_PASS : LEAST_PASS, USUAL_PASS);
    if (plan->longest > usual && pass_bytes(model, kernels, plan->longest, 0) <= room) {
        usual = plan->longest;
    }
    plan->usual_tokens = usual;
    plan->max_tokens_per_pass = roomy_tokens(model, kernels, room, largest_tokens(plan), SHARED_PASS);
}

graft_status graft_plan_make(graft_plan *out, const graft_config *config, const graft_model *model,
                             const graft_kernels *kernels, size_t n_params, bool keeps_best,
                             size_t longest)
{
    size_t state = state_bytes(n_params), saving = saving_bytes(n_params, keeps_best);
    size_t fixed = state + thread_bytes(kernels), tokens = (size_t)config->max_tokens_per_pass;
    if (tokens != 0 && tokens < longest) {
        return graft_fail(GRAFT_E_CONFIG,
                          "max_tokens_per_pass %zu is smaller than the longest example (%zu "
                          "tokens); raise it, or leave long examples out with max_seq_length and "
                          "truncation: drop",
                          tokens, longest);
    }
    *out = (graft_plan){.usual_tokens = tokens,
                        .max_tokens_per_pass = tokens,
                        .longest = longest,
                        .room_bytes = room_bytes(config, model, fixed + saving),
                        .fixed_bytes = fixed,
                        .saving_bytes = saving,
                        .checkpoint_bytes = checkpoint_bytes(n_params, keeps_best),
                        .checkpointing = config->gradient_checkpointing};
    if (tokens == 0) {
        choose_tokens(out, model, kernels, lasting_room(config, model, state + saving));
    }
    tokens = largest_tokens(out);
    size_t n_recomputed = graft_plan_recomputed(out, model, kernels, tokens);
    out->pass_bytes = pass_bytes(model, kernels, tokens, n_recomputed);
    if (out->pass_bytes > out->room_bytes) {
        const char *what = n_recomputed == 0 ? "set gradient_checkpointing: auto"
                           : tokens > longest ? "lower max_tokens_per_pass"
                                              : "lower max_seq_length";
        return graft_fail(GRAFT_E_MEMORY,
                          "passes of %zu tokens need about %zu MiB and there is room for %zu MiB: "
                          "%s%s",
                          tokens, MIB(out->pass_bytes), MIB(out->room_bytes), what,
                          config->max_memory != 0 ? ", or raise max_memory" : "");
    }
    return GRAFT_OK;
}

graft_status graft_plan_adopt(graft_plan *plan, const graft_model *model,
                              const graft_kernels *kernels, size_t usual_tokens,
                              size_t max_tokens_per_pass)
{
    plan->usual_tokens = usual_tokens;
    plan->max_tokens_per_pass = max_tokens_per_pass;
    usual_tokens = largest_tokens(plan);
    plan->pass_bytes = graft_plan_pass_bytes(plan, model, kernels, usual_tokens);
    return plan->pass_bytes <= plan->room_bytes
               ? GRAFT_OK
               : graft_fail(GRAFT_E_MEMORY, "this run was begun with passes of %zu tokens, which need "
                            "about %zu MiB, and there is room for %zu MiB: make room, raise "
                            "max_memory or set gradient_checkpointing: auto", usual_tokens,
                            MIB(plan->pass_bytes), MIB(plan->room_bytes));
}
