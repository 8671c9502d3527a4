/* refused.c - records of known layouts in which what training needs is not there. */
#include "data/reader.h"

static bool is_declaration(const graft_json *r)
{
    bool named = graft_json_has(r, "name") || graft_json_has(r, "api_name");
    bool described = graft_json_has(r, "description") || graft_json_has(r, "api_description");
    bool parameters = graft_json_has(r, "parameters") || graft_json_has(r, "query_parameters") ||
                      graft_json_has(r, "input_parameters");
    return named && described && parameters && !graft_json_has(r, "messages");
}

static bool is_query(const graft_json *r)
{
    return graft_json_has(r, "api_list") && graft_json_has(r, "query") &&
           !graft_json_has(r, "answer_generation") && !graft_json_has(r, "conversations");
}

static bool is_tooleval(const graft_json *r)
{
    return graft_json_has(r, "available_tools") &&
           graft_json_has(graft_json_get(r, "answer"), "answer_details");
}

static bool is_display(const graft_json *r)
{
    return graft_json_has(r, "messages_display") && !graft_json_has(r, "messages");
}

const char *graft_reader__refusal(const graft_json *record)
{
    static const struct {
        bool (*is)(const graft_json *record);
        const char *why;
    } known[] = {
        {is_declaration, "declares a tool: there is no conversation in it"},
        {is_query, "is a ToolBench query: the answer is missing (answer files have it)"},
        {is_tooleval, "is a ToolEval log, whose messages were cut at 100 characters: the rest of "
                      "them is missing"},
        {is_display, "is a transcript for display: the tool calls are missing "
                     "(\"assistant: None\")"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].is(record)) {
            return known[i].why;
        }
    }
    return NULL;
}
