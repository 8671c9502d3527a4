/* export/quantize.h - models written as GGUF files in the types that users name ("q4_k_m").
 *
 * Where the numbers come from is described by *tensor sources*: name, shape, and a function that
 * gives rows as f32. A GGUF file is one way to have them, a folder of safetensors another. Tensors
 * are written one after the other, in batches of rows that all threads make, so that memory is
 * bounded whatever the model's size; the bytes do not depend on the number of threads. Types and
 * blocks are those of llama.cpp's quantize program. */
#ifndef GRAFT_EXPORT_QUANTIZE_H
#define GRAFT_EXPORT_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/importance.h"
#include "export/mixes.h"
#include "export/rounding.h"
#include "io/gguf.h"

typedef struct graft_tensor_source {
    const char *name;           /* as in the GGUF file: "blk.0.attn_q.weight" */
    uint32_t n_dims;            /* 1..4 */
    uint64_t ne[4];             /* ne[0] is the row length; beyond n_dims ignored */
    /* What the tensor is stored in if the mix leaves it as it is (norms, biases, one dimension), and
     * what "already quantised" is judged by. For folders: F32 for what has one dimension, else F16,
     * BF16 or F32 as the file has it. */
    const graft_format *format;
    const void *data;           /* all rows in `format`, if they lie in memory like that; or NULL */
    bool mapped;                /* `data` lies in a mapped file: pages that are done with are given
                                 * back to the system */
    /* out[0 .. n_rows * ne[0]) = rows first_row.. as f32; rows are counted over all dimensions but the
     * first. Called from several threads at once, for different rows. NULL: decoded from `data`. */
    graft_status (*read)(const void *context, uint64_t first_row, size_t n_rows, float *out);
    /* Where `read` has it from, if that is a mapped file with rows in `format` (and `mapped` is set). */
    const void *behind;
    /* Told what became of rows: the numbers that the file gives back, and what their errors cost
     * (rounding.h; NULL: unknown). As `read`. NULL: not told. */
    graft_status (*written)(const void *context, uint64_t first_row, size_t n_rows,
                            const float *values, const double *costs);
    /* Told before its rows what their errors are weighed with (NULL: nothing). NULL: not told. */
    graft_status (*weighed)(const void *context, const graft_rounding *rounding);
    const void *context;
} graft_tensor_source;

/* A tensor of a GGUF file as it lies there. */
graft_tensor_source graft_quantize_source_of(const graft_gguf_tensor *tensor);

/* How much of each format there is in a file that was written. */
typedef struct graft_quantized_format {
    const graft_format *format;
    size_t n_tensors;
    uint64_t bytes;
} graft_quantized_format;

enum { GRAFT_QUANTIZED_FORMATS = 64 };

typedef struct graft_quantized {
    size_t n_tensors, n_fallback; /* fallback: rows do not fit the type the mix meant */
    size_t n_weighed;             /* quantised with an importance of their own */
    size_t n_raised;              /* have a larger type than the mix says */
    size_t n_aware;               /* rounded so that what they put out stays */
    uint64_t n_numbers, bytes_before, bytes_after; /* of tensor data */
    graft_quantized_format formats[GRAFT_QUANTIZED_FORMATS]; /* ends with format NULL */
} graft_quantized;

typedef struct graft_quantize_job {
    const graft_tensor_source *tensors; /* written in this order */
    size_t n_tensors;
    graft_mix_model model;              /* what the mixes ask about it */
    const graft_mix *mix;               /* NULL: every tensor keeps its format */
    const graft_importance *importance; /* NULL: none */
    graft_rounding_source *rounding;    /* NULL: to the nearest, as ggml does */
    uint64_t size;                      /* of the file, up to which types are raised (budget.h);
                                         * 0: all as the mix says. Not for streams */
    bool allow_requantize;              /* from types below 16 bits to another such */
    /* Called before each batch and after each tensor; a failure ends the job. May be NULL. */
    graft_status (*progress)(void *context, uint64_t bytes_done, uint64_t bytes_total);
    void *context;
    const graft_format **targets;       /* NULL, or one per tensor: becomes what it is written as */
    /* Called when everything is made, before the file appears; if it fails, there is none. NULL: not
     * called. */
    graft_status (*finish)(void *context);
    void *finish_context;
} graft_quantize_job;

/* Adds the job's tensors and the keys that tell of it (general.quantization_version,
 * general.file_type unless there is no mix, quantize.imatrix.*, graft.rounding) to `file`, which holds all other keys and no tensor yet, and
 * writes `path` atomically. Refused, before anything is written (GRAFT_E_MODEL): rows that no type of
 * the mix can hold, types below 16 bits as source without allow_requantize, importances of another
 * shape, a mix that needs an importance matrix without one. GRAFT_E_NUMERICS: a number that is
 * not finite, or too large for the type; then there is no file. */
graft_status graft_quantize_write(graft_quantized *out, graft_gguf_writer *file,
                                  const graft_quantize_job *job, const char *path);

/* What the mixes ask about a GGUF file; its architecture is written to arch[0 .. size). GRAFT_E_MODEL if
 * it is no model (adapters and importance matrices say what they are). */
graft_status graft_mix_model_read(graft_mix_model *model, const graft_gguf *in, char *arch,
                                  size_t size);

/* graft_quantize_write for a GGUF file. All keys but those above and those of splitting are carried
 * over, and tensors stand in the order in which llama.cpp writes them: without an importance the whole
 * file is the one that its quantize program makes. Adapters, importance matrices and `path` being
 * the file itself are refused. Of the job only mix, importance, allow_requantize, progress and
 * context are looked at. */
graft_status graft_quantize_gguf(graft_quantized *out, const graft_gguf *in,
                                 const graft_quantize_job *job, const char *path);

/* The tensors of a job one by one, for files of another kind: what each is written as is in
 * job->targets, and _put writes the bytes of tensor i. Everything is checked at the beginning, as above;
 * the job must outlive it, and job->finish is called behind the last tensor. */
typedef struct graft_quantize_stream graft_quantize_stream;
graft_status graft_quantize_stream_open(graft_quantize_stream **out, const graft_quantize_job *job);
graft_status graft_quantize_stream_put(void *stream, size_t i, graft_writer *out);
void graft_quantize_stream_close(graft_quantize_stream *stream);

/* Copies all keys but those that tell how a file was made, and those that `skip` (or NULL) is true
 * for. */
graft_status graft_quantize_copy_keys(graft_gguf_writer *file, const graft_gguf *in,
                                      bool (*skip)(const void *context, graft_gguf_string key),
                                      const void *context);

#endif
