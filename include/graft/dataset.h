/* dataset.h - looking at data before training on it. */
#ifndef GRAFT_DATASET_H
#define GRAFT_DATASET_H

#include <graft/job.h>

/* Reads `dataset` and reports: examples, turns, calls, tools, formats, and every bad line as
 * file:line with what is wrong (hooks->emit gets each finding). *out: the summary; with json an
 * object that holds the findings too. GRAFT_E_DATA, with *out set, if there was a bad line. Needs no
 * base_model. */
GRAFT_API graft_status graft_data_check(graft_config *config, const graft_hooks *hooks, int json,
                                        char **out);

/* Shows examples [first, first + n) of `dataset` as base_model would see them: what is trained,
 * what is context. colour: ANSI colours. json: one object per line {"index", "ids", "weights",
 * "roles", "text"}. Through hooks->emit. */
GRAFT_API graft_status graft_data_show(graft_config *config, uint64_t first, uint64_t n,
                                       const graft_hooks *hooks, int colour, int json);

/* Writes the examples of `dataset` as lines to the file `path` in the layout `to` (openai,
 * sharegpt, hermes, xlam, toolace, ms-swift, alpaca, prompt; another name is GRAFT_E_CONFIG and
 * lists them). Every record is read back and compared: a bad line, or an example that the layout cannot hold,
 * is GRAFT_E_DATA with file:line and what would be lost, and nothing is written; with skip_bad it is
 * left out, told to hooks->emit and counted. *out: the summary; with json an object that holds the
 * findings, too. A file at `path` is replaced. */
GRAFT_API graft_status graft_data_convert(graft_config *config, const char *to, const char *path,
                                          const graft_hooks *hooks, int json, char **out);

#endif
