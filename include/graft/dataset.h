/* dataset.h - looking at data before training on it. */
#ifndef GRAFT_DATASET_H
#define GRAFT_DATASET_H

#include <graft/job.h>

typedef struct graft_check_options {
    double near;        /* similarity from which examples are near duplicates, [0.5, 1]; 0: off */
    const char *fix_to; /* NULL, or where the examples are written: without bad lines and
                         * duplicates, and repaired where that changes nothing of what they teach */
    uint64_t limit;     /* findings told of each kind; 0: all */
    int strict;         /* any finding fails, not only a bad line */
    int json;
} graft_check_options;

/* Reads `dataset` and reports what training on it would stumble over, as file:line with what is
 * wrong and what to do (hooks->emit gets each finding): bad lines, calls that do not fit the
 * declared tools, roles, texts, secrets, duplicates, outliers, and examples that stand in
 * `eval_dataset`, too. *out: the summary; with json an object that holds the findings too.
 * With base_model or chat_template set also examples that do not fit the chat template.
 * GRAFT_E_DATA, with *out set, if there was one of those, or a bad line (not with skip_bad or
 * fix_to). Memory grows by some 250 bytes per example. */
GRAFT_API graft_status graft_data_check(graft_config *config, const graft_check_options *options,
                                        const graft_hooks *hooks, char **out);

/* Writes the lines of `dataset` to `path`, without those that are the same as an earlier one but
 * for ids of calls, and, with near in [0.5, 1], those so much like one that was kept. *out:
 * counts. */
GRAFT_API graft_status graft_data_dedup(graft_config *config, const char *path, double near,
                                        const graft_hooks *hooks, int json, char **out);

/* Describes `dataset` in numbers: messages, calls, lengths, tools, and tokens if base_model is set.
 * html: NULL, or where a self-contained page is written. */
GRAFT_API graft_status graft_data_stats(graft_config *config, const char *html,
                                        const graft_hooks *hooks, int json, char **out);

/* Writes the lines of `dataset` to two files as val_set_size, val_split and seed say: those that
 * graft_train would hold back go to `eval`. By tool, lines that stand between are left out. */
GRAFT_API graft_status graft_data_split(graft_config *config, const char *train, const char *eval,
                                        const graft_hooks *hooks, int json, char **out);

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
 * findings, too. A warning is logged where detection takes what was written for another layout.
 * A file at `path` is replaced. */
GRAFT_API graft_status graft_data_convert(graft_config *config, const char *to, const char *path,
                                          const graft_hooks *hooks, int json, char **out);

#endif
