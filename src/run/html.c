#include "run/html.h"

#include <string.h>

static const char style[] =
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem "
    ".8rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:"
    "left}pre{background:#f5f5f2;padding:1rem;overflow-x:auto;font-size:13px}svg{width:100%;height:"
    "auto}h2{margin-top:2.2rem;font-size:1.2rem}.note{color:#666;font-size:.9rem}"
    ".bar{background:#1f6f5c;height:.8rem;min-width:1px}</style>\n";

graft_status graft_html_append(graft_text *out, const char *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < n; i++) {
        const char *entity = bytes[i] == '<' ? "&lt;" : bytes[i] == '>' ? "&gt;"
                             : bytes[i] == '&' ? "&amp;" : bytes[i] == '"' ? "&quot;" : NULL;
        GRAFT_TRY(entity != NULL ? graft_text_append_z(out, entity)
                                 : graft_text_append_char(out, bytes[i]));
    }
done:
    return status;
}

graft_status graft_html_begin(graft_text *out, const char *title)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset="
                                       "\"utf-8\"><meta name=\"viewport\" content=\"width=device-"
                                       "width\"><title>"));
    GRAFT_TRY(graft_html_append(out, title, strlen(title)));
    GRAFT_TRY(graft_text_append_z(out, "</title>\n"));
    GRAFT_TRY(graft_text_append_z(out, style));
    GRAFT_TRY(graft_text_append_z(out, "</head><body>\n"));
done:
    return status;
}
