/* run/prove.h - an exported model, read back, beside base and adapter on held-back data. */
#ifndef GRAFT_RUN_PROVE_H
#define GRAFT_RUN_PROVE_H

#include "eval/report.h"
#include "run/export_inputs.h"
#include "run/session.h"

typedef struct graft_proof {
    graft_eval_report base, tuned, merged; /* of the base, with the adapter, of the artefact */
    double kl;       /* mean over tokens of KL(tuned || merged), in nats */
    double agreeing; /* share of tokens of which both find the same most probable */
    size_t n_tokens; /* that these are over: trained ones, at most 256 of an example */
} graft_proof;

void graft_proof_init(graft_proof *proof);
void graft_proof_clear(graft_proof *proof);

/* Evaluates all three on the examples of config->dataset with the chat template of `serving`; `model`
 * is the GGUF file that was exported, with the template that it has. GRAFT_E_FAILED if that renders the
 * examples differently. */
graft_status graft_prove(graft_proof *proof, const graft_config *config,
                         const graft_export_inputs *inputs, const graft_export_serving *serving,
                         const char *model, const graft_hooks *hooks);

graft_status graft_proof_table(const graft_proof *proof, graft_text *out);
/* {"kl", "agreeing", "tokens", "merged": comparison with the adapter, "adapter": with the base} */
graft_status graft_proof_json(const graft_proof *proof, graft_json **out);

#endif
