/* run/html.h - what pages have in common. */
#ifndef GRAFT_RUN_HTML_H
#define GRAFT_RUN_HTML_H

#include "core/strings.h"

/* Appends everything up to and with <body>: the title is escaped. */
graft_status graft_html_begin(graft_text *out, const char *title);
/* Appends text with <, >, & and " as entities. */
graft_status graft_html_append(graft_text *out, const char *bytes, size_t n);

#endif
