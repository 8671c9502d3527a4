/* export/grammar.c - the rules of a grammar: those of tools, of a reply, and the ones all share. */
#include "export/grammar_internal.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "export/grammar_shape.h"

enum { MAX_STEPS = 500000 };

void graft_grammar_init(graft_grammar *grammar)
{
    *grammar = (graft_grammar){0};
    graft_text_init(&grammar->text);
    graft_text_init(&grammar->dialect);
}

void graft_grammar_clear(graft_grammar *grammar)
{
    for (size_t i = 0; i < grammar->n_remarks; i++) {
        graft_text_clear(&grammar->remarks[i]);
    }
    graft_free(grammar->remarks);
    graft_text_clear(&grammar->text);
    graft_text_clear(&grammar->dialect);
    graft_grammar_init(grammar);
}

/* --- rules --- */

graft_status graft_grammar__name(graft_grammar_maker *m, graft_rule *out, const char *kind)
{
    snprintf(out->name, sizeof out->name, "%s-%zu", kind, ++m->n_names);
    return m->n_names <= GRAFT_GRAMMAR_MAX_RULES
               ? GRAFT_OK
               : graft_fail(GRAFT_E_DATA, "the grammar would have more than %d rules",
                            GRAFT_GRAMMAR_MAX_RULES);
}

graft_status graft_grammar__define(graft_grammar_maker *m, const graft_rule *rule,
                                   const graft_text *body)
{
    m->out->n_rules++;
    graft_status status = graft_text_appendf(&m->out->text, "%s ::= %s\n", rule->name,
                                             graft_text_z(body));
    return status != GRAFT_OK || m->out->text.len <= GRAFT_GRAMMAR_MAX_BYTES
               ? status
               : graft_fail(GRAFT_E_DATA, "the grammar would have more than %d bytes",
                            GRAFT_GRAMMAR_MAX_BYTES);
}

graft_status graft_grammar__rule(graft_grammar_maker *m, graft_rule *out, const char *kind,
                                 const graft_text *body)
{
    graft_status status = GRAFT_OK;
    uint64_t known;
    const char *text = graft_text_z(body);
    char *kept;
    graft_rule *rule;
    if (graft_map_find(&m->bodies, text, body->len, &known)) {
        *out = *(const graft_rule *)(uintptr_t)known;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_grammar__name(m, out, kind));
    GRAFT_TRY(graft_grammar__define(m, out, body));
    GRAFT_TRY(graft_arena_alloc(&m->arena, &kept, body->len + 1, 1));
    GRAFT_TRY(graft_arena_alloc(&m->arena, &rule, 1, sizeof *rule));
    memcpy(kept, text, body->len + 1);
    *rule = *out;
    status = graft_map_set(&m->bodies, kept, body->len, (uintptr_t)rule, NULL);
done:
    return status;
}

graft_status graft_grammar__spend(graft_grammar_maker *m, size_t steps)
{
    m->steps += steps;
    return m->steps <= MAX_STEPS ? GRAFT_OK
                                 : graft_fail(GRAFT_E_DATA, "schemas combine in too many ways");
}

graft_status graft_grammar__enter(graft_grammar_maker *m)
{
    m->depth++;
    return m->depth <= GRAFT_GRAMMAR_MAX_DEPTH
               ? graft_grammar__spend(m, 1)
               : graft_fail(GRAFT_E_DATA, "schemas are nested more than %d deep",
                            GRAFT_GRAMMAR_MAX_DEPTH);
}

graft_status graft_grammar__remark(graft_grammar_maker *m, const char *keyword, const char *what)
{
    graft_status status = GRAFT_OK;
    graft_grammar *g = m->out;
    graft_text line;
    char *kept;
    bool present = false;
    graft_text_init(&line);
    if (m->tool != NULL) {
        GRAFT_TRY(graft_text_append_escaped(&line, m->tool, strlen(m->tool), false));
        GRAFT_TRY(graft_text_append_z(&line, ": "));
    }
    GRAFT_TRY(graft_text_appendf(&line, "%s: %s", keyword, what));
    GRAFT_TRY(graft_arena_alloc(&m->arena, &kept, line.len + 1, 1));
    memcpy(kept, line.data, line.len + 1);
    GRAFT_TRY(graft_map_set(&m->remarked, kept, line.len, 0, &present));
    if (present || g->n_remarks == GRAFT_GRAMMAR_MAX_REMARKS) {
        g->n_more += !present;
        goto done;
    }
    GRAFT_TRY(graft_reserve(&g->remarks, &g->remarks_capacity, g->n_remarks + 1,
                            sizeof *g->remarks));
    g->remarks[g->n_remarks++] = line;
    graft_text_init(&line);
done:
    graft_text_clear(&line);
    return status;
}

