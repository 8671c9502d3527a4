/* verify.h - is what lies in a file sound? */
#ifndef GRAFT_VERIFY_H
#define GRAFT_VERIFY_H

#include <graft/job.h>

/* Checks the files and folders at n paths as far as they can be checked: models, adapters and importance
 * matrices (GGUF), safetensors, PEFT and Hugging Face folders, checkpoints, token caches, evaluations,
 * metrics, settings, and run folders with everything in them. base (may be NULL): the GGUF file that
 * adapters must be of. hooks (may be NULL) are asked whether to stop.
 * GRAFT_OK only if everything is sound; else the code of the first thing that is not: GRAFT_E_MODEL,
 * GRAFT_E_CHECKPOINT, GRAFT_E_DATA, GRAFT_E_CONFIG, or GRAFT_E_DISK for what cannot be read.
 * *out, set in both cases: a line per object, "PATH: ok (...)" or "PATH: BAD: what, where", with json
 * {"sound", "objects": [{"path", "kind", "ok", "facts", "problems", "n_problems"}]}. */
GRAFT_API graft_status graft_verify(const char *const *paths, size_t n, const char *base,
                                    const graft_hooks *hooks, int json, char **out);

#endif
