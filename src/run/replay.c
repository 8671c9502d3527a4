/* replay.c - general examples that are trained beside the data, and what is forgotten of them. */
#include <math.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/lines.h"
#include "run/training.h"
#include "train/mixing.h"

enum { LARGEST_HELD_BACK = 100 }; /* examples */
#define LOSS_PASS 512             /* tokens of a pass */

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
    GRAFT_TRY(graft_dataset_split(&read, &t->replay.dataset, n_held, GRAFT_SPLIT_RANDOM, c->seed,
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

/* --- what is forgotten --- */

graft_status graft_training_measure_replay(graft_training *t, const char *when, double *loss)
{
    graft_status status = GRAFT_OK;
    const graft_example **examples = NULL;
    double sum = 0, weight = 0;
    size_t n_tokens = 0;
    if (t->replay.n_samples == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&examples, t->replay.n_samples, sizeof *examples));
    for (size_t i = 0; i < t->replay.n_samples; i++) {
        examples[i] = &t->replay.samples[i];
        for (uint32_t k = 1; k < examples[i]->n; k++) {
            n_tokens += fabsf(examples[i]->weights[k]) > 0;
        }
    }
    GRAFT_TRY(graft_examples_loss(t->session.model, &t->session.compute, examples,
                                  t->replay.n_samples, LOSS_PASS, &sum, &weight));
    if (!(weight > 0)) {
        status = graft_fail(GRAFT_E_DATA, "%s: nothing of what is held back of replay has a loss "
                            "weight", t->config->replay.items[0].path);
        goto done;
    }
    *loss = sum / weight;
    graft_log(GRAFT_LOG_INFO, "replay: loss %.4f on what is held back (%s)", *loss, when);
    GRAFT_TRY(graft_journal_replay(t->journal, when, t->trainer.step,
                                   (double)t->trainer.step / (double)t->trainer.steps_per_epoch,
                                   *loss, n_tokens));
done:
    graft_free(examples);
    return status;
}

/* Is the line the record of step 0? *loss is what it says. */
static bool is_first(const char *line, size_t n, double *loss)
{
    graft_json *record = NULL;
    bool found = graft_json_parse(&record, line, n) == GRAFT_OK &&
                 graft_json_has(record, "replay_loss") &&
                 graft_json_int(graft_json_get(record, "step")) == 0;
    if (found) {
        *loss = graft_json_double(graft_json_get(record, "replay_loss"));
    }
    graft_json_free(record);
    return found;
}

/* Reads what an earlier process of this run measured before the first step. */
static graft_status read_first(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    char *path = NULL;
    const char *line = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, "metrics.jsonl"));
    GRAFT_TRY(graft_lines_open(&lines, path));
    do {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
    } while (line != NULL && !is_first(line, n, &t->replay_before));
done:
    graft_lines_close(lines);
    graft_free(path);
    return status;
}

graft_status graft_training_begin_replay(graft_training *t)
{
    if (t->replay.n_samples == 0) {
        return GRAFT_OK;
    }
    return t->trainer.step == 0 ? graft_training_measure_replay(t, "before", &t->replay_before)
                                : read_first(t);
}

graft_status graft_training_format_replay(const graft_training *t, graft_text *out)
{
    if (!(t->replay_before > 0) || !(t->replay_after > 0)) {
        return GRAFT_OK;
    }
    return graft_text_appendf(out, "Loss on %zu held-back examples of replay: %.4f before, %.4f "
                              "after.\n", t->replay.dataset.n, t->replay_before, t->replay_after);
}
