/* run/artefact.h - fine-tunes as artefacts: what the end of training and `graft export` share. */
#ifndef GRAFT_RUN_ARTEFACT_H
#define GRAFT_RUN_ARTEFACT_H

#include "config/config.h"
#include "export/export.h"
#include "tokenizer/tokenizer.h"

/* What is said of a model that is served. Owns its texts. */
typedef struct graft_serving {
    graft_export_serving of;
    graft_text chat_template, template_path, name, slug, bos, eos;
    char **stops;
} graft_serving;

void graft_serving_init(graft_serving *serving);
void graft_serving_clear(graft_serving *serving);
/* Name and tokens: `label` says which fine-tune of the base it is; `name` (or NULL) replaces both. */
graft_status graft_serving_describe(graft_serving *serving, const graft_gguf *base,
                                    const graft_tokenizer *tokenizer, const char *label,
                                    const char *name);
/* path: of the file that holds it, or NULL. */
graft_status graft_serving_set_template(graft_serving *serving, const char *source, size_t n,
                                        const char *path);

/* What a file or folder is called when a model is named after it: without folders and endings, and where that
 * says nothing ("adapter.gguf") the folder's name. */
graft_status graft_artefact_label(graft_text *out, const char *path);

/* Tokens that a server has to provide: max_seq_length if it was set, else room for the longest example (0:
 * unknown) and a reply. Not more than the base's context. */
size_t graft_artefact_context(uint64_t max_seq_length, size_t longest, const graft_gguf *base);

/* Writes the artefact to `path`: a folder appears whole, with README.md and graft.json; beside merged
 * weights stands what survived. */
graft_status graft_artefact_write(const graft_exporter *exporter, const graft_export_job *job,
                                  const char *path);

#endif
