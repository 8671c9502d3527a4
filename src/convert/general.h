/* convert/general.h - room-internal: keys that tell what a model is called and how it likes to
 * be run. */
#ifndef GRAFT_CONVERT_GENERAL_H
#define GRAFT_CONVERT_GENERAL_H

#include "convert/config.h"
#include "convert/keys.h"

/* general.type, general.name and its parts, what generation_config.json says of sampling, and
 * what the head of README.md says of licence and origin. n_numbers: of all tensors. */
graft_status graft_hf_general_keys(const graft_hf_config *config, const char *folder,
                                   uint64_t n_numbers, const graft_hf_keys *keys);

#endif
