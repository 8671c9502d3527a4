/* train/identity.h - what makes two runs the same run, as lines "what: value".
 *
 * First the settings that shape a run, then what its files are (digests of the base, the chat template,
 * and the tokens), then what it was computed with. A checkpoint carries the lines of its run. */
#ifndef GRAFT_TRAIN_IDENTITY_H
#define GRAFT_TRAIN_IDENTITY_H

#include "train/trainer.h"

/* SHA-256 of what a run reads, as hex. NULL: it reads no such thing. */
typedef struct graft_run_files {
    const char *base, *chat_template, *data, *eval_data;
    const char *date; /* that the template tells, as chat_template_date; NULL: it tells none */
} graft_run_files;

/* To be called before the first step, or before a checkpoint is loaded: with init_adapter the parameters
 * as they are belong to the identity. */
graft_status graft_run_identity(graft_text *out, const graft_trainer *trainer,
                                const graft_run_files *files);

/* Appends the chat_template_date of an identity; nothing if its template tells none. */
graft_status graft_run_identity_date(graft_text *out, const char *identity);

/* Appends what differs as "lora_r: 16 -> 3; seed: 42 -> 7", nothing if nothing does: to *run what
 * makes it another run, to *machine what only changes the last bits of its numbers. */
graft_status graft_run_differences(graft_text *run, graft_text *machine, const char *saved,
                                   const char *wanted);

/* Does the setting shape a run, so that a run with another value is another run? False in *known if
 * identity.c says nothing about it. */
bool graft_setting_shapes_runs(const char *name, bool *known);

#endif
