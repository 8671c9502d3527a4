/* quantize_size.c - a size to aim at: what each tensor's types would lose, and which are raised. */
#include "core/memory.h"
#include "export/budget.h"
#include "export/quantize_internal.h"

static graft_status read_for_budget(const void *context, uint64_t first_row, size_t n_rows,
                                    float *out)
{
    return graft_quantize__read(context, first_row, n_rows, out);
}

/* What the types lose that one tensor could have. */
static graft_status measure(const graft_quantize_stream *r, const graft_quantize__part *p,
                            graft_budget_tensor *out)
{
    graft_status status = GRAFT_OK;
    graft_rounding_source *source = r->job->rounding;
    const graft_rounding *rounding = NULL;
    *out = (graft_budget_tensor){
        .unchanged = p->source->data != NULL ? p->source->format : NULL, .target = p->target,
        .fixed = !p->encoded || p->target->block_elems == 1, .row = p->row, .n_rows = p->n_rows,
        .importance = p->importance, .context = p, .read = read_for_budget};
    if (out->importance == NULL && !out->fixed && source != NULL && source->aware) {
        GRAFT_TRY(source->find(source, p->source->name, &rounding));
        out->importance = rounding != NULL && rounding->n == p->row ? rounding->importance : NULL;
    }
    GRAFT_TRY(graft_budget_measure(out));
done:
    return status;
}

graft_status graft_quantize__raise(graft_quantize_stream *r, graft_mix_tensor *tensors,
                                   const graft_gguf_writer *file, graft_quantized *out)
{
    graft_status status = GRAFT_OK;
    const graft_quantize_job *job = r->job;
    graft_budget_tensor *budget = NULL;
    const char **names = NULL;
    uint32_t *dims = NULL;
    size_t alignment;
    GRAFT_TRY(graft_alloc(&budget, job->n_tensors, sizeof *budget));
    GRAFT_TRY(graft_alloc(&names, job->n_tensors, sizeof *names));
    GRAFT_TRY(graft_alloc(&dims, job->n_tensors, sizeof *dims));
    for (size_t i = 0; i < job->n_tensors; i++) {
        names[i] = job->tensors[i].name;
        dims[i] = job->tensors[i].n_dims;
        if (job->progress != NULL) {
            GRAFT_TRY(job->progress(job->context, 0, job->size));
        }
        GRAFT_TRY(measure(r, &r->parts[i], &budget[i]));
    }
    uint64_t fixed = graft_gguf_writer_bytes(file, names, dims, job->n_tensors, &alignment);
    GRAFT_TRY(graft_budget_raise(budget, job->n_tensors, fixed, alignment, job->size));
    for (size_t i = 0; i < job->n_tensors; i++) {
        if (budget[i].target != tensors[i].target) {
            tensors[i].target = budget[i].target;
            tensors[i].fallback = false;
            GRAFT_TRY(graft_quantize__plan(job, &tensors[i], &job->tensors[i], &r->parts[i]));
            out->n_raised++;
        }
    }
done:
    graft_free(budget);
    graft_free(names);
    graft_free(dims);
    return status;
}
