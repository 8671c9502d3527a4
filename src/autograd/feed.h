/* autograd/feed.h - making what goes into linear maps, and what flows back from there. */
#ifndef GRAFT_AUTOGRAD_FEED_H
#define GRAFT_AUTOGRAD_FEED_H

#include "autograd/live_rows.h"
#include "autograd/ops.h"

/* *out = the feed as activations, graft_act_ld(n_cols) apart: the tensor's own where nothing has to
 * be made, else in the arena. inv_rms [n_rows] is written for a norm. live: the rows of a norm that are
 * made, one after the other; NULL: all. */
graft_status graft_feed_make(graft_tape *tape, const graft_act **out, const graft_feed *feed,
                             graft_real *inv_rms, const graft_live_rows *live);

bool graft_feed_wants_grad(const graft_feed *feed);

/* Turns the gradient of a feed into that of its inputs. `grad` is reals for a norm, else
 * activations. A gated unit's inputs are replaced by their gradients, and `grad` by the feed. */
graft_status graft_feed_backward(graft_tape *tape, const graft_feed *feed,
                                 const graft_real *inv_rms, void *grad);

#endif
