/* tools.c - declared tools in canonical form. */
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "data/draft.h"

static graft_status add_tool(graft_json *tools, graft_map *names, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    bool declared = false;
    graft_json *wrapper = NULL, *taken;
    const graft_json *inner = graft_json_get(in, "function");
    const graft_json *function = graft_json_has(in, "function") ? inner : in;
    const graft_json *name = graft_json_get(function, "name");
    const graft_json *parameters = graft_json_get(function, "parameters");
    const char *type = graft_json_string(graft_json_get(in, "type"), NULL);
    if (type && strcmp(type, "function") != 0 && !graft_json_is(name, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "is of type \"%s\" (only functions are read)",
                          graft_draft__quoted(type));
    }
    if (!graft_json_is(name, GRAFT_JSON_STRING) || !graft_json_string(name, NULL)[0]) {
        return graft_fail(GRAFT_E_DATA, "has no name");
    }
    if (parameters && !graft_json_is(parameters, GRAFT_JSON_OBJECT)) {
        return graft_draft__bad("parameters", parameters);
    }
    const char *text = graft_json_string(name, NULL);
    GRAFT_TRY(graft_map_set(names, text, strlen(text), 0, &declared));
    if (declared) {
        return graft_fail(GRAFT_E_DATA, "\"%s\" is declared twice", graft_draft__quoted(text));
    }
    if (function != in && graft_json_has(in, "type")) {
        return graft_json_push(tools, graft_json_retain((graft_json *)(uintptr_t)in));
    }
    wrapper = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(wrapper, "type", "function"));
    GRAFT_TRY(graft_reader__set_shared(wrapper, "function", function));
    taken = wrapper;
    wrapper = NULL;
    GRAFT_TRY(graft_json_push(tools, taken));
done:
    graft_json_free(wrapper);
    return status;
}

graft_status graft_draft__tools(graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    graft_json *loose = conversation->tools, *parsed = NULL, *tools = NULL;
    graft_map names;
    size_t n = 0;
    const char *text = graft_json_string(loose, &n);
    graft_map_init(&names);
    conversation->tools = NULL;
    if (text && n) {
        if (graft_json_parse(&parsed, text, n) != GRAFT_OK) {
            status = graft_fail_prefix("tools are not JSON");
            goto done;
        }
    }
    const graft_json *list = text ? parsed : loose;
    if (list && !graft_json_is(list, GRAFT_JSON_ARRAY)) {
        status = graft_draft__bad("tools", list);
        goto done;
    }
    if (!graft_json_length(list)) {
        goto done;
    }
    tools = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(list); i++) {
        if (add_tool(tools, &names, graft_json_at(list, i)) != GRAFT_OK) {
            status = graft_fail_prefix("tool %zu", i + 1);
            goto done;
        }
    }
    conversation->tools = tools;
    tools = NULL;
done:
    graft_map_clear(&names);
    graft_json_free(tools);
    graft_json_free(parsed);
    graft_json_free(loose);
    return status;
}
