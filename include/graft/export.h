/* export.h - fine-tunes as the artefacts that programs serve. */
#ifndef GRAFT_EXPORT_H
#define GRAFT_EXPORT_H

#include <graft/job.h>

typedef struct graft_export_wish {
    const char *const *adapters; /* "PATH" or "PATH:WEIGHT": a GGUF file, or a folder of PEFT or
                                * mlx-lm; several are added */
    size_t n_adapters;
    const char *to;       /* "adapter", "gguf", "ollama", ... (graft_export_artefact lists them); NULL: only a grammar */
    const char *out;      /* the file or folder to write */
    const char *type;     /* of the weights: what the artefact takes; NULL: its default */
    uint64_t size;        /* bytes of a merged GGUF file: types are raised from `type` where most is lost,
                           * as long as it is not larger; 0: every tensor as `type` says */
    const char *imatrix;  /* an importance matrix, or NULL: all columns count alike */
    const char *rounding; /* "nearest": each weight, as ggml does; "aware": so that what linear maps put out stays;
                           * NULL: aware if there is `data` */
    const char *data;     /* examples whose inputs weights are rounded for; NULL: what the adapters were
                           * trained on, where config.yaml beside them says so and it is there */
    uint64_t rounding_tokens; /* how many of them are read; 0: 8192 */
    const char *name;     /* of the new model; NULL: made of the names of base and adapters */
    uint64_t context;     /* tokens that servers are to provide; 0: what it was trained for */
    const char *grammar;  /* a file of tools or examples: what may be called; NULL: no grammar */
    int prove;            /* evaluate the exported model on the setting `dataset` */
    int force;            /* also for another base, or if most of the fine-tune is lost */
} graft_export_wish;

/* The i-th artefact: its name, what it is for, and the types it can have ("" if there is no choice; "..."
 * stands for all of graft_quantize_type). NULL beyond the last. */
GRAFT_API const char *graft_export_artefact(size_t i, const char **help, const char **types);

/* Writes base_model with adapters as an artefact. A file or folder appears when it is whole; a folder
 * has a README.md with the command that serves it, and graft.json, which lists its files. Where weights are merged, *out tells
 * per tensor what survives the rounding, and so does a file survival.json (of a single file:
 * PATH.survival.json). With `prove` the merged model is read back and answers `dataset` beside base and
 * adapter: losses, scores, and the divergence of its distributions. The chat template is chat_template's, else chat_template.jinja beside the adapter,
 * else the base's own. The same inputs give the same bytes.
 *
 * A grammar (GBNF) lets llama.cpp write only calls that fit the schemas of the tools, in the words of the
 * chat template. It is written to OUT.gbnf beside the artefact or, without artefact, to `out`; adapters
 * need not be named then.
 *
 * *out: a table, or with json {"artefact", "path", "type", "bytes", "base", "adapters", "usage",
 * "survival", "proof"}; where too little survives it is set although the call fails. GRAFT_E_CONFIG: unknown
 * artefact or type, a folder that is not graft's; GRAFT_E_MODEL: an adapter that is broken or of another
 * base; GRAFT_E_FAILED: most of the fine-tune would be lost, or the artefact cannot express it. */
GRAFT_API graft_status graft_export(graft_config *config, const graft_export_wish *wish,
                                    const graft_hooks *hooks, int json, char **out);

#endif
