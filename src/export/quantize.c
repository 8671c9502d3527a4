/* quantize.c - a model is written tensor by tensor, in batches of rows that all threads make. */
#include "export/quantize.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "export/quantize_internal.h"

/* Numbers of a tile (the rows that a thread takes at a time), and of a batch: what is in memory. */
#define TILE_NUMBERS ((size_t)1 << 14)
#define BATCH_NUMBERS ((size_t)1 << 21)
enum { MOST_TILE_ROWS = 512 };

/* The quantised formats of ggml since 2023; readers refuse another number. */
enum { QUANTIZATION_VERSION = 2 };

typedef graft_quantize__part part;
typedef graft_quantize_stream run;

/* A batch at work. */
typedef struct batch {
    const part *part;
    const graft_rounding *rounding; /* NULL: to the nearest */
    float *values, *scratch;
    size_t scratch_n; /* of a thread */
    uint8_t *blocks;
    uint64_t first;
    size_t n_rows, tile_rows;
    struct tile_failure {
        graft_status status;
        char *message;
    } *failures; /* one per tile */
} batch;

static const char not_finite[] = "is not a finite number";

/* The row a value stands in is named from 0, as in the file. */
static graft_status check_finite(const part *p, const float *values, size_t n, uint64_t first,
                                 const char *what)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return graft_fail(GRAFT_E_NUMERICS, "tensor \"%s\": row %llu, column %zu %s",
                              p->source->name, (unsigned long long)(first + i / p->row),
                              i % p->row, what);
        }
    }
    return GRAFT_OK;
}

static graft_status read_rows(const part *p, uint64_t first, size_t n_rows, float *values)
{
    const graft_tensor_source *s = p->source;
    if (s->read != NULL) {
        return s->read(s->context, first, n_rows, values);
    }
    const uint8_t *data = (const uint8_t *)s->data + first * p->source_bytes;
    s->format->decode(data, values, n_rows * p->row / s->format->block_elems);
    return GRAFT_OK;
}

/* What rows are encoded with: an importance of their own, else that of what goes into them. */
graft_status graft_quantize__read(const part *p, uint64_t first, size_t n_rows, float *values)
{
    graft_status status = read_rows(p, first, n_rows, values);
    return status == GRAFT_OK ? check_finite(p, values, n_rows * p->row, first, not_finite) : status;
}

static const float *importance_of(const batch *b, uint64_t row)
{
    const part *p = b->part;
    if (p->importance != NULL) {
        return p->importance + row / p->rows_per_matrix % p->n_matrices * p->row;
    }
    return b->rounding != NULL && p->levels == NULL ? b->rounding->importance : NULL;
}

static void encode_rows(const batch *b, uint64_t first, size_t n_rows, const float *values,
                        uint8_t *blocks)
{
    const part *p = b->part;
    size_t n_blocks = p->row / p->target->block_elems;
    if (importance_of(b, first) == NULL) {
        p->target->encode(values, blocks, n_rows * n_blocks, NULL);
        return;
    }
    for (size_t i = 0; i < n_rows; i++) {
        p->target->encode(values + i * p->row, blocks + i * p->target_bytes, n_blocks,
                          importance_of(b, first + i));
    }
}

/* The rows as they lie in the source, if they have the target's format there. */
static const uint8_t *own_rows(const part *p, uint64_t first)
{
    const graft_tensor_source *s = p->source;
    const uint8_t *rows = s->data != NULL ? s->data : s->behind;
    return rows == NULL || s->format != p->target ? NULL : rows + first * p->source_bytes;
}

/* Replaces blocks by ones that keep what comes out. */
static void round_rows(const batch *b, uint64_t first, size_t n_rows, const float *values,
                       uint8_t *blocks, float *scratch, double *costs)
{
    const part *p = b->part;
    for (size_t i = 0, n; i < n_rows; i += n) {
        n = n_rows - i < GRAFT_ROUNDING_ROWS ? n_rows - i : GRAFT_ROUNDING_ROWS;
        graft_rounding_run(b->rounding,
                           &(graft_rounding_rows){.levels = p->levels, .values = values + i * p->row,
                                                  .n_rows = n, .own = own_rows(p, first + i),
                                                  .blocks = blocks + i * p->target_bytes,
                                                  .row_bytes = p->target_bytes, .costs = costs + i},
                           scratch);
    }
}

