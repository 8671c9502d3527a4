/* diagnose.c - where a number that is not finite came from. Only for steps that are not applied. */
#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/threads.h"
#include "train/gradient.h"

/* --- the forward part of a pass --- */

/* Watches for the first linear map whose input is not finite. */
typedef struct inputs {
    bool half;
    const graft_weight *first; /* NULL: none so far */
} inputs;

static bool row_is_finite(const graft_act *x, size_t begin, size_t n, bool half)
{
    for (size_t i = begin; i < begin + n; i++) {
        if (half ? (((const uint16_t *)x)[i] & 0x7f80) == 0x7f80
                 : !isfinite(((const graft_real *)x)[i])) {
            return false;
        }
    }
    return true;
}

static void see(void *context, const graft_weight *w, const graft_act *x, size_t ldx, size_t n_tok,
                bool again)
{
    inputs *in = context;
    (void)again;
    for (size_t row = 0; in->first == NULL && row < n_tok; row++) {
        if (!row_is_finite(x, row * ldx, w->n_in, in->half)) {
            in->first = w;
        }
    }
}

static const char *name_of(const graft_model *model, const graft_weight *w)
{
    for (size_t i = 0; i < model->n_slots; i++) {
        if (&model->slots[i].weight == w) {
            return model->slots[i].name;
        }
    }
    return "a map";
}

static void add_suspect(graft_step_report *report, const graft_example *example)
{
    for (size_t i = 0; i < report->n_suspects; i++) {
        if (report->suspects[i] == example) {
            return;
        }
    }
    if (report->n_suspects < GRAFT_SUSPECTS) {
        report->suspects[report->n_suspects++] = example;
    }
}

graft_status graft_trainer__diagnose(graft_trainer *t, size_t pass_index,
                                     graft_step_report *report, double *again)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    float *logprobs = NULL;
    const graft_pass *pass = graft_step_layout_pass(t->layout, pass_index);
    inputs in = {t->compute->kernels.half, NULL};
    graft_input_watch watch = {see, &in};
    const graft_input_watch *before = t->compute->watch;
    *again = 0;
    GRAFT_TRY(graft_alloc(&logprobs, pass->n_predictions, sizeof *logprobs));
    graft_tape_begin(&tape, t->compute, false);
    tape.training = true; /* dropout as it was */
    tape.seed = t->config->seed;
    tape.step = (uint32_t)t->step;
    tape.pass = (uint32_t)pass_index;
    t->compute->watch = &watch;
    status = graft_model_loss(t->model, &tape, pass, 0, graft_step_layout_weight(t->layout), again,
                              logprobs);
    t->compute->watch = before;
    GRAFT_TRY(status);
    for (size_t i = 0; i < pass->n_predictions; i++) {
        if (!isfinite(logprobs[i])) {
            add_suspect(report, t->batch[pass->predictions[i].example]);
        }
    }
    snprintf(report->where, sizeof report->where, "the loss is not finite; %s%s",
             in.first != NULL ? "the first that is not goes into " : "only the logits are not either",
             in.first != NULL ? name_of(t->model, in.first) : "");
done:
    graft_free(logprobs);
    return status;
}

/* --- the base --- */

enum { BUFFER = 4096 };

/* *bad: index of the first element that is not finite, or how many there are. */
typedef struct tensor_scan {
    const graft_gguf_tensor *tensor;
    size_t n, bad;
} tensor_scan;

static void scan(void *context, size_t job, int thread)
{
    tensor_scan *s = (tensor_scan *)context + job;
    const graft_format *format = s->tensor->format;
    const uint8_t *at = s->tensor->data;
    size_t per_block = format->block_elems, blocks = BUFFER / per_block;
    float values[BUFFER];
    (void)thread;
    for (size_t done = 0; done < s->n; done += blocks * per_block) {
        size_t n = s->n - done < BUFFER ? s->n - done : BUFFER;
        format->decode(at, values, n / per_block);
        at += n / per_block * format->block_bytes;
        for (size_t i = 0; i < n; i++) {
            if (!isfinite(values[i])) {
                s->bad = done + i;
                return;
            }
        }
    }
}

graft_status graft_trainer__check_base(const graft_model *model)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_gguf_n_tensors(model->file);
    tensor_scan *scans = NULL;
    GRAFT_TRY(graft_alloc(&scans, n, sizeof *scans));
    for (size_t i = 0; i < n; i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(model->file, i);
        size_t elements = (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);
        scans[i] = (tensor_scan){t, elements, elements};
    }
    graft_parallel(n, scan, scans);
    for (size_t i = 0; i < n; i++) {
        size_t row = scans[i].bad / (size_t)scans[i].tensor->ne[0];
        if (scans[i].bad < scans[i].n) {
            status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\": row %zu, column %zu is not finite: "
                                "the file is damaged, and no training can go on from it",
                                graft_gguf_path(model->file), scans[i].tensor->name, row,
                                scans[i].bad % (size_t)scans[i].tensor->ne[0]);
            goto done;
        }
    }
done:
    graft_free(scans);
    return status;
}
