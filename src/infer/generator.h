/* infer/generator.h - replies to many prompts at once, with cached keys and values.
 *
 * Sequences are decoded side by side, so each reading of the weights serves all of them; when one
 * ends the next prompt takes its place. A reply does not depend on what is decoded beside it.
 * Prompts that begin like one whose keys are still in the cache take these over: turns of one
 * trajectory, or prompts with the same tools, are best given one after the other.
 *
 * What really follows a prompt can be read along with it, so that the loss on a text and replies to
 * its beginnings cost one reading: the longest beginning first, and the others take its keys over.
 * Reading also tells what the model would have said at each place. A greedy reply that begins with what
 * really follows is known as far as that goes, without a pass for each token (the verification of
 * Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding", with the text as the
 * draft); it is the reply that decoding would have given. */
#ifndef GRAFT_INFER_GENERATOR_H
#define GRAFT_INFER_GENERATOR_H

#include "infer/sampler.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

typedef struct graft_reply {
    int32_t *ids; /* without the token that ended the turn */
    size_t n;
    bool ended;   /* by a token that ends a turn, not by max_new_tokens or the context */
    bool looped;  /* it was cut because it repeated itself */
} graft_reply;

/* A text that begins with a prompt, and what is to be predicted in it. */
typedef struct graft_reading {
    const int32_t *ids;
    size_t n; /* >= that of the prompt; 0: nothing is read beyond the prompt */
    const graft_prediction *predictions; /* in order of their rows, no row twice */
    size_t n_predictions;
    float *logprobs; /* [n_predictions], filled in */
    int32_t *best;   /* [n_predictions], filled in: the most probable token there */
} graft_reading;

typedef struct graft_generate_options {
    size_t max_new_tokens;  /* >= 1 */
    size_t max_batch;       /* sequences at once; 0: 16 */
    size_t cache_bytes;     /* for keys and values; 0: 256 MiB. The longest sequence always fits */
    size_t max_pass_tokens; /* prompts are read in passes of at most so many tokens; 0: 1024 */
    size_t loop_tokens;     /* end a reply when its last tokens repeat at most 64 before them, at
                             * least four times and over so many tokens; 0: never */
    graft_sampler sampler;
    const graft_reading *readings; /* NULL, or one for each prompt */
    size_t *n_taken_over;   /* NULL, or where tokens of prompts are counted that were not read again */
    size_t *n_followed;     /* NULL, or where tokens of replies are counted that a reading told */
    /* Called (unless NULL) for each token as it is chosen, and after each reply with id -1; and after
     * each pass. A non-zero return stops everything with GRAFT_E_INTERRUPTED. */
    int (*on_token)(void *context, size_t prompt, int32_t id);
    int (*on_pass)(void *context);
    void *context;
} graft_generate_options;

/* replies[i] answers prompts[i]. On failure no reply has to be freed. A prompt that is empty or leaves no room in the
 * model's context is GRAFT_E_DATA naming its index. */
graft_status graft_generate(graft_reply *replies, graft_model *model, graft_compute *compute,
                            const graft_tokenizer *tokenizer, const graft_tokens *prompts,
                            size_t n_prompts, const graft_generate_options *options);
/* Are the last tokens, at least `least`, a few over and over? */
bool graft_reply_repeats(const graft_reply *reply, size_t least);
void graft_replies_free(graft_reply *replies, size_t n); /* frees the ids, not the array */

#endif
