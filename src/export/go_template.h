/* export/go_template.h - a chat template in the language of Go's text/template, as Ollama runs it. */
#ifndef GRAFT_EXPORT_GO_TEMPLATE_H
#define GRAFT_EXPORT_GO_TEMPLATE_H

#include "export/export.h"

typedef struct graft_go_template {
    graft_text text;   /* empty: it cannot be expressed */
    bool has_tools;    /* does it show tools, calls and results? */
    const char *lacks; /* what it cannot express, for people; NULL: nothing */
} graft_go_template;

/* Learns from what the Jinja template makes of a few conversations which text stands between their parts,
 * puts the same text into a Go template, and checks that conversations of other shapes come out byte for
 * byte. What is not JSON of graft's spelling (tools and arguments, which Ollama writes without spaces)
 * stays as it is. Only memory fails. */
graft_status graft_go_template_make(graft_go_template *out, const graft_export_serving *serving);
void graft_go_template_clear(graft_go_template *made);

#endif
