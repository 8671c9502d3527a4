/* train/mixing.h - what the settings say about mixing, in units: weights of datasets, the share of
 * replay. */
#ifndef GRAFT_TRAIN_MIXING_H
#define GRAFT_TRAIN_MIXING_H

#include "config/config.h"
#include "data/mix.h"
#include "train/trainer.h"

/* Units of part i come from entry i of `dataset`, those behind them from `replay`; parts follow one
 * another. An entry of weight w has round(w n), at least one, of its n units in every epoch. Of
 * replay so many are drawn that on average its samples have `share` of the epoch's tokens. */
graft_status graft_mixing_init(graft_mix *mix, const graft_config *config,
                               const graft_unit *units, size_t n_units);

/* Share of the tokens of an average epoch that samples of part i have. */
double graft_mixing_share(const graft_mix *mix, const graft_unit *units, size_t i);

/* Is every unit drawn once per epoch? */
bool graft_mixing_is_plain(const graft_mix *mix);

#endif
