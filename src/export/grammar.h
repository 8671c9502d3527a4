/* export/grammar.h - a grammar (GBNF) that lets a model of llama.cpp write nothing but calls that fit.
 *
 * What stands around calls is learnt from the chat template (grammar_shape.h), so that the grammar is
 * that of the text which training rendered. What stands in them follows the schemas of the tools.
 *
 * Conventions, in which the grammar is narrower than JSON Schema: members come in the order in which
 * properties are declared, others behind them; an object that declares properties takes no others
 * unless additionalProperties or patternProperties says so; texts are written without \u for what
 * needs none; integers have no fraction and at most 19 digits; numbers with bounds have no exponent;
 * white space between tokens is a blank, or a line break with up to 20 blanks; the formats date, time,
 * date-time and uuid are kept. In everything else it is a superset: what it does not keep is told. */
#ifndef GRAFT_EXPORT_GRAMMAR_H
#define GRAFT_EXPORT_GRAMMAR_H

#include "export/export.h"
#include "io/json.h"

/* Of a grammar; schemas that ask for more are GRAFT_E_DATA. */
enum { GRAFT_GRAMMAR_MAX_BYTES = 4 << 20, GRAFT_GRAMMAR_MAX_RULES = 20000,
       GRAFT_GRAMMAR_MAX_DEPTH = 100, GRAFT_GRAMMAR_MAX_REMARKS = 200 };

typedef struct graft_grammar {
    graft_text text;
    graft_text dialect; /* how calls are written: what the template speaks */
    graft_text *remarks; /* what is let through though a schema forbids it: "TOOL: KEYWORD: what" */
    size_t n_remarks, remarks_capacity;
    size_t n_more;       /* remarks beyond GRAFT_GRAMMAR_MAX_REMARKS */
    size_t n_rules;
} graft_grammar;

void graft_grammar_init(graft_grammar *grammar);
void graft_grammar_clear(graft_grammar *grammar);

/* `tools`: canonical ones, names may repeat. GRAFT_E_FAILED if the template writes calls in a way that
 * has no grammar, GRAFT_E_DATA if a tool has no arguments that fit, or schemas are too large or deep. */
graft_status graft_grammar_make(graft_grammar *out, const graft_export_serving *serving,
                                const graft_json *tools);

/* The same for a value of one schema, written as JSON, and nothing around it. */
graft_status graft_grammar_of_schema(graft_grammar *out, const graft_json *schema);

#endif
