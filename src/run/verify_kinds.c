/* verify_kinds.c - the kinds of objects, by what they look like. The first that fits is taken. */
#include "run/verify.h"

const graft_verify_kind *const graft_verify__kinds[] = {
    &graft_verify_run,         &graft_verify_mlx,        &graft_verify_peft,
    &graft_verify_hf_folder,
    &graft_verify_gguf,        &graft_verify_checkpoint, &graft_verify_safetensors,
    &graft_verify_metrics,     &graft_verify_scores,     &graft_verify_config,
    &graft_verify_template,    &graft_verify_page,       &graft_verify_importance,
    &graft_verify_log,         NULL,
};