/* --- rules that all share --- */

static const char shared_rules[] =
    "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n"
    "char ::= [^\"\\\\\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" codeunit)\n"
    "codeunit ::= [0-9abcefABCEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2} | "
    "[dD] [89abAB] [0-9a-fA-F]{2} \"\\\\u\" [dD] [c-fC-F] [0-9a-fA-F]{2}\n"
    "keychar ::= [^\"\\\\\\x00-\\x1F] | \"\\\\\" [\"\\\\bfnrt] | \"\\\\u00\" [01] [0-9a-fA-F]\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "digits ::= \"0\" | [1-9] [0-9]{0,18}\n"
    "integer ::= \"-\"? digits\n"
    "exponent ::= [eE] [-+]? [0-9]{1,4}\n"
    "fraction ::= \".\" [0-9]+\n"
    "boolean ::= \"true\" | \"false\"\n"
    "null ::= \"null\"\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]*) fraction? exponent?\n"
    "member ::= \"\\\"\" keychar* \"\\\":\" ws value\n"
    "object ::= \"{\" ws (member (ws \",\" ws member)* ws)? \"}\"\n"
    "array ::= \"[\" ws (value (ws \",\" ws value)* ws)? \"]\"\n"
    "value ::= object | array | string | number | boolean | null\n";

/* The words and strings of Python; numbers are those of JSON. */
static const char python_rules[] =
    "char-double ::= [^\"\\\\\\x00-\\x1F] | \"\\\\\" [^\\x00-\\x1F]\n"
    "char-single ::= [^'\\\\\\x00-\\x1F] | \"\\\\\" [^\\x00-\\x1F]\n"
    "keychar-single ::= [^'\\\\\\x00-\\x1F] | \"\\\\\" ['\\\\bfnrt] | \"\\\\x\" [01] [0-9a-fA-F]\n"
    "py-string ::= \"\\\"\" char-double* \"\\\"\" | \"'\" char-single* \"'\"\n"
    "py-boolean ::= \"True\" | \"False\" | boolean\n"
    "py-null ::= \"None\" | null\n"
    "py-member ::= (\"\\\"\" keychar* \"\\\":\" | \"'\" keychar-single* \"':\") ws py-value\n"
    "py-object ::= \"{\" ws (py-member (ws \",\" ws py-member)* ws)? \"}\"\n"
    "py-array ::= \"[\" ws (py-value (ws \",\" ws py-value)* ws)? \"]\"\n"
    "py-value ::= py-object | py-array | py-string | number | py-boolean | py-null\n";

/* --- calls --- */

static graft_status append_name(graft_text *out, const graft_call_shape *shape, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text quoted;
    if (!shape->named_in_quotes) {
        return graft_grammar__literal_z(out, name);
    }
    graft_text_init(&quoted);
    GRAFT_TRY(graft_grammar__quoted(&quoted, name, strlen(name), '"'));
    /* the quotes around it, "\" and the like at both ends, belong to the texts beside it */
    GRAFT_TRY(graft_text_append_char(out, '"'));
    GRAFT_TRY(graft_text_append(out, quoted.data + 3, quoted.len - 6));
    status = graft_text_append_char(out, '"');
done:
    graft_text_clear(&quoted);
    return status;
}

static graft_glue glue_of(const graft_call_shape *shape)
{
    if (shape->kind == GRAFT_CALL_JSON) {
        return graft_grammar_json_glue;
    }
    return (graft_glue){
        .first = graft_text_z(&shape->first), .separator = graft_text_z(&shape->next),
        .end = graft_text_z(&shape->last), .empty = graft_text_z(&shape->empty),
        .key_close = "", .value = graft_text_z(&shape->value), .quote = 0,
        .close = shape->kind == GRAFT_CALL_RAW ? graft_text_z(&shape->value_end) : NULL};
}

