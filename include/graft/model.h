/* model.h - what is in a file. */
#ifndef GRAFT_MODEL_H
#define GRAFT_MODEL_H

#include <graft/job.h>

/* Describes a GGUF model or adapter, a safetensors file, a checkpoint, a folder of PEFT or
 * mlx-lm, or a run folder.
 * tensors: list every tensor too. *out: text, or with json an object. */
GRAFT_API graft_status graft_inspect(const char *path, int tensors, int json, char **out);

#endif
