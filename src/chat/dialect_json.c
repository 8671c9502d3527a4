/* chat/dialect_json.c - {"name": ..., "parameters": {...}} and nothing around it.
 *
 * The format of Llama 3.1 to 3.3: a call is the whole reply, behind <|python_tag|> or not; several
 * calls stand one after the other, separated by ";" or white space, or in an array. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define TAG "<|python_tag|>"

static bool speaks(const char *source)
{
    return strstr(source, "\"parameters\": ") != NULL && strstr(source, "{\"name\": ") != NULL;
}

/* Where the JSON value at the start of text[0..n) ends: brackets outside of strings balance. */
static size_t value_end(const char *text, size_t n)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0 && --depth == 0) {
            return i + 1;
        }
    }
    return n;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ';' || c == ',';
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    graft_status status = GRAFT_OK;
    *broken = 0;
    *calls = graft_json_new_array();
    if (*calls == NULL) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: tool calls");
    }
    const char *tag = n > 0 ? memmem(text, n, TAG, strlen(TAG)) : NULL;
    if (tag != NULL) {
        GRAFT_TRY(graft_dialect__add_content(content, text, (size_t)(tag - text)));
        n -= (size_t)(tag - text) + strlen(TAG);
        text = tag + strlen(TAG);
    }
    while (n > 0 && is_separator(*text)) {
        text++;
        n--;
    }
    if (tag == NULL && (n == 0 || (*text != '{' && *text != '['))) {
        status = graft_dialect__add_content(content, text, n);
        goto done;
    }
    while (n > 0) {
        size_t end = value_end(text, n);
        bool understood;
        GRAFT_TRY(graft_dialect__read_calls(*calls, text, end, &understood));
        *broken += !understood;
        for (; end < n && is_separator(text[end]); end++) {
        }
        text += end;
        n -= end;
    }
done:
    if (status != GRAFT_OK) {
        graft_json_free(*calls);
        *calls = NULL;
    }
    return status;
}

const graft_dialect graft_dialect_json = {"json", speaks, parse};
