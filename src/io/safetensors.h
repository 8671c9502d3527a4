/* io/safetensors.h - the safetensors format (huggingface/safetensors README): header JSON, then data. */
#ifndef GRAFT_IO_SAFETENSORS_H
#define GRAFT_IO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "io/files.h"
#include "quant/format.h"

typedef struct graft_safetensors graft_safetensors;

typedef struct graft_safetensors_tensor {
    const char *name;
    const graft_format *format;  /* F32, F16 or BF16; other dtypes: NULL */
    const char *dtype;           /* "F32", "I64", ... */
    uint32_t n_dims;             /* 0 (a scalar) to 8 */
    uint64_t shape[8];           /* outermost first; unused are 1 */
    const uint8_t *data;         /* not aligned */
    size_t n_bytes, n_elements;
} graft_safetensors_tensor;

/* Header <= 100 MB, no duplicate names, no holes or overlaps, sizes checked; GRAFT_E_MODEL "file:
 * what". Tensors come in the order of the header. Sub-byte dtypes are refused. */
graft_status graft_safetensors_open(graft_safetensors **out, const char *path);
void graft_safetensors_close(graft_safetensors *file);
graft_file_fate graft_safetensors_fate(const graft_safetensors *file); /* since it was opened */
size_t graft_safetensors_n(const graft_safetensors *file);
const graft_safetensors_tensor *graft_safetensors_at(const graft_safetensors *file, size_t i);
const graft_safetensors_tensor *graft_safetensors_find(const graft_safetensors *file, const char *name);
const char *graft_safetensors_metadata(const graft_safetensors *file, const char *key); /* NULL */

typedef struct graft_safetensors_writer graft_safetensors_writer;
graft_status graft_safetensors_writer_new(graft_safetensors_writer **out);
void graft_safetensors_writer_free(graft_safetensors_writer *w);
graft_status graft_safetensors_set_metadata(graft_safetensors_writer *w, const char *key, const char *value);
/* F32 data, borrowed until written. Tensors are written in the order they were added; a name given
 * twice or not UTF-8 is GRAFT_E_FAILED. */
graft_status graft_safetensors_add(graft_safetensors_writer *w, const char *name, uint32_t n_dims,
                                   const uint64_t *shape, const float *data);
/* The same for F32, F16 or BF16; `data` NULL: graft_safetensors_write_with brings it. */
graft_status graft_safetensors_add_as(graft_safetensors_writer *w, const char *name,
                                      const graft_format *format, uint32_t n_dims,
                                      const uint64_t *shape, const void *data);
graft_status graft_safetensors_write(graft_safetensors_writer *w, const char *path); /* atomic */
/* The same for tensors that were added without data: `fill` is called for each of those, in order, and
 * writes the bytes of tensor i, exactly as many as it has. If it fails, there is no file. */
typedef graft_status graft_safetensors_fill(void *context, size_t i, graft_writer *out);
graft_status graft_safetensors_write_with(graft_safetensors_writer *w, const char *path,
                                          graft_safetensors_fill *fill, void *context);

#endif
