#include "train/plan.h"

#include "core/clock.h"

#define USUAL_PASS 1024 /* tokens; unpacking the weights is then a few percent of a pass */
#define MIB(bytes) ((bytes) >> 20)

/* Bytes of a pass of n_tok tokens. Kept layers hold their activations until their backward has
 * run; the layer at work also needs as much again for gradients. */
static size_t pass_bytes(const graft_model *model, size_t n_tok, bool recompute)
{
    const graft_hparams *h = &model->hparams;
    size_t kept = model->family->kept_per_token(model);
    size_t layers = recompute ? h->n_layer * h->n_embd + kept : h->n_layer * kept;
    return n_tok * (layers + kept + 4 * h->n_embd) * sizeof(graft_real);
}

static size_t fixed_bytes(const graft_model *model, size_t n_params)
{
    return (GRAFT_HEAD_CHUNK * model->hparams.n_vocab + 4 * n_params) * sizeof(graft_real) +
           ((size_t)32 << 20);
}

graft_status graft_plan_make(graft_plan *out, const graft_config *config, const graft_model *model,
                             size_t n_params, size_t longest)
{
    size_t available = graft_memory_available(), tokens = (size_t)config->max_tokens_per_pass;
    size_t fixed = fixed_bytes(model, n_params);
    size_t room = available == 0 ? SIZE_MAX : available > fixed ? available - fixed : 0;
    bool recompute = config->gradient_checkpointing == GRAFT_CHECKPOINTING_TRUE;
    bool may_choose = config->gradient_checkpointing == GRAFT_CHECKPOINTING_AUTO;
    if (tokens != 0 && tokens < longest) {
        return graft_fail(GRAFT_E_CONFIG,
                          "max_tokens_per_pass %zu is smaller than the longest example (%zu "
                          "tokens); raise it, or cut examples with max_seq_length and truncation",
                          tokens, longest);
    }
    if (tokens == 0) {
        tokens = longest > USUAL_PASS ? longest : USUAL_PASS;
    }
    if (may_choose) {
        recompute = pass_bytes(model, tokens, false) > room / 2;
    }
    while (config->max_tokens_per_pass == 0 && tokens > longest &&
           pass_bytes(model, tokens, recompute) > room / 2) {
        tokens = tokens / 2 > longest ? tokens / 2 : longest;
    }
    *out = (graft_plan){tokens, recompute, pass_bytes(model, tokens, recompute), fixed, available};
    if (out->pass_bytes > room) {
        return graft_fail(GRAFT_E_MEMORY,
                          "passes of %zu tokens need about %zu MiB and %zu MiB are free: lower %s",
                          tokens, MIB(out->pass_bytes + fixed), MIB(available),
                          !recompute ? "max_tokens_per_pass or set gradient_checkpointing: true"
                          : tokens > longest ? "max_tokens_per_pass"
                                             : "max_seq_length");
    }
    return GRAFT_OK;
}
