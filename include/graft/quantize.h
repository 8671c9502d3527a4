/* quantize.h - models as GGUF files of smaller types. */
#ifndef GRAFT_QUANTIZE_H
#define GRAFT_QUANTIZE_H

#include <graft/job.h>

typedef struct graft_quantize_wish {
    const char *type;     /* "q4_k_m", "q8_0", "f16", ... (graft_quantize_type lists them) */
    uint64_t size;        /* bytes of the file: types are raised from `type` where most is lost, as long as it
                           * is not larger; 0: every tensor as `type` says */
    const char *imatrix;  /* an importance matrix, or NULL: all columns count alike */
    int allow_requantize; /* from types below 16 bits, too, though it adds errors */
    const char *pre;      /* of a folder: its pre-tokeniser's name in GGUF files; NULL: found out */
} graft_quantize_wish;

/* The i-th name of a type, with a few words about it; NULL beyond the last. */
GRAFT_API const char *graft_quantize_type(size_t i, const char **help);

/* Writes the model `in` as `path` in the type wished for. `in` is a GGUF file, or a folder as Hugging
 * Face's programs save it (config.json, safetensors, tokenizer.json or tokenizer.model), which becomes
 * the file that llama.cpp's converter makes of it. The types per tensor and the bytes are those of
 * llama.cpp's quantize program; memory does not grow with the model. *out: a
 * table, or with json {"type", "tensors", "bytes_before", "bytes_after", "bits_per_weight",
 * "fallbacks", "weighed", "formats": {NAME: {"tensors", "bytes"}}}. GRAFT_E_CONFIG: an unknown type,
 * or path is in; GRAFT_E_MODEL: `in` is no model, quantised already, or of an
 * architecture or with a pre-tokeniser that is not known ("known: ..."); GRAFT_E_NUMERICS: a weight that
 * is not finite or does not fit; GRAFT_E_DISK. After a failure there is no file at `path`, or the one
 * that was there before. */
GRAFT_API graft_status graft_quantize(graft_config *config, const char *in, const char *path,
                                      const graft_quantize_wish *wish, const graft_hooks *hooks,
                                      int json, char **out);

/* Lets base_model read `dataset`, rendered as training does, and writes an importance matrix to
 * `path`: per input column of each linear map the sum of squares over all tokens, and their number.
 * examples: how many are read, 0: all. *out: {"tensors", "examples", "tokens"}, or a table. */
GRAFT_API graft_status graft_imatrix(graft_config *config, const char *path, uint64_t examples,
                                     const graft_hooks *hooks, int json, char **out);

#endif
