/* findings.c - what is found in one example. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/lint.h"

enum { MESSAGE_BYTES = 1000 };

void graft_findings_clear(graft_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        graft_free(f->items[i].message);
    }
    graft_free(f->items);
    *f = (graft_findings){.scratch = f->scratch, .declared = f->declared};
}

graft_status graft_findings_add(graft_findings *f, const graft_lint *lint, const char *format, ...)
{
    graft_status status = GRAFT_OK;
    char message[MESSAGE_BYTES];
    graft_text text;
    va_list arguments;
    graft_text_init(&text);
    for (size_t i = 0; i < f->n; i++) {
        if (f->items[i].lint == lint) {
            f->items[i].more++;
            return GRAFT_OK;
        }
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    GRAFT_TRY(graft_reserve(&f->items, &f->capacity, f->n + 1, sizeof *f->items));
    GRAFT_TRY(graft_text_append_escaped(&text, message, strlen(message), false));
    f->items[f->n] = (graft_finding){.lint = lint};
    GRAFT_TRY(graft_text_take(&text, &f->items[f->n].message));
    f->n++;
done:
    graft_text_clear(&text);
    return status;
}
