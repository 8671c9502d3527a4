/* export/export.h - fine-tunes as files: what is written for runtimes, and what can be started from.
 *
 * A plain description stands between the trainer's layout and the files: one map per adapted base
 * tensor. Files follow contract.md: the adapter GGUF that llama.cpp loads, and the PEFT folder
 * (adapter_config.json, adapter_model.safetensors). */
#ifndef GRAFT_EXPORT_EXPORT_H
#define GRAFT_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "core/strings.h"
#include "export/importance.h"
#include "export/rounding.h"
#include "export/survival.h"
#include "io/gguf.h"

typedef struct graft_export_map {
    const char *name;  /* base tensor in GGUF naming, "blk.0.attn_q.weight" */
    const float *a;    /* [rank, n_in] */
    const float *b;    /* [n_out, rank], rows in the GGUF file's order */
    size_t rank, n_in, n_out;
    double scale;      /* what the map is multiplied by: W + scale * B A */
    const float *magnitude; /* [n_out]: rows of W + scale * B A are made so long (DoRA); NULL: they stay */
} graft_export_map;

typedef struct graft_export_adapter {
    const graft_export_map *maps;
    size_t n_maps;
    double alpha;             /* nominal, > 0; scales that differ from alpha / rank are folded into B */
    const char *arch;         /* "llama" */
    size_t n_head, n_kv;      /* for the row order of q and k */
    bool multimodal;          /* in Hugging Face's class the text model is inside of another */
    const char *base_name;    /* base_model_name_or_path of PEFT; also graft.base_model */
    const char *base_hash;    /* SHA-256 of the base file, hex: graft.base_sha256 */
    uint64_t base_bytes;      /* its size: graft.base_bytes; 0: unknown */
    const char *recipe;       /* effective settings as text: graft.recipe */
    const char *parts;        /* which adapters with which weights, as JSON: graft.adapters */
    uint64_t context;         /* tokens of context it was trained for: graft.context_length; 0: unknown */
} graft_export_adapter;

/* Whether Hugging Face's class for this base is one that sees, with the text model inside. */
bool graft_export_is_multimodal(const graft_gguf *base);

/* What programs that serve a model have to be told. Texts may be NULL, which is "unknown". */
typedef struct graft_export_serving {
    const char *name;          /* of the new model, for people: "SmolLM2 135M Instruct weather" */
    const char *slug;          /* the same as the name of a file: "smollm2-135m-instruct-weather" */
    const char *chat_template; /* Jinja: the one that training used */
    const char *template_path; /* where that lies; NULL: in the base, or nowhere */
    const char *bos, *eos;     /* texts of special tokens */
    const char *const *stops;  /* texts of the tokens that end a turn */
    size_t n_stops;
    size_t n_ctx;              /* tokens of the context it was trained for; 0: unknown */
} graft_export_serving;

/* What an artefact is made from. */
typedef struct graft_export_job {
    const graft_export_adapter *adapter;
    const graft_gguf *base;               /* NULL: only what needs no weights of it can be written */
    const graft_export_serving *serving;  /* NULL: nothing is known */
    const char *type;                     /* one the exporter takes; NULL: its default */
    const graft_importance *importance;   /* weighs errors where weights are rounded; NULL: none */
    graft_rounding_source *rounding;      /* rounds so that outputs stay; NULL: to the nearest */
    uint64_t size;                        /* of a merged GGUF file, up to which types are raised; 0: none */
    bool force;                           /* merge even if most of the fine-tune is lost */
    graft_survival *survival;             /* filled where weights are merged; may be NULL */
    /* Called now and then; a failure ends the export. May be NULL. */
    graft_status (*progress)(void *context, uint64_t bytes_done, uint64_t bytes_total);
    void *context;
} graft_export_job;

