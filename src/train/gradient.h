/* train/gradient.h - room-internal: the gradient of a step, pass by pass, and whether to trust it. */
#ifndef GRAFT_TRAIN_GRADIENT_H
#define GRAFT_TRAIN_GRADIENT_H

#include "train/trainer.h"

/* Runs all passes of the layout: adapter->grads, and in the report loss and norm, or what is wrong
 * with them. In steps that recheck_steps names the first pass is run a second time: the sums that make it
 * must come out bit for bit, whichever threads on whichever cores made them. If they do not,
 * a third run decides, and report->disagreed is set. Fails as graft_trainer_step does. */
graft_status graft_trainer__gradient(graft_trainer *trainer, graft_step_report *report);

/* One pass: its loss is added to *loss, its gradient to adapter->grads; without one if the loss is
 * not finite. */
graft_status graft_trainer__pass(graft_trainer *trainer, size_t pass, double *loss);

/* The forward part of a pass whose loss is not finite is run once more: what was not finite first, and in
 * which examples. *again: its loss, which a machine that computes rightly makes not finite once more. */
graft_status graft_trainer__diagnose(graft_trainer *trainer, size_t pass, graft_step_report *report,
                                     double *again);

/* GRAFT_E_MODEL, naming one, if the base has weights that are not finite. */
graft_status graft_trainer__check_base(const graft_model *model);

#endif
