/* export/peft_names.h - room-internal: where GGUF files and Hugging Face models differ.
 *
 * Names: "blk.3.attn_q.weight" is "model.layers.3.self_attn.q_proj". Classes that see have the text model
 * inside, as "model.language_model.layers.3...." (transformers before 4.52, and mlx-lm:
 * "language_model.model.layers.3...."). Row order: Hugging Face rotates
 * the first half of a head against the second, GGUF files of some architectures pair neighbours, so
 * their rows of q and k are (head, d/2, 2) where Hugging Face has (head, 2, d/2). */
#ifndef GRAFT_EXPORT_PEFT_NAMES_H
#define GRAFT_EXPORT_PEFT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/strings.h"

/* Appends the name that a tensor of files of the architecture has as a module of Hugging Face models;
 * GRAFT_E_FAILED if it has none. */
graft_status graft_export__hf_name(graft_text *out, const char *arch, const char *gguf_name);

/* The same as an adapter of PEFT's calls it, which depends on whether the text model is inside. */
graft_status graft_export__peft_name(graft_text *out, const char *arch, bool multimodal,
                                     const char *gguf_name);

/* The reverse, of every name above: appends the GGUF tensor's name; GRAFT_E_MODEL if the module is
 * unknown. */
graft_status graft_export__gguf_name(graft_text *out, const char *arch, const char *hf_name);

/* What is left of a module's name, or of a pattern, without the part of the model it belongs to. */
const char *graft_export__inner_name(const char *hf_name);

/* GRAFT_E_FAILED if nothing is known about the architecture. */
graft_status graft_export__check_arch(const char *arch);

/* Heads by whose rows the tensor is interleaved in GGUF files of the architecture; 0 if it is not. */
size_t graft_export__interleaved_heads(const char *arch, const char *gguf_name, size_t n_head,
                                       size_t n_kv);

/* Reorders rows of `width` numbers between the two orders; n_rows is a multiple of 2 * n_head.
 * `out` and `in` do not overlap. */
void graft_export__to_hf_rows(float *out, const float *in, size_t n_rows, size_t width,
                              size_t n_head);
void graft_export__to_gguf_rows(float *out, const float *in, size_t n_rows, size_t width,
                                size_t n_head);

#endif
