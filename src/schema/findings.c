#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/run.h"

enum { SPELLED_BYTES = 40, MAX_PLACES = 256 };

bool graft_schema__tells(const graft_schema_run *run)
{
    return graft_schema__goes_on(run);
}

graft_status graft_schema__append_key(graft_text *out, const char *key)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_char(out, '/'));
    for (size_t n; *key != '\0'; key += n) {
        n = strcspn(key, "~/");
        GRAFT_TRY(graft_text_append_escaped(out, key, n, false));
        if (key[n] != '\0') {
            GRAFT_TRY(graft_text_append_z(out, key[n] == '~' ? "~0" : "~1"));
            n++;
        }
    }
done:
    return status;
}

static graft_status append_place(graft_text *out, const graft_schema_place *place)
{
    graft_status status = GRAFT_OK;
    const graft_schema_place *path[MAX_PLACES];
    size_t n = 0;
    for (; place != NULL && n < MAX_PLACES; place = place->parent) {
        path[n++] = place;
    }
    while (n-- > 0) {
        GRAFT_TRY(path[n]->key != NULL ? graft_schema__append_key(out, path[n]->key)
                                       : graft_text_appendf(out, "/%zu", path[n]->index));
    }
done:
    return status;
}

static graft_status append_finding(graft_schema_run *run, const char *fact)
{
    graft_status status = GRAFT_OK;
    graft_text *text = run->findings->text;
    size_t before = text->len;
    GRAFT_TRY(graft_text_append_z(text, run->findings->at));
    GRAFT_TRY(append_place(text, run->place));
    GRAFT_TRY(graft_text_append_z(text, text->len > before ? ": " : ""));
    GRAFT_TRY(graft_text_append_escaped(text, fact, strlen(fact), false));
    GRAFT_TRY(graft_text_append_char(text, '\n'));
    run->findings->n++;
done:
    return status;
}

bool graft_schema__found(graft_schema_run *run, const char *format, ...)
{
    char fact[512];
    va_list arguments;
    if (!graft_schema__tells(run)) {
        return false;
    }
    va_start(arguments, format);
    vsnprintf(fact, sizeof fact, format, arguments);
    va_end(arguments);
    run->status = append_finding(run, fact);
    return false;
}

/* Cuts what is too long to quote, between characters. */
static const char *keep_short(graft_schema_run *run, const char *text, size_t n)
{
    char *kept;
    bool cut = n > SPELLED_BYTES;
    n = cut ? SPELLED_BYTES : n;
    while (cut && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    graft_status status = graft_arena_alloc(&run->scratch->arena, &kept, n + 4, 1);
    if (status != GRAFT_OK) {
        run->status = status;
        return "";
    }
    memcpy(kept, text, n);
    memcpy(kept + n, cut ? "..." : "", cut ? 4 : 1);
    return kept;
}

const char *graft_schema__spell(graft_schema_run *run, const graft_json *value)
{
    graft_text text;
    graft_text_init(&text);
    graft_status status = graft_json_write(&text, value, GRAFT_JSON_COMPACT);
    const char *kept = "";
    if (status == GRAFT_OK) {
        kept = keep_short(run, text.data, text.len);
    } else {
        run->status = status;
    }
    graft_text_clear(&text);
    return kept;
}

const char *graft_schema__spell_name(graft_schema_run *run, const char *name)
{
    return keep_short(run, name, strlen(name));
}
