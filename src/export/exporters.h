/* export/exporters.h - room-internal: the rows of exporters.c. */
#ifndef GRAFT_EXPORT_EXPORTERS_H
#define GRAFT_EXPORT_EXPORTERS_H

#include "export/export.h"
#include "io/json.h"
#include "io/safetensors.h"

extern const graft_exporter graft_exporter_adapter; /* adapter_gguf.c */
extern const graft_exporter graft_exporter_gguf;    /* model_gguf.c */
extern const graft_exporter graft_exporter_hf;      /* hf.c */
extern const graft_exporter graft_exporter_lmstudio; /* lmstudio.c */
extern const graft_exporter graft_exporter_localai; /* localai.c */
extern const graft_exporter graft_exporter_mlx;     /* mlx.c */
extern const graft_exporter graft_exporter_ollama;  /* ollama.c */
extern const graft_exporter graft_exporter_peft;    /* peft_write.c */
extern const graft_exporter graft_exporter_vllm;    /* vllm.c */

/* The PEFT folder, which others are based on. */
graft_status graft_export__write_peft(const graft_export_job *job, const char *folder);

/* Fails as graft_exporter_check_dora if the adapter is a DoRA. */
graft_status graft_export__refuse_dora(const graft_exporter *exporter,
                                       const graft_export_adapter *adapter);

/* How the adapter was made, as metadata: programs that load the file do not look there. */
graft_status graft_export__set_origin(graft_safetensors_writer *file,
                                      const graft_export_adapter *adapter);

/* The base as a word of a command, for programs that read no GGUF files, and a remark that goes behind the
 * command where nobody knows what it is called there (or ""). */
graft_status graft_export__append_hf_base(graft_text *out, const graft_export_adapter *adapter);
const char *graft_export__hf_base_remark(const graft_export_adapter *adapter);

/* NAME in the folder: the value as JSON. */
graft_status graft_export__write_json(const graft_json *value, const char *folder, const char *name);

#endif
