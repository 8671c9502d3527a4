/* run/tool_grammar.h - the grammar of tools that a file declares. */
#ifndef GRAFT_RUN_TOOL_GRAMMAR_H
#define GRAFT_RUN_TOOL_GRAMMAR_H

#include "export/grammar.h"
#include "run/artefact.h"

/* What was written, for reports. */
typedef struct graft_tool_grammar {
    graft_grammar grammar;
    size_t n_tools;
    char *path;
} graft_tool_grammar;

void graft_tool_grammar_clear(graft_tool_grammar *made);

/* Reads the tools of `tools_path`: a JSON array of tools, an object with "tools", or a data file, of whose
 * examples all different tools count. Makes their grammar for the chat template of `serving`, says what it
 * does not keep, and writes it to `path`. */
graft_status graft_tool_grammar_write(graft_tool_grammar *out, const char *tools_path,
                                      const graft_export_serving *serving, const char *path);

graft_status graft_tool_grammar_table(const graft_tool_grammar *made, graft_text *out);
/* {"path", "dialect", "tools", "rules", "bytes", "not_kept": [...]} */
graft_status graft_tool_grammar_json(const graft_tool_grammar *made, graft_json **out);

#endif
