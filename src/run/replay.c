/* replay.c - general examples that are trained beside the data. What is held back of them tells what is
 * forgotten: see forgetting.c. */
#include "core/log.h"
#include "core/memory.h"
#include "run/training.h"
#include "train/mixing.h"

enum { LARGEST_HELD_BACK = 100 }; /* examples */

/* Moves the examples of `from` behind those of `to`. */
static graft_status move_examples(graft_dataset *to, graft_dataset *from)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&to->conversations, &to->capacity, to->n + from->n,
                            sizeof *to->conversations));
    for (size_t i = 0; i < from->n; i++) {
        to->conversations[to->n++] = from->conversations[i];
    }
    from->n = 0;
done:
    return status;
}

graft_status graft_training_read_replay(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    graft_dataset read;
    graft_dataset_init(&read);
    if (c->replay.n == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_session_read(&read, c, &c->replay));
    if (read.n < 2) {
        status = graft_fail(GRAFT_E_DATA, "%s: replay needs two examples at least, as a tenth of "
                            "them is held back to measure what is forgotten",
                            c->replay.items[0].path);
        goto done;
    }
    size_t n = read.n, n_held = n < 10 ? 1 : n / 10;
    n_held = n_held < LARGEST_HELD_BACK ? n_held : LARGEST_HELD_BACK;
    GRAFT_TRY(graft_dataset_split(&read, &t->replay.corpus.dataset, n_held, GRAFT_SPLIT_RANDOM, c->seed,
                                  NULL));
    for (size_t i = 0; i < read.n; i++) {
        read.conversations[i].source = c->dataset.n;
    }
    GRAFT_TRY(move_examples(&t->train.dataset, &read));
    graft_log(GRAFT_LOG_INFO, "replay: held back %zu of %zu examples to measure what is forgotten",
              n_held, n);
    if (c->val_split == GRAFT_VAL_SPLIT_TOOL && t->eval.dataset.n > 0) {
        graft_log(GRAFT_LOG_WARN, "val_split: tool does not look at replay: tools of the "
                  "evaluation part may be trained there");
    }
done:
    graft_dataset_clear(&read);
    return status;
}

void graft_training_log_mixture(const graft_training *t)
{
    const graft_mix *mix = &t->trainer.mix;
    if (graft_mixing_is_plain(mix)) {
        return;
    }
    for (size_t i = 0; i < mix->n_parts; i++) {
        const graft_config *c = t->config;
        bool replay = i >= c->dataset.n;
        graft_log(GRAFT_LOG_INFO, "%s%s: an epoch has %zu examples of its %zu, %.1f %% of the tokens",
                  replay ? "replay: " : "",
                  replay ? c->replay.items[0].path : c->dataset.items[i].path,
                  mix->parts[i].per_epoch, mix->parts[i].n,
                  100 * graft_mixing_share(mix, t->train.units, i));
    }
}