/* One tile; `values` and `scratch` are the thread's. */
static graft_status make_rows(const batch *b, uint64_t first, size_t n_rows, float *values,
                              uint8_t *blocks, float *scratch)
{
    graft_status status = GRAFT_OK;
    const part *p = b->part;
    const graft_tensor_source *s = p->source;
    double costs[MOST_TILE_ROWS];
    bool rounded = b->rounding != NULL && p->levels != NULL;
    size_t n = n_rows * p->row;
    GRAFT_TRY(read_rows(p, first, n_rows, values));
    GRAFT_TRY(check_finite(p, values, n, first, not_finite));
    if (!p->encoded) {
        memcpy(blocks, (const uint8_t *)s->data + first * p->source_bytes, n_rows * p->target_bytes);
        goto done;
    }
    encode_rows(b, first, n_rows, values, blocks);
    if (rounded) {
        round_rows(b, first, n_rows, values, blocks, scratch, costs);
    }
    if (p->target != &graft_format_f32) {
        p->target->decode(blocks, values, n / p->target->block_elems);
        GRAFT_TRY(check_finite(p, values, n, first, "is too large for the type it is to have"));
    }
    if (s->written != NULL) {
        GRAFT_TRY(s->written(s->context, first, n_rows, values, rounded ? costs : NULL));
    }
done:
    return status;
}

static void tile_job(void *context, size_t job, int thread)
{
    const batch *b = context;
    size_t at = job * b->tile_rows, left = b->n_rows - at;
    size_t n = left < b->tile_rows ? left : b->tile_rows;
    graft_status status =
        make_rows(b, b->first + at, n, b->values + (size_t)thread * b->tile_rows * b->part->row,
                  b->blocks + at * b->part->target_bytes,
                  b->scratch == NULL ? NULL : b->scratch + (size_t)thread * b->scratch_n);
    b->failures[job].status = status;
    if (status != GRAFT_OK) {
        (void)graft_strdup(&b->failures[job].message, graft_error_message());
    }
}

/* Makes `n` numbers (of `size` bytes) of *buffer available; what it held is lost. */
static graft_status need(void *buffer, size_t *capacity, size_t n, size_t size)
{
    if (n <= *capacity) {
        return GRAFT_OK;
    }
    graft_status status = graft_realloc(buffer, n, size);
    *capacity = status == GRAFT_OK ? n : *capacity;
    return status;
}

/* The failure of the first tile that has one, so that the message does not depend on threads. */
static graft_status run_batch(batch *b)
{
    graft_status status = GRAFT_OK;
    size_t n = (b->n_rows + b->tile_rows - 1) / b->tile_rows;
    GRAFT_TRY(graft_alloc(&b->failures, n, sizeof *b->failures));
    graft_parallel(n, tile_job, b);
    for (size_t i = 0; i < n && status == GRAFT_OK; i++) {
        if (b->failures[i].status != GRAFT_OK) {
            const char *message = b->failures[i].message;
            status = graft_fail(b->failures[i].status, "%s", message ? message : "out of memory");
        }
    }
done:
    for (size_t i = 0; b->failures != NULL && i < n; i++) {
        graft_free(b->failures[i].message);
    }
    graft_free(b->failures);
    b->failures = NULL;
    return status;
}

/* Moments for the part, and memory for its tiles. */
static graft_status begin_part(run *r, const part *p, batch *b)
{
    graft_status status = GRAFT_OK;
    const size_t threads = (size_t)graft_threads();
    graft_rounding_source *source = r->job->rounding;
    if (source != NULL && source->aware && p->encoded && p->target->block_elems > 1 &&
        p->n_matrices == 1) {
        GRAFT_TRY(source->find(source, p->source->name, &b->rounding));
    }
    if (b->rounding != NULL && b->rounding->n != p->row) {
        b->rounding = NULL; /* a lookup: its rows are no inputs */
    }
    b->tile_rows = TILE_NUMBERS / p->row > 0 ? TILE_NUMBERS / p->row : 1;
    if (b->rounding != NULL && p->levels != NULL) {
        b->scratch_n = graft_rounding_scratch(p->levels, p->row);
        b->tile_rows = (b->tile_rows + GRAFT_ROUNDING_ROWS - 1) / GRAFT_ROUNDING_ROWS *
                       GRAFT_ROUNDING_ROWS;
        GRAFT_TRY(need(&r->scratch, &r->scratch_n, threads * b->scratch_n, sizeof *r->scratch));
        r->n_aware++;
    }
    b->tile_rows = b->tile_rows < MOST_TILE_ROWS ? b->tile_rows : MOST_TILE_ROWS;
    if (p->source->weighed != NULL) {
        GRAFT_TRY(p->source->weighed(p->source->context, p->levels != NULL ? b->rounding : NULL));
    }
    GRAFT_TRY(need(&r->values, &r->values_n, threads * b->tile_rows * p->row, sizeof *r->values));
done:
    return status;
}

