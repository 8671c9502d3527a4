/* io/gguf.h - GGUF v3 files (ggml/docs/gguf.md): read mapped and bounded, written atomically. */
#ifndef GRAFT_IO_GGUF_H
#define GRAFT_IO_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "io/files.h"
#include "quant/format.h"

typedef struct graft_gguf graft_gguf;

typedef enum graft_gguf_type {
    GRAFT_GGUF_U8, GRAFT_GGUF_I8, GRAFT_GGUF_U16, GRAFT_GGUF_I16, GRAFT_GGUF_U32, GRAFT_GGUF_I32,
    GRAFT_GGUF_F32, GRAFT_GGUF_BOOL, GRAFT_GGUF_STRING, GRAFT_GGUF_ARRAY, GRAFT_GGUF_U64,
    GRAFT_GGUF_I64, GRAFT_GGUF_F64, GRAFT_GGUF_N_TYPES
} graft_gguf_type;

typedef struct graft_gguf_string { const char *data; size_t len; } graft_gguf_string; /* not zero-terminated */

typedef struct graft_gguf_kv {
    graft_gguf_string key;
    graft_gguf_type type;         /* of the value; ARRAY: see element_type */
    graft_gguf_type element_type; /* of an array */
    uint64_t n;                   /* elements of an array, 1 otherwise */
    const uint8_t *data;          /* the value's bytes (little endian, unaligned); STRING: u64 length,
                                   * then text; ARRAY: the first element (strings: one after another) */
    size_t n_bytes;               /* from `data` on */
} graft_gguf_kv;

typedef struct graft_gguf_tensor {
    const char *name;             /* zero-terminated, owned by the file */
    const graft_format *format;
    uint32_t n_dims;              /* 1..4 */
    uint64_t ne[4];               /* ne[0] is the row length; unused are 1 */
    const uint8_t *data;
    size_t n_bytes, row_bytes;
} graft_gguf_tensor;

/* Every count, length, offset and region is checked before use (safety.md). Failures are
 * GRAFT_E_MODEL with "file: what" (GRAFT_E_DISK if it cannot be read).
 *
 * A model in several files (NAME-00001-of-00003.gguf, keys split.*) opens as one from any of them:
 * the tensors of all parts, the keys of the first. The others are looked for beside the given one. */
graft_status graft_gguf_open(graft_gguf **out, const char *path);
void graft_gguf_close(graft_gguf *file);
const char *graft_gguf_path(const graft_gguf *file); /* of several: the first part's */
uint64_t graft_gguf_size(const graft_gguf *file);    /* of all parts together */
size_t graft_gguf_n_parts(const graft_gguf *file);   /* 1: not split */
const char *graft_gguf_part(const graft_gguf *file, size_t i, uint64_t *bytes); /* path and size */
/* GRAFT_E_CONFIG if `path`, which is to be written, is one of them. */
graft_status graft_gguf_check_output(const graft_gguf *file, const char *path);
const uint8_t *graft_gguf_bytes(const graft_gguf *file, size_t part, size_t *n); /* as it is mapped */
/* SHA-256 of the file as hex, of several parts one behind the other: the identity of a base. */
graft_status graft_gguf_sha256(const graft_gguf *file, char out[65]);
/* What has become of its files since they were opened or marked: of several the worst, and *path is that
 * one's. */
graft_file_fate graft_gguf_fate(const graft_gguf *file, const char **path);
/* What they are now counts as unchanged. */
void graft_gguf_mark(graft_gguf *file);

/* Which byte of which part `data`, the bytes of a key or a tensor, begins at; *part may be NULL. */
uint64_t graft_gguf_offset(const graft_gguf *file, const uint8_t *data, const char **part);
/* Does the file match the digest it carries (graft_gguf_seal)? *sealed = false: it carries none.
 * GRAFT_E_MODEL if it does not match. */
graft_status graft_gguf_check_seal(const graft_gguf *file, bool *sealed);

size_t graft_gguf_n_kv(const graft_gguf *file);
const graft_gguf_kv *graft_gguf_kv_at(const graft_gguf *file, size_t i);
const graft_gguf_kv *graft_gguf_find(const graft_gguf *file, const char *key); /* NULL if absent */

size_t graft_gguf_n_tensors(const graft_gguf *file);
const graft_gguf_tensor *graft_gguf_tensor_at(const graft_gguf *file, size_t i);
const graft_gguf_tensor *graft_gguf_find_tensor(const graft_gguf *file, const char *name); /* NULL */

