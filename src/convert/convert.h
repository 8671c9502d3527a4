/* convert/convert.h - a Hugging Face folder as the GGUF file that it becomes.
 *
 * config.json says what the model is, safetensors files hold its weights, tokenizer.json or
 * tokenizer.model its vocabulary. Keys, names, shapes and values are those that llama.cpp's
 * convert_hf_to_gguf.py writes for the same folder, so that a file made here is no other than
 * the ones in circulation. Weights are read row by row where they lie; nothing is copied. */
#ifndef GRAFT_CONVERT_CONVERT_H
#define GRAFT_CONVERT_CONVERT_H

#include "export/quantize.h"
#include "io/gguf.h"

typedef struct graft_hf graft_hf;

typedef struct graft_hf_options {
    const char *pre; /* tokenizer.ggml.pre, whatever the folder says; NULL: found out */
} graft_hf_options;

/* Reads and checks everything but the weights' numbers. GRAFT_E_MODEL (GRAFT_E_DISK for what is not
 * there), with the name of the file that is wrong: an unknown architecture, pre-tokeniser or type
 * ("known: ..."), tensors that are missing, unknown or do not fit config.json, files outside the
 * folder, ... `options` may be NULL. */
graft_status graft_hf_open(graft_hf **out, const char *folder, const graft_hf_options *options);
void graft_hf_close(graft_hf *hf);
/* What has become of its weights since they were opened: the worst, and *path is that file's. */
graft_file_fate graft_hf_fate(const graft_hf *hf, const char **path);
/* GRAFT_E_CONFIG if `path`, which is to be written, is a file of its weights. */
graft_status graft_hf_check_output(const graft_hf *hf, const char *path);

/* The tensors in the order they are written, as graft_quantize_write takes them. Rows are read
 * as f32; reading fails with GRAFT_E_NUMERICS where a number is not finite. Borrowed. */
const graft_tensor_source *graft_hf_tensors(const graft_hf *hf, size_t *n);

/* What mixes ask about the model. */
graft_mix_model graft_hf_mix_model(const graft_hf *hf);

/* All keys but those that tell of the types (general.file_type, general.quantization_version). */
graft_status graft_hf_set_keys(const graft_hf *hf, graft_gguf_writer *file);

#endif