static graft_status fill(void *context, size_t i, graft_writer *out)
{
    graft_status status = GRAFT_OK;
    run *r = context;
    const part *p = &r->parts[i];
    size_t batch_rows = BATCH_NUMBERS / p->row > 0 ? BATCH_NUMBERS / p->row : 1;
    batch b = {.part = p};
    GRAFT_TRY(begin_part(r, p, &b));
    for (b.first = 0; b.first < p->n_rows; b.first += b.n_rows) {
        uint64_t left = p->n_rows - b.first;
        b.n_rows = left < batch_rows ? (size_t)left : batch_rows;
        if (r->job->progress != NULL) {
            GRAFT_TRY(r->job->progress(r->job->context, r->bytes_done, r->bytes_total));
        }
        GRAFT_TRY(need(&r->blocks, &r->blocks_n, b.n_rows * p->target_bytes, 1));
        b.values = r->values;
        b.scratch = r->scratch;
        b.blocks = r->blocks;
        GRAFT_TRY(run_batch(&b));
        GRAFT_TRY(graft_writer_write(out, b.blocks, b.n_rows * p->target_bytes));
        r->bytes_done += b.n_rows * p->target_bytes;
        if (p->source->mapped) {
            const uint8_t *rows = p->source->data != NULL ? p->source->data : p->source->behind;
            graft_mapped_forget(rows + b.first * p->source_bytes, b.n_rows * p->source_bytes);
        }
    }
    if (r->job->progress != NULL) {
        GRAFT_TRY(r->job->progress(r->job->context, r->bytes_done, r->bytes_total));
    }
    if (i + 1 == r->job->n_tensors && r->job->finish != NULL) {
        GRAFT_TRY(r->job->finish(r->job->finish_context));
    }
done:
    return status;
}

/* --- what is to be done, and whether it may --- */

static graft_status check_source(const graft_quantize_job *job, const part *p)
{
    const graft_format *from = p->source->format, *to = p->target;
    if (p->source->read == NULL && (p->source->data == NULL || from->decode == NULL)) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is %s, which cannot be read",
                          p->source->name, from->name);
    }
    if (!p->encoded) {
        return GRAFT_OK;
    }
    if (to->encode == NULL) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" would become %s, which cannot be written",
                          p->source->name, to->name);
    }
    if (from->block_elems > 1 && to != &graft_format_f32 && !job->allow_requantize) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is %s already: quantising it again, as %s, "
                          "adds the errors of both; start from the model in 16 or 32 bits, or "
                          "allow it (allow-requantize)", p->source->name, from->name, to->name);
    }
    return GRAFT_OK;
}

static graft_status find_importance(const graft_quantize_job *job, const graft_mix_tensor *tensor,
                                    part *p)
{
    size_t n = 0;
    const float *values = NULL;
    if (job->importance != NULL && p->encoded && p->target->block_elems > 1) {
        values = graft_importance_find(job->importance, tensor->name, &n);
    }
    if (values != NULL && n != p->row * p->n_matrices) {
        if (strcmp(tensor->name, "token_embd.weight") == 0) {
            return GRAFT_OK; /* a lookup: no column of it is an input */
        }
        return graft_fail(GRAFT_E_MODEL, "%s: %zu values for tensor \"%s\", which has %zu columns: "
                          "made with another model?", graft_importance_path(job->importance), n,
                          tensor->name, p->row * p->n_matrices);
    }
    if (values == NULL && job->mix != NULL && graft_mix_needs_importance(job->mix, tensor)) {
        return graft_fail(GRAFT_E_MODEL, "type %s is of no use without an importance matrix (imatrix)"
                          "; there is none for tensor \"%s\"", job->mix->name, tensor->name);
    }
    p->importance = values;
    return GRAFT_OK;
}

