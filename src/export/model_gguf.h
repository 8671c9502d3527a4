/* export/model_gguf.h - room-internal: the merged model as a GGUF file, for every artefact that has one. */
#ifndef GRAFT_EXPORT_MODEL_GGUF_H
#define GRAFT_EXPORT_MODEL_GGUF_H

#include "export/export.h"

/* The types it can have, as graft_exporter.types. */
#define GRAFT_EXPORT_MODEL_TYPES "same ..."

/* Writes base + fine-tune to `path`, tensor by tensor. job->survival is filled; unless job->force is
 * set, GRAFT_E_FAILED if most of the fine-tune would be lost, and no file. */
graft_status graft_export__write_model(const graft_export_job *job, const char *path);

/* The same as SLUG.gguf in a folder; what it is called there without the ending. */
graft_status graft_export__write_named_model(const graft_export_job *job, const char *folder);
const char *graft_export__slug(const graft_export_job *job);

#endif
