/* literals: each line of the input as {"value": ...} (a JSON text of a Python literal), or as
 * {"calls": [...]} if it begins with "calls ". What is none gives {"bad": MESSAGE}. */
#include <stdio.h>
#include <string.h>

#include "chat/python_literal.h"
#include "io/lines.h"

static graft_status literal(graft_json *out, const char *text, size_t n)
{
    graft_json *value = NULL;
    const char *at = text, *end = text + n;
    graft_status status = graft_python_value(&value, &at, end);
    if (status == GRAFT_OK && at != end) {
        graft_json_free(value);
        return graft_json_set_string(out, "bad", "something stands behind it");
    }
    return status == GRAFT_OK ? graft_json_set(out, "value", value)
                              : graft_json_set_string(out, "bad", graft_error_message());
}

static graft_status calls(graft_json *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    bool understood;
    GRAFT_TRY(graft_python_calls(list, text, n, &understood));
    GRAFT_TRY(understood ? graft_json_set(out, "calls", graft_json_retain(list))
                         : graft_json_set_string(out, "bad", "not understood"));
done:
    graft_json_free(list);
    return status;
}

/* Each line is a JSON string, so that literals may go over lines. */
static graft_status run(const char *line, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *in = NULL, *out = graft_json_new_object();
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_parse(&in, line, n));
    size_t length;
    const char *source = graft_json_string(in, &length);
    bool call = length >= 6 && memcmp(source, "calls ", 6) == 0;
    GRAFT_TRY(call ? calls(out, source + 6, length - 6) : literal(out, source, length));
    GRAFT_TRY(graft_json_write(&text, out, GRAFT_JSON_COMPACT));
    puts(graft_text_z(&text));
done:
    graft_json_free(in);
    graft_json_free(out);
    graft_text_clear(&text);
    return status;
}

int main(int argc, char **argv)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    const char *line;
    size_t n;
    GRAFT_TRY(graft_lines_open(&lines, argc > 1 ? argv[1] : ""));
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (!line) {
            break;
        }
        GRAFT_TRY(run(line, n));
    }
done:
    graft_lines_close(lines);
    if (status != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
    }
    return (int)status;
}
