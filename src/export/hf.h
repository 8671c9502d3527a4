/* export/hf.h - room-internal: the parts of a merged model as Hugging Face's programs have it. */
#ifndef GRAFT_EXPORT_HF_H
#define GRAFT_EXPORT_HF_H

#include "export/exporters.h"
#include "model/model.h"
#include "tokenizer/vocabulary.h"

/* An architecture that can be written. */
typedef struct graft_hf_class {
    const char *arch;       /* general.architecture: "llama" */
    const char *name;       /* "LlamaForCausalLM" */
    const char *model_type; /* "llama" */
    const char *activation;
    bool sandwich;          /* norms in front of and behind attention and unit */
    float gain_shift;       /* what GGUF files have added to the gains of norms */
} graft_hf_class;

/* GRAFT_E_FAILED lists the known ones. */
graft_status graft_hf_class_of(const graft_hf_class **out, const char *arch);

/* config.json and generation_config.json. GRAFT_E_FAILED for what the class cannot say. */
graft_status graft_export__write_hf_config(const graft_hf_class *class, const graft_model *model,
                                           const graft_vocabulary *vocabulary,
                                           const graft_format *format, const char *folder);

/* model.safetensors, all tensors in the format. */
graft_status graft_export__write_hf_weights(const graft_export_job *job, const graft_hf_class *class,
                                            const graft_format *format, const char *folder);

/* tokenizer.json, tokenizer_config.json and chat_template.jinja. GRAFT_E_FAILED for a vocabulary that
 * tokenizer.json cannot describe. */
graft_status graft_export__write_hf_tokenizer(const graft_export_job *job,
                                              const graft_vocabulary *vocabulary,
                                              const char *folder);

#endif