/* An exporter is one file and one row of exporters.c; names are values of the setting `export`. */
typedef struct graft_exporter {
    const char *name;    /* "adapter", "peft" */
    const char *writes;  /* what it is called in a run folder, for people: "adapter.gguf" */
    const char *help;    /* what it is for, in a few words */
    const char *types;   /* of weights it can have, the default first: "f32 f16 bf16"; ends with "...":
                          * and the mixes of mixes.h; NULL: there is no choice */
    bool is_folder;
    bool in_run_folder;  /* of a folder: its files lie directly in the run's */
    bool merges;         /* holds the weights of a model */
    const char *no_dora; /* why it cannot hold a DoRA; NULL: it can */
    /* Writes the file `path` atomically, or files into the folder `path`, which exists.
     * GRAFT_E_NUMERICS if a value is not finite; GRAFT_E_FAILED if the fine-tune cannot be expressed
     * in the format. */
    graft_status (*write)(const graft_export_job *job, const char *path);
    /* Appends the commands that use what was written, `path` being where it is. */
    graft_status (*usage)(const graft_export_job *job, const char *path, graft_text *out);
} graft_exporter;
extern const graft_exporter *const graft_exporters[]; /* NULL-terminated */
const graft_exporter *graft_exporter_find(const char *name); /* NULL if unknown */
graft_status graft_exporter_get(const graft_exporter **out, const char *name); /* GRAFT_E_CONFIG, lists the known */
/* What an item of the setting `export` means: "adapter", or with a type "gguf:q8_0". *type is NULL or
 * borrowed from the item. GRAFT_E_CONFIG lists the known. */
graft_status graft_exporter_of_item(const graft_exporter **out, const char **type, const char *item);
/* GRAFT_E_CONFIG if the exporter does not take the type, which may be NULL. */
graft_status graft_exporter_check_type(const graft_exporter *exporter, const char *type);
/* About how many bytes an artefact of a base has; 0 if it holds no weights of the base, only the adapter's.
 * Fails where writing it would fail whatever the fine-tune is: GRAFT_E_MODEL. */
graft_status graft_exporter_estimate(uint64_t *bytes, const graft_exporter *exporter, const char *type,
                                     const graft_gguf *base);

/* GRAFT_E_FAILED, with the reason and the way out, if a DoRA cannot become this; type may be NULL. */
graft_status graft_exporter_check_dora(const graft_exporter *exporter, const char *type);
/* Has it magnitudes? All of its maps have, or none. */
bool graft_export_is_dora(const graft_export_map *maps, size_t n_maps);

/* A loaded adapter. maps[i].name and the arrays belong to it. */
typedef struct graft_loaded_adapter {
    graft_export_map *maps;
    size_t n_maps;
    double alpha;
    /* What the file says of how it was made; NULL or 0 where it does not. */
    char *base_name, *base_hash, *recipe;
    uint64_t base_bytes, context;
} graft_loaded_adapter;

/* Loads an adapter GGUF file or a folder of PEFT or mlx-lm for a base (its shapes are checked against the
 * file's tensors, row orders undone, alpha, rank patterns and rsLoRA folded into `scale`). Refused with
 * the reason (GRAFT_E_MODEL): biases, modules_to_save, embeddings, names the base lacks, ranks or
 * shapes that do not fit, non-finite values, pickled weights, another architecture; and magnitudes of
 * some maps only, or in a GGUF file, which has no name for them.
 * An adapter of another base file (size, or digest of bases up to 1 GiB) is only warned of. */
graft_status graft_adapter_load(graft_loaded_adapter *out, const char *path, const graft_gguf *base);
/* The same without looking at which file it was trained on. */
graft_status graft_adapter_load_any(graft_loaded_adapter *out, const char *path,
                                    const graft_gguf *base);
void graft_loaded_adapter_clear(graft_loaded_adapter *adapter);

/* GRAFT_E_CONFIG if `out`, which is to be written, is what an adapter is read from: a file, or one of those in a
 * folder that hold its weights and say how they are meant. */
graft_status graft_adapter_check_output(const char *out, const char *adapter);

/* Where the weights of an adapter's folder are, or should be: mlx-lm's adapters.safetensors if that is
 * there and PEFT's adapter_model.safetensors is not. The caller frees *out. */
graft_status graft_adapter_find_weights(char **out, bool *is_mlx, const char *folder);

/* The weighted sum of adapters: where several adapt a tensor, their ranks are put one behind the other,
 * so that the sum is exact. One adapter with weight 1 is copied as it is. GRAFT_E_CONFIG for a sum or a
 * multiple of a DoRA, which is no such thing: what it changes depends on W. */
graft_status graft_loaded_adapter_sum(graft_loaded_adapter *out,
                                      const graft_loaded_adapter *adapters, const double *weights,
                                      size_t n);

/* Do an adapter GGUF and an adapter_model.safetensors that were exported together hold the same
 * numbers? Rows that lie in another order (peft_names.h) are compared as a set, since without the base
 * the order is not known. GRAFT_E_MODEL names the tensor and row that differ. */
graft_status graft_adapter_compare(const char *gguf_path, const char *safetensors_path);

#endif
