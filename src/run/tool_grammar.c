/* tool_grammar.c - tools from a file, and their grammar into another. */
#include "run/tool_grammar.h"

#include <string.h>

#include "core/log.h"
#include "core/map.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "io/files.h"

#define FILE_LIMIT ((size_t)64 << 20)

void graft_tool_grammar_clear(graft_tool_grammar *made)
{
    graft_grammar_clear(&made->grammar);
    graft_free(made->path);
    *made = (graft_tool_grammar){0};
}

/* --- reading tools --- */

/* Tools of one spelling count once. */
typedef struct collection {
    graft_json *tools;
    graft_map known; /* name and parameters as text */
    graft_arena keys;
} collection;

static graft_status add_tool(collection *c, graft_json *tool)
{
    graft_status status = GRAFT_OK;
    const graft_json *function = graft_json_get(tool, "function");
    bool present = false;
    graft_text text;
    char *kept;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write(&text, graft_json_get(function, "name"), GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_json_write(&text, graft_json_get(function, "parameters"), GRAFT_JSON_COMPACT));
    if (graft_map_find(&c->known, text.data, text.len, NULL)) {
        goto done;
    }
    GRAFT_TRY(graft_arena_alloc(&c->keys, &kept, text.len, 1));
    memcpy(kept, text.data, text.len);
    GRAFT_TRY(graft_map_set(&c->known, kept, text.len, 0, &present));
    status = graft_json_push(c->tools, graft_json_retain(tool));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status add_tools(collection *c, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        GRAFT_TRY(add_tool(c, graft_json_at(tools, i)));
    }
done:
    return status;
}

/* The tools of a JSON file that holds them and no conversation; NULL if it is none. */
static graft_status tools_of_json(graft_json **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    if (!graft_str_ends_with(path, ".json")) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_file_read(&text, path, FILE_LIMIT));
    if (graft_json_parse(&value, graft_text_z(&text), text.len) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    const graft_json *first = graft_json_at(value, 0);
    bool list = graft_json_is(value, GRAFT_JSON_ARRAY) &&
                (graft_json_length(value) == 0 || graft_json_has(first, "function") ||
                 graft_json_has(first, "parameters") || graft_json_length(first) <= 2);
    bool object = graft_json_is(value, GRAFT_JSON_OBJECT) && !graft_json_has(value, "messages");
    if (list) {
        *out = graft_json_retain(value);
    } else if (object && graft_json_has(value, "tools")) {
        *out = graft_json_retain(graft_json_get(value, "tools"));
    }
done:
    graft_json_free(value);
    graft_text_clear(&text);
    return status;
}

/* Makes them canonical, as those of a conversation are. */
static graft_status add_loose(collection *c, graft_json *tools, const char *path)
{
    graft_status status = GRAFT_OK;
    static const char question[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"?\"}]}";
    graft_json *record = NULL;
    graft_conversation conversation;
    graft_conversation_init(&conversation);
    GRAFT_TRY(graft_json_parse(&record, question, sizeof question - 1));
    GRAFT_TRY(graft_json_set(record, "tools", graft_json_retain(tools)));
    if (graft_conversation_read(&conversation, record) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    status = add_tools(c, conversation.tools);
done:
    graft_conversation_clear(&conversation);
    graft_json_free(record);
    return status;
}

static graft_status add_dataset(collection *c, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_dataset dataset = {0};
    const graft_source source = {path, NULL, NULL};
    GRAFT_TRY(graft_dataset_read(&dataset, &source, false));
    for (size_t i = 0; i < dataset.n; i++) {
        GRAFT_TRY(add_tools(c, dataset.conversations[i].tools));
    }
done:
    graft_dataset_clear(&dataset);
    return status;
}

static graft_status collect(collection *c, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_json *loose = NULL;
    c->tools = graft_json_new_array();
    graft_map_init(&c->known);
    graft_arena_init(&c->keys, 1 << 14);
    if (c->tools == NULL) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: tools");
    }
    GRAFT_TRY(tools_of_json(&loose, path));
    GRAFT_TRY(loose != NULL ? add_loose(c, loose, path) : add_dataset(c, path));
    if (graft_json_length(c->tools) == 0) {
        status = graft_fail(GRAFT_E_DATA, "%s declares no tools", path);
    }
done:
    graft_json_free(loose);
    return status;
}

/* --- the whole --- */

static void say_remarks(const graft_grammar *grammar)
{
    for (size_t i = 0; i < grammar->n_remarks; i++) {
        graft_log(GRAFT_LOG_WARN, "grammar: %s", graft_text_z(&grammar->remarks[i]));
    }
    if (grammar->n_more > 0) {
        graft_log(GRAFT_LOG_WARN, "grammar: %zu more of the kind", grammar->n_more);
    }
}

graft_status graft_tool_grammar_write(graft_tool_grammar *out, const char *tools_path,
                                      const graft_export_serving *serving, const char *path)
{
    graft_status status = GRAFT_OK;
    collection c = {0};
    *out = (graft_tool_grammar){0};
    GRAFT_TRY(graft_path_check_output(path, tools_path));
    GRAFT_TRY(collect(&c, tools_path));
    status = graft_grammar_make(&out->grammar, serving, c.tools);
    if (status == GRAFT_E_DATA) { /* the tools' fault, not the template's */
        status = graft_fail_prefix("%s", tools_path);
    }
    GRAFT_TRY(status);
    out->n_tools = graft_json_length(c.tools);
    say_remarks(&out->grammar);
    GRAFT_TRY(graft_strdup(&out->path, path));
    status = graft_file_write(path, out->grammar.text.data, out->grammar.text.len);
done:
    graft_json_free(c.tools);
    graft_map_clear(&c.known);
    graft_arena_clear(&c.keys);
    return status;
}

graft_status graft_tool_grammar_table(const graft_tool_grammar *made, graft_text *out)
{
    return graft_text_appendf(out, "grammar   %s: calls of %zu tool%s as %s writes them, %zu rules, %zu "
                              "bytes, %zu remark%s\nuse it    llama-server -m MODEL.gguf --jinja "
                              "--grammar-file %s\n", made->path, made->n_tools,
                              made->n_tools == 1 ? "" : "s", graft_text_z(&made->grammar.dialect),
                              made->grammar.n_rules, made->grammar.text.len,
                              made->grammar.n_remarks + made->grammar.n_more,
                              made->grammar.n_remarks + made->grammar.n_more == 1 ? "" : "s",
                              made->path);
}

graft_status graft_tool_grammar_json(const graft_tool_grammar *made, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *remarks = graft_json_new_array();
    *out = NULL;
    GRAFT_TRY(graft_json_set_string(o, "path", made->path));
    GRAFT_TRY(graft_json_set_string(o, "dialect", graft_text_z(&made->grammar.dialect)));
    GRAFT_TRY(graft_json_set_int(o, "tools", (int64_t)made->n_tools));
    GRAFT_TRY(graft_json_set_int(o, "rules", (int64_t)made->grammar.n_rules));
    GRAFT_TRY(graft_json_set_int(o, "bytes", (int64_t)made->grammar.text.len));
    for (size_t i = 0; i < made->grammar.n_remarks; i++) {
        const graft_text *remark = &made->grammar.remarks[i];
        GRAFT_TRY(graft_json_push(remarks, graft_json_new_string(remark->data, remark->len)));
    }
    GRAFT_TRY(graft_json_set(o, "not_kept", graft_json_retain(remarks)));
    *out = graft_json_retain(o);
done:
    graft_json_free(remarks);
    graft_json_free(o);
    return status;
}
