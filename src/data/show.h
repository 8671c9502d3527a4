/* data/show.h - examples and datasets for people and programs to look at. */
#ifndef GRAFT_DATA_SHOW_H
#define GRAFT_DATA_SHOW_H

#include "data/dataset.h"
#include "data/example.h"

/* Appends {"index", "ids", "weights", "roles", "text"} and a newline; index is
 * example->conversation. */
graft_status graft_example_show_json(graft_text *out, const graft_example *example,
                                     const graft_tokenizer *tokenizer);

/* Appends a heading and the text, in which trained runs stand out: in colour (green, control tokens
 * bold; context dim, its control tokens blue) or between the marks U+27E6 and U+27E7. What could
 * steer a terminal is escaped. */
graft_status graft_example_show(graft_text *out, const graft_example *example,
                                const graft_tokenizer *tokenizer,
                                const graft_conversation *conversation, bool colour);

/* Appends a few lines: examples, messages by role, calls, tools. */
graft_status graft_dataset_counts_format(graft_text *out, const graft_dataset_counts *counts);
/* The same as members of an object. */
graft_status graft_dataset_counts_json(graft_json *out, const graft_dataset_counts *counts);

#endif