/* The arguments of a tool: an object, whatever else its schema would let through. */
static graft_status add_call(graft_grammar_maker *m, graft_text *calls, const graft_json *schema,
                             const graft_call_shape *shape)
{
    graft_status status = GRAFT_OK;
    graft_parts parts = {0};
    graft_glue glue = glue_of(shape);
    graft_text body;
    graft_rule rule;
    graft_text_init(&body);
    GRAFT_TRY(graft_grammar__add_part(m, &parts, schema));
    GRAFT_TRY(graft_grammar__arguments(m, &body, &parts,
                                       shape->kind == GRAFT_CALL_JSON ? GRAFT_SPELLED_JSON
                                                                      : GRAFT_SPELLED_PYTHON,
                                       &glue));
    if (body.len == 0) {
        status = graft_fail(GRAFT_E_DATA, "no arguments fit its schema");
        goto done;
    }
    GRAFT_TRY(graft_grammar__rule(m, &rule, "arguments", &body));
    GRAFT_TRY(graft_text_append_z(calls, calls->len > 0 ? " | " : ""));
    GRAFT_TRY(append_name(calls, shape, m->tool));
    status = graft_text_appendf(calls, " %s %s", graft_text_z(&shape->middle), rule.name);
done:
    graft_text_clear(&body);
    return status;
}

static graft_status fail_for_tool(graft_status status, const char *name)
{
    graft_text escaped;
    graft_text_init(&escaped);
    if (status == GRAFT_E_DATA &&
        graft_text_append_escaped(&escaped, name, strlen(name), false) == GRAFT_OK) {
        status = graft_fail_prefix("tool \"%.100s\"", graft_text_z(&escaped));
    }
    graft_text_clear(&escaped);
    return status;
}

/* A tool that declares no parameters takes none. */
static graft_status add_tool(graft_grammar_maker *m, graft_text *calls, const graft_json *function,
                             const graft_json *none, const graft_call_shape *shape)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = NULL;
    const graft_json *declared = graft_json_get(function, "parameters");
    declared = declared != NULL ? declared : none;
    m->tool = graft_json_string(graft_json_get(function, "name"), NULL);
    GRAFT_TRY(graft_schema_compile(&schema, declared, GRAFT_SCHEMA_2020_12));
    m->schema = schema;
    status = add_call(m, calls, declared, shape);
done:
    m->schema = NULL;
    graft_schema_free(schema);
    return fail_for_tool(status, m->tool);
}

/* --- the reply --- */

/* What stands between the mark and the first call. */
static graft_status append_opening(graft_text *out, const graft_call_shape *shape)
{
    const char *plain = graft_text_z(&shape->opening), *behind = graft_text_z(&shape->opening_behind);
    bool two = shape->words_before && strcmp(plain, behind) != 0;
    return two ? graft_text_appendf(out, "(%s | %s)", plain, behind)
               : graft_text_append_z(out, plain);
}

/* Text that is no call where a call has no mark: it does not begin as one would be read. */
static graft_status append_plain(graft_text *out)
{
    return graft_text_append_z(out, "[ \\t\\r\\n;,]* ([^ \\t\\r\\n;,{\\[] [^\\x00]*)?");
}

static graft_status add_reply(graft_grammar_maker *m, const graft_call_shape *shape,
                              const char *calls)
{
    graft_status status = GRAFT_OK;
    graft_rule rule = {""}, behind;
    graft_text body;
    graft_text_init(&body);
    bool marked = shape->mark.len > 0, words = marked && shape->words_before;
    if (marked) {
        GRAFT_TRY(append_opening(&body, shape));
        GRAFT_TRY(graft_text_appendf(&body, " %s", calls));
        GRAFT_TRY(graft_grammar__rule(m, &behind, "calls", &body));
        GRAFT_TRY(graft_grammar__until(m, &rule, graft_text_z(&shape->mark),
                                       words ? behind.name : NULL, false));
        body.len = 0;
        GRAFT_TRY(graft_text_append_z(&body, rule.name));
    } else {
        GRAFT_TRY(append_plain(&body));
    }
    if (!words) {
        GRAFT_TRY(graft_text_appendf(&body, " | %s %s", graft_text_z(&shape->open), calls));
    }
    rule = (graft_rule){"root"};
    status = graft_grammar__define(m, &rule, &body);
done:
    graft_text_clear(&body);
    return status;
}