graft_status graft_quantize__plan(const graft_quantize_job *job, const graft_mix_tensor *tensor,
                                  const graft_tensor_source *source, part *p)
{
    graft_status status = GRAFT_OK;
    size_t total;
    *p = (part){.source = source, .target = tensor->target, .row = (size_t)tensor->ne[0],
                .rows_per_matrix = tensor->ne[1], .n_matrices = tensor->ne[2],
                .n_rows = tensor->ne[1] * tensor->ne[2] * tensor->ne[3],
                .encoded = tensor->target != source->format || source->data == NULL,
                .levels = graft_levels_find(tensor->target)};
    GRAFT_TRY(check_source(job, p));
    GRAFT_TRY(graft_format_row_bytes(p->target, p->row, &p->target_bytes));
    if (source->data != NULL || source->behind != NULL) {
        GRAFT_TRY(graft_format_row_bytes(source->format, p->row, &p->source_bytes));
    }
    /* a tile per thread must fit into memory */
    if (!graft_size_mul(p->row, 4 * (size_t)graft_threads(), &total)) {
        status = graft_fail(GRAFT_E_MODEL, "tensor \"%s\": rows of %zu numbers", source->name,
                            p->row);
        goto done;
    }
    GRAFT_TRY(find_importance(job, tensor, p));
done:
    return status;
}

static void count(graft_quantized *out, const part *p, bool fallback)
{
    size_t f = 0;
    uint64_t numbers = p->n_rows * p->row;
    while (out->formats[f].format != NULL && out->formats[f].format != p->target) {
        f++;
    }
    if (f + 1 < GRAFT_QUANTIZED_FORMATS) {
        out->formats[f].format = p->target;
        out->formats[f].n_tensors++;
        out->formats[f].bytes += p->n_rows * p->target_bytes;
    }
    out->n_tensors++;
    out->n_fallback += fallback;
    out->n_weighed += p->importance != NULL;
    out->n_numbers += numbers;
    out->bytes_before += numbers / p->source->format->block_elems * p->source->format->block_bytes;
    out->bytes_after += p->n_rows * p->target_bytes;
}

static graft_status describe(graft_mix_tensor *out, const graft_tensor_source *source)
{
    *out = (graft_mix_tensor){.name = source->name, .format = source->format,
                              .target = source->format};
    size_t elements = 1;
    bool fits = source->n_dims >= 1 && source->n_dims <= 4;
    for (uint32_t d = 0; d < 4; d++) {
        out->ne[d] = d < source->n_dims ? source->ne[d] : 1;
        fits = fits && out->ne[d] > 0 && graft_size_mul(elements, (size_t)out->ne[d], &elements);
    }
    if (!fits || elements > SIZE_MAX / 8) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" has an impossible shape", source->name);
    }
    return GRAFT_OK;
}

/* Parts for the types that the mix says. */
static graft_status plan(run *r, graft_mix_tensor *tensors)
{
    graft_status status = GRAFT_OK;
    const graft_quantize_job *job = r->job;
    GRAFT_TRY(graft_alloc(&r->parts, job->n_tensors, sizeof *r->parts));
    for (size_t i = 0; i < job->n_tensors; i++) {
        GRAFT_TRY(describe(&tensors[i], &job->tensors[i]));
    }
    if (job->mix != NULL) {
        GRAFT_TRY(graft_mix_choose(job->mix, &job->model, tensors, job->n_tensors,
                                   job->importance != NULL));
    }
    for (size_t i = 0; i < job->n_tensors; i++) {
        GRAFT_TRY(graft_quantize__plan(job, &tensors[i], &job->tensors[i], &r->parts[i]));
    }
done:
    return status;
}

/* The types are final. */
static void settle(run *r, const graft_mix_tensor *tensors, graft_quantized *out)
{
    for (size_t i = 0; i < r->job->n_tensors; i++) {
        if (r->job->targets != NULL) {
            r->job->targets[i] = tensors[i].target;
        }
        count(out, &r->parts[i], tensors[i].fallback);
    }
    r->bytes_total = out->bytes_after;
}

static graft_status set_text(graft_gguf_writer *file, const char *key, const char *text)
{
    return graft_gguf_set_string(file, key, text, strlen(text));
}