/* Wanted keys, by name, type and range. _get_ fails (GRAFT_E_MODEL, naming file and key) if the
 * key is absent or of another type; _want_ leaves *out alone if absent. Integers accept any
 * integer type whose value lies in [min, max]; floats accept F32 and F64 and must be finite. */
graft_status graft_gguf_get_u64(const graft_gguf *file, const char *key, uint64_t min, uint64_t max, uint64_t *out);
graft_status graft_gguf_want_u64(const graft_gguf *file, const char *key, uint64_t min, uint64_t max, uint64_t *out);
graft_status graft_gguf_get_f64(const graft_gguf *file, const char *key, double *out);
graft_status graft_gguf_want_f64(const graft_gguf *file, const char *key, double *out);
graft_status graft_gguf_want_bool(const graft_gguf *file, const char *key, bool *out);
graft_status graft_gguf_get_string(const graft_gguf *file, const char *key, graft_gguf_string *out);
graft_status graft_gguf_want_string(const graft_gguf *file, const char *key, graft_gguf_string *out);
bool graft_gguf_string_is(graft_gguf_string string, const char *text);

/* Whole arrays of strings or numbers (bounds already checked at open); the caller frees *out with
 * graft_free. GRAFT_E_MODEL if the key is absent or its elements are of another type. */
graft_status graft_gguf_array_strings(const graft_gguf *file, const char *key, graft_gguf_string **out, size_t *n);
graft_status graft_gguf_array_i64(const graft_gguf *file, const char *key, int64_t **out, size_t *n); /* integers and bools */
graft_status graft_gguf_array_f64(const graft_gguf *file, const char *key, double **out, size_t *n); /* f32, f64; may be non-finite */

/* --- writing ---
 * Keys and tensors appear in the order they were added. A name that is empty, not UTF-8, too long
 * for llama.cpp (63 bytes for tensors) or written twice is GRAFT_E_FAILED. general.alignment is
 * obeyed when it is set or copied. */

typedef struct graft_gguf_writer graft_gguf_writer;
graft_status graft_gguf_writer_new(graft_gguf_writer **out);
void graft_gguf_writer_free(graft_gguf_writer *w);
graft_status graft_gguf_set_string(graft_gguf_writer *w, const char *key, const char *bytes, size_t n);
graft_status graft_gguf_set_u32(graft_gguf_writer *w, const char *key, uint32_t value);
graft_status graft_gguf_set_u64(graft_gguf_writer *w, const char *key, uint64_t value);
graft_status graft_gguf_set_f32(graft_gguf_writer *w, const char *key, float value);
graft_status graft_gguf_set_bool(graft_gguf_writer *w, const char *key, bool value);
graft_status graft_gguf_copy_kv(graft_gguf_writer *w, const graft_gguf_kv *kv); /* any type, verbatim */
/* The data is borrowed until graft_gguf_write returns. NULL: graft_gguf_write_with brings it. */
graft_status graft_gguf_add_tensor(graft_gguf_writer *w, const char *name, const graft_format *format,
                                   uint32_t n_dims, const uint64_t ne[4], const void *data);
/* Bytes of the file but for the data of its tensors, each of which is padded to *alignment; n_new more are
 * going to be added. */
uint64_t graft_gguf_writer_bytes(const graft_gguf_writer *w, const char *const *new_names,
                                 const uint32_t *new_dims, size_t n_new, size_t *alignment);
/* The file is to carry its own digest, key graft.sha256: hex, of the whole file with 64 '0' in the
 * digest's place. Once, and only where all tensors bring their data. */
graft_status graft_gguf_seal(graft_gguf_writer *w);
graft_status graft_gguf_write(graft_gguf_writer *w, const char *path); /* atomic */

/* Writes the bytes of tensor i (in the order of addition), exactly as many as its shape and format
 * have. So a file can be larger than memory. */
typedef graft_status graft_gguf_fill(void *context, size_t i, graft_writer *out);
/* graft_gguf_write for tensors that were added without data; `fill` is called for each of those,
 * in order, when the header is on disk. If it fails, there is no file. */
graft_status graft_gguf_write_with(graft_gguf_writer *w, const char *path, graft_gguf_fill *fill,
                                   void *context);

#endif