/* --- the whole --- */

static graft_status begin(graft_grammar_maker *m, graft_grammar *out, bool python)
{
    graft_status status = GRAFT_OK;
    *m = (graft_grammar_maker){.out = out};
    graft_arena_init(&m->arena, 1 << 14);
    GRAFT_TRY(graft_text_append_z(&out->text, shared_rules));
    status = graft_text_append_z(&out->text, python ? python_rules : "");
done:
    return status;
}

static void end(graft_grammar_maker *m)
{
    graft_map_clear(&m->bodies);
    graft_map_clear(&m->values);
    graft_map_clear(&m->remarked);
    graft_arena_clear(&m->arena);
}

static graft_status add_tools(graft_grammar_maker *m, const graft_call_shape *shape,
                              const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_json *none = NULL;
    graft_text calls, one;
    graft_rule rule;
    static const char no_parameters[] = "{\"properties\": {}}";
    graft_text_init(&calls);
    graft_text_init(&one);
    GRAFT_TRY(graft_json_parse(&none, no_parameters, sizeof no_parameters - 1));
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        GRAFT_TRY(add_tool(m, &one, graft_json_get(graft_json_at(tools, i), "function"), none,
                           shape));
    }
    m->tool = NULL;
    GRAFT_TRY(graft_grammar__rule(m, &rule, "call", &one));
    GRAFT_TRY(graft_text_append_z(&calls, rule.name));
    if (shape->between.len > 0) {
        GRAFT_TRY(graft_text_appendf(&calls, " (%s %s)*", shape->between.data, rule.name));
    }
    GRAFT_TRY(graft_text_appendf(&calls, " %s", graft_text_z(&shape->close)));
    status = add_reply(m, shape, graft_text_z(&calls));
done:
    graft_json_free(none);
    graft_text_clear(&calls);
    graft_text_clear(&one);
    return status;
}

graft_status graft_grammar_make(graft_grammar *out, const graft_export_serving *serving,
                                const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_grammar_maker m;
    graft_call_shape shape;
    graft_grammar_init(out);
    graft_call_shape_init(&shape);
    m = (graft_grammar_maker){0};
    if (graft_json_length(tools) == 0) {
        status = graft_fail(GRAFT_E_DATA, "no tools are declared: there is nothing to constrain");
        goto done;
    }
    GRAFT_TRY(graft_call_shape_learn(&shape, serving));
    GRAFT_TRY(begin(&m, out, shape.kind != GRAFT_CALL_JSON));
    GRAFT_TRY(graft_text_append_z(&out->dialect, shape.dialect));
    status = add_tools(&m, &shape, tools);
done:
    end(&m);
    graft_call_shape_clear(&shape);
    if (status != GRAFT_OK) {
        graft_grammar_clear(out);
    }
    return status;
}

graft_status graft_grammar_of_schema(graft_grammar *out, const graft_json *json)
{
    graft_status status = GRAFT_OK;
    graft_grammar_maker m;
    graft_schema *schema = NULL;
    graft_parts parts = {0};
    graft_rule rule, root = {"root"};
    graft_text body;
    graft_text_init(&body);
    graft_grammar_init(out);
    GRAFT_TRY(begin(&m, out, false));
    GRAFT_TRY(graft_schema_compile(&schema, json, GRAFT_SCHEMA_2020_12));
    m.schema = schema;
    GRAFT_TRY(graft_grammar__add_part(&m, &parts, json));
    GRAFT_TRY(graft_grammar__value(&m, &rule, &parts, GRAFT_SPELLED_JSON));
    if (rule.name[0] == 0) {
        status = graft_fail(GRAFT_E_DATA, "no value fits the schema");
        goto done;
    }
    GRAFT_TRY(graft_text_append_z(&body, rule.name));
    status = graft_grammar__define(&m, &root, &body);
done:
    end(&m);
    graft_schema_free(schema);
    graft_text_clear(&body);
    if (status != GRAFT_OK) {
        graft_grammar_clear(out);
    }
    return status;
}