/* Will anything be rounded to blocks? */
static graft_status prepare_rounding(const run *r)
{
    graft_rounding_source *source = r->job->rounding;
    bool rounds = false;
    for (size_t i = 0; i < r->job->n_tensors; i++) {
        rounds = rounds || (r->parts[i].encoded && r->parts[i].target->block_elems > 1);
    }
    return source != NULL && source->prepare != NULL && rounds ? source->prepare(source) : GRAFT_OK;
}

static graft_status set_keys(graft_gguf_writer *file, const graft_quantize_job *job)
{
    graft_status status = GRAFT_OK;
    const graft_importance *importance = job->importance;
    const graft_rounding_source *rounding = job->rounding;
    GRAFT_TRY(graft_gguf_set_u32(file, "general.quantization_version", QUANTIZATION_VERSION));
    if (rounding != NULL && rounding->note != NULL) {
        GRAFT_TRY(set_text(file, "graft.rounding", rounding->aware ? "aware" : "nearest"));
        GRAFT_TRY(set_text(file, "graft.rounding_data", rounding->note));
    }
    if (job->mix != NULL) {
        GRAFT_TRY(graft_gguf_set_u32(file, "general.file_type", job->mix->file_type));
    }
    if (importance == NULL) {
        goto done;
    }
    const char *dataset = graft_importance_dataset(importance);
    GRAFT_TRY(set_text(file, "quantize.imatrix.file", graft_importance_path(importance)));
    if (dataset != NULL) {
        GRAFT_TRY(set_text(file, "quantize.imatrix.dataset", dataset));
    }
    GRAFT_TRY(graft_gguf_set_u32(file, "quantize.imatrix.entries_count",
                                 (uint32_t)graft_importance_n(importance)));
    if (graft_importance_chunks(importance) > 0) {
        GRAFT_TRY(graft_gguf_set_u32(file, "quantize.imatrix.chunks_count",
                                     graft_importance_chunks(importance)));
    }
done:
    return status;
}

graft_status graft_quantize_write(graft_quantized *out, graft_gguf_writer *file,
                                  const graft_quantize_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    run r = {.job = job};
    graft_mix_tensor *tensors = NULL;
    *out = (graft_quantized){0};
    GRAFT_TRY(graft_alloc(&tensors, job->n_tensors, sizeof *tensors));
    GRAFT_TRY(plan(&r, tensors));
    GRAFT_TRY(prepare_rounding(&r));
    GRAFT_TRY(set_keys(file, job));
    if (job->size > 0) {
        GRAFT_TRY(graft_quantize__raise(&r, tensors, file, out));
    }
    settle(&r, tensors, out);
    for (size_t i = 0; i < job->n_tensors; i++) {
        GRAFT_TRY(graft_gguf_add_tensor(file, tensors[i].name, tensors[i].target,
                                        job->tensors[i].n_dims, tensors[i].ne, NULL));
    }
    GRAFT_TRY(graft_gguf_write_with(file, path, fill, &r));
    out->n_aware = r.n_aware;
done:
    graft_free(tensors);
    graft_free(r.scratch);
    graft_free(r.parts);
    graft_free(r.values);
    graft_free(r.blocks);
    return status;
}

graft_status graft_quantize_stream_open(graft_quantize_stream **out, const graft_quantize_job *job)
{
    graft_status status = GRAFT_OK;
    graft_quantized counts = {0};
    graft_mix_tensor *tensors = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(out, 1, sizeof **out));
    GRAFT_TRY(graft_alloc(&tensors, job->n_tensors, sizeof *tensors));
    (*out)->job = job;
    GRAFT_TRY(plan(*out, tensors));
    GRAFT_TRY(prepare_rounding(*out));
    settle(*out, tensors, &counts);
done:
    graft_free(tensors);
    if (status != GRAFT_OK) {
        graft_quantize_stream_close(*out);
        *out = NULL;
    }
    return status;
}

graft_status graft_quantize_stream_put(void *stream, size_t i, graft_writer *out)
{
    return fill(stream, i, out);
}

void graft_quantize_stream_close(graft_quantize_stream *stream)
{
    if (stream != NULL) {
        graft_free(stream->parts);
        graft_free(stream->values);
        graft_free(stream->blocks);
        graft_free(stream->scratch);
        graft_free(stream);
    }
}
