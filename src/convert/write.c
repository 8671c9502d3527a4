/* convert/write.c - a folder as a GGUF file of plain types, a batch of rows at a time. */
#include <string.h>

#include "convert/convert.h"
#include "core/memory.h"
#include "core/threads.h"

enum { BATCH_NUMBERS = 1 << 21, JOB_ROWS = 8 };

/* One batch: rows are read and encoded by all threads. */
typedef struct batch {
    const graft_tensor_source *source;
    const graft_format *format;
    uint64_t first;
    size_t n_rows, n_cols;
    float *numbers;
    uint8_t *bytes;
    graft_status *statuses; /* of jobs */
} batch;

typedef struct writing {
    const graft_tensor_source *sources;
    const graft_format *const *formats;
    batch batch;
    size_t n_numbers, n_jobs; /* what there is room for */
} writing;

static void make_rows(void *context, size_t job, int thread)
{
    const batch *b = context;
    size_t begin = job * JOB_ROWS, n = b->n_rows - begin;
    float *numbers = b->numbers + begin * b->n_cols;
    (void)thread;
    n = n < JOB_ROWS ? n : JOB_ROWS;
    b->statuses[job] = b->source->read(b->source->context, b->first + begin, n, numbers);
    if (b->statuses[job] == GRAFT_OK) {
        b->format->encode(numbers, b->bytes + begin * b->n_cols * b->format->block_bytes,
                          n * b->n_cols);
    }
}

static graft_status fill(void *context, size_t i, graft_writer *out)
{
    graft_status status = GRAFT_OK;
    writing *w = context;
    batch *b = &w->batch;
    const graft_tensor_source *t = &w->sources[i];
    uint64_t n_rows = t->ne[1] * t->ne[2] * t->ne[3];
    b->source = t;
    b->format = w->formats[i];
    b->n_cols = (size_t)t->ne[0];
    size_t most = BATCH_NUMBERS / b->n_cols > 0 ? BATCH_NUMBERS / b->n_cols : 1;
    GRAFT_TRY(graft_reserve(&b->numbers, &w->n_numbers, most * b->n_cols, sizeof *b->numbers));
    GRAFT_TRY(graft_realloc(&b->bytes, most * b->n_cols, b->format->block_bytes));
    GRAFT_TRY(graft_reserve(&b->statuses, &w->n_jobs, most / JOB_ROWS + 1, sizeof *b->statuses));
    for (b->first = 0; b->first < n_rows; b->first += b->n_rows) {
        b->n_rows = n_rows - b->first < most ? (size_t)(n_rows - b->first) : most;
        size_t n_jobs = (b->n_rows + JOB_ROWS - 1) / JOB_ROWS;
        graft_parallel(n_jobs, make_rows, b);
        for (size_t job = 0; job < n_jobs; job++) {
            if (b->statuses[job] != GRAFT_OK) { /* again, for the message on this thread */
                size_t begin = job * JOB_ROWS, n = b->n_rows - begin;
                GRAFT_TRY(t->read(t->context, b->first + begin, n < JOB_ROWS ? n : JOB_ROWS,
                                  b->numbers));
            }
        }
        GRAFT_TRY(graft_writer_write(out, b->bytes,
                                     b->n_rows * b->n_cols * b->format->block_bytes));
    }
done:
    return status;
}

/* general.file_type of a plain format. */
static uint32_t file_type(const graft_format *format)
{
    return format == &graft_format_f32 ? 0 : format == &graft_format_f16 ? 1 : 32;
}

graft_status graft_hf_write(const graft_hf *hf, const graft_format *format, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf_writer *file = NULL;
    const graft_format **formats = NULL;
    size_t n;
    writing w = {.sources = graft_hf_tensors(hf, &n)};
    format = format != NULL ? format : graft_hf_origin(hf);
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(graft_hf_set_keys(hf, file));
    GRAFT_TRY(graft_gguf_set_u32(file, "general.file_type", file_type(format)));
    GRAFT_TRY(graft_gguf_set_u32(file, "general.quantization_version", 2));
    GRAFT_TRY(graft_alloc(&formats, n, sizeof *formats));
    for (size_t i = 0; i < n; i++) {
        formats[i] = w.sources[i].n_dims == 1 ? &graft_format_f32 : format;
        GRAFT_TRY(graft_gguf_add_tensor(file, w.sources[i].name, formats[i], w.sources[i].n_dims,
                                        w.sources[i].ne, NULL));
    }
    w.formats = formats;
    GRAFT_TRY(graft_gguf_write_with(file, path, fill, &w));
done:
    graft_free(w.batch.numbers);
    graft_free(w.batch.bytes);
    graft_free(w.batch.statuses);
    graft_free(formats);
    graft_gguf_writer_free(file);
    return status;
}
