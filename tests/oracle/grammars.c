/* Makes grammars for test_grammar.py. Lines of JSON from stdin, one line of JSON out for each:
 *
 * {"schema"} or {"tools", "template", "bos", "eos", "stops": [...]} ->
 * {"grammar", "dialect", "not_kept": [LINE...]} or {"error"} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/grammar.h"

enum { MOST_STOPS = 16 };

static graft_status make(graft_grammar *out, const graft_json *line)
{
    const char *stops[MOST_STOPS];
    const graft_json *listed = graft_json_get(line, "stops");
    graft_export_serving serving = {
        .chat_template = graft_json_string(graft_json_get(line, "template"), NULL),
        .bos = graft_json_string(graft_json_get(line, "bos"), NULL),
        .eos = graft_json_string(graft_json_get(line, "eos"), NULL),
        .stops = stops,
    };
    for (size_t i = 0; i < graft_json_length(listed) && i < MOST_STOPS; i++) {
        stops[serving.n_stops++] = graft_json_string(graft_json_at(listed, i), NULL);
    }
    return graft_json_has(line, "schema")
               ? graft_grammar_of_schema(out, graft_json_get(line, "schema"))
               : graft_grammar_make(out, &serving, graft_json_get(line, "tools"));
}

static graft_status answer(graft_json *out, const graft_json *line)
{
    graft_status status = GRAFT_OK;
    graft_grammar grammar;
    graft_json *remarks = graft_json_new_array();
    status = make(&grammar, line);
    if (status != GRAFT_OK) {
        GRAFT_TRY(status == GRAFT_E_MEMORY ? status : GRAFT_OK);
        status = graft_json_set_string(out, "error", graft_error_message());
        goto done;
    }
    GRAFT_TRY(graft_json_set(out, "grammar", graft_json_new_string(grammar.text.data,
                                                                   grammar.text.len)));
    GRAFT_TRY(graft_json_set_string(out, "dialect", graft_text_z(&grammar.dialect)));
    for (size_t i = 0; i < grammar.n_remarks; i++) {
        GRAFT_TRY(graft_json_push(remarks, graft_json_new_string(grammar.remarks[i].data,
                                                                 grammar.remarks[i].len)));
    }
    GRAFT_TRY(graft_json_set(out, "not_kept", graft_json_retain(remarks)));
done:
    graft_grammar_clear(&grammar);
    graft_json_free(remarks);
    return status;
}

static int answer_line(const char *text, size_t n)
{
    graft_json *line = NULL, *out = graft_json_new_object();
    graft_text written;
    graft_text_init(&written);
    int failed = graft_json_parse(&line, text, n) != GRAFT_OK || answer(out, line) != GRAFT_OK ||
                 graft_json_write(&written, out, GRAFT_JSON_COMPACT) != GRAFT_OK;
    if (failed) {
        fprintf(stderr, "%s (%s)\n", graft_error_message(), graft_error_place());
    } else {
        puts(graft_text_z(&written));
    }
    graft_text_clear(&written);
    graft_json_free(line);
    graft_json_free(out);
    return failed;
}

int main(void)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t n;
    int failed = 0;
    while (!failed && (n = getline(&text, &capacity, stdin)) > 0) {
        failed = answer_line(text, (size_t)n);
    }
    free(text);
    return failed;
}
